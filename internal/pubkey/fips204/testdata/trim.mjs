// Writes acvp_sigver.json: NIST's ML-DSA signature verification vectors (ACVP-Server, ML-DSA-sigVer-FIPS204,
// interface "internal"), with μ = SHAKE256(SHAKE256(pk, 64) ‖ M′, 64) in place of M′.
// node trim.mjs <directory with prompt.json.gz and expectedResults.json.gz>, in this directory.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const [source] = process.argv.slice(2);
const read = (name) => JSON.parse(gunzipSync(readFileSync(`${source}/${name}.json.gz`)));
const shake = (...parts) => {
  const h = createHash("shake256", { outputLength: 64 });
  parts.forEach((p) => h.update(p));
  return h.digest();
};

const results = new Map(read("expectedResults").testGroups.flatMap((g) => g.tests.map((t) => [t.tcId, t.testPassed])));
const lines = read("prompt").testGroups.flatMap((g) => g.tests.map((t) => {
  const key = Buffer.from(t.pk ?? g.pk, "hex");
  return JSON.stringify({
    id: t.tcId, set: g.parameterSet, key: key.toString("hex"),
    mu: shake(shake(key), Buffer.from(t.message, "hex")).toString("hex"),
    signature: t.signature.toLowerCase(), passed: results.get(t.tcId),
  });
}));
writeFileSync("acvp_sigver.json", `[\n${lines.join(",\n")}\n]\n`);
