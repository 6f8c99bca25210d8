// Writes the parts of Project Wycheproof's vectors that the tests of pubkey and custody/soft use.
// node trim.mjs <directory of google/wycheproof at 2196000605e4>, in this directory.
import { readFileSync, writeFileSync } from "node:fs";

const [source] = process.argv.slice(2);
const read = (name) => JSON.parse(readFileSync(`${source}/testvectors/${name}_test.json`));

// One line a test, so that a difference shows which.
const write = (path, groups) => {
  const one = ({ tests, ...head }) =>
    `{${JSON.stringify(head).slice(1, -1)},"tests":[\n${tests.map((t) => JSON.stringify(t)).join(",\n")}\n]}`;
  const kept = groups.filter((g) => g.tests.length > 0);
  writeFileSync(path, `[\n${kept.map(one).join(",\n")}\n]\n`);
};

const signature = (t) => ({ id: t.tcId, comment: t.comment, msg: t.msg, sig: t.sig, result: t.result });
for (const name of [
  "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ecdsa_secp256k1_sha256",
  "rsa_pss_2048_sha256_mgf1_0", "rsa_pss_2048_sha256_mgf1_32", "rsa_pss_3072_sha256_mgf1_32", "rsa_pss_4096_sha256_mgf1_32",
  "rsa_signature_2048_sha256", "rsa_signature_3072_sha384", "rsa_signature_4096_sha512", "eddsa",
]) {
  write(`${name}.json`, read(name).testGroups.map((g) => ({ key: g.keyDer, tests: g.tests.map(signature) })));
}

const custody = "../../../custody/soft/testdata/wycheproof";
const agreement = (t) => ({ id: t.tcId, comment: t.comment, public: t.public, private: t.private, shared: t.shared, result: t.result });
for (const name of ["ecdh_secp256r1", "ecdh_secp384r1", "ecdh_secp521r1"]) {
  write(`${custody}/${name}.json`, read(name).testGroups.map((g) => ({ curve: g.curve, tests: g.tests.map(agreement) })));
}

// An HMAC key of the API is as long as the digest, and so is the tag.
const mac = (t) => ({ id: t.tcId, comment: t.comment, key: t.key, msg: t.msg, tag: t.tag, result: t.result });
for (const bits of [224, 256, 384, 512]) {
  const groups = read(`hmac_sha${bits}`).testGroups.filter((g) => g.keySize === bits && g.tagSize === bits);
  write(`${custody}/hmac_sha${bits}.json`, groups.map((g) => ({ bits, tests: g.tests.map(mac) })));
}

// The API has no labels.
const oaep = (t) => ({ id: t.tcId, comment: t.comment, msg: t.msg, ct: t.ct, result: t.result });
for (const name of [
  "rsa_oaep_2048_sha1_mgf1sha1", "rsa_oaep_2048_sha256_mgf1sha256", "rsa_oaep_3072_sha256_mgf1sha256", "rsa_oaep_4096_sha256_mgf1sha256",
]) {
  const groups = read(name).testGroups;
  write(`${custody}/${name}.json`, groups.map((g) => ({ key: g.privateKeyPkcs8, tests: g.tests.filter((t) => t.label === "").map(oaep) })));
}
