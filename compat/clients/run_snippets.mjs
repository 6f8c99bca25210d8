// Runs programs for the AWS SDK for JavaScript, each with an access key of its own, and prints a line of JSON for what each
// of them got.
//
// The argument is a file with a list of {"File", "AccessKeyID", "Secret"}.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { KMSServiceException } from "@aws-sdk/client-kms";

const print = console.log;

function onTheWire(name, value) {
  const is = this[name]; // before its toJSON
  if (is instanceof Uint8Array) return Buffer.from(is).toString("base64");
  if (is instanceof Date) return is / 1000;
  return value;
}

async function run(file) {
  let answer;
  console.log = (shown) => { answer = shown; };
  try {
    await import(pathToFileURL(file));
  } catch (failed) {
    if (!(failed instanceof KMSServiceException)) throw failed;
    const message = failed.message === "UnknownError" ? "" : failed.message; // how the SDK says that there was none
    return { refusal: { code: failed.name, message } };
  }
  delete answer.$metadata;
  return { answer };
}

for (const call of JSON.parse(await readFile(process.argv[2], "utf8"))) {
  process.env.AWS_ACCESS_KEY_ID = call.AccessKeyID;
  process.env.AWS_SECRET_ACCESS_KEY = call.Secret;
  print(JSON.stringify(await run(call.File), onTheWire));
}
