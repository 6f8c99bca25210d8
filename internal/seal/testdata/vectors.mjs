// Writes vectors.json: a state, records, tokens and derived keys as docs/formats/root.md and
// sealed-record.md describe them, made with node:crypto and nothing of the Go program.
//
//	node internal/seal/testdata/vectors.mjs > internal/seal/testdata/vectors.json
//
// What is random in use is a hash of its name here, so the output is the same every time.
import { createCipheriv, createHash, createHmac } from "node:crypto";

const fixed = (name, n = 32) => createHash("sha256").update("qkms test vector: " + name).digest().subarray(0, n);
const utf8 = (s) => Buffer.from(s, "utf8");
const cat = (...parts) => Buffer.concat(parts);

const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v); return b; };
const u64 = (v) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(v)); return b; };
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

// One block of SP 800-108 counter mode is all that 256 bits take.
const kbkdf = (key, label, context) =>
  hmac(key, cat(u32(1), utf8(label), Buffer.of(0), context, u32(256)));

const bind = (...parts) => cat(...parts.flatMap((p) => [u32(p.length), p]));

function box(name, key, label, scope, aad, plaintext) {
  const salt = fixed(name + " salt"), nonce = fixed(name + " nonce", 12);
  const gcm = createCipheriv("aes-256-gcm", kbkdf(key, label, cat(salt, scope)), nonce).setAAD(aad);
  const ciphertext = cat(gcm.update(plaintext), gcm.final());
  return cat(salt, nonce, ciphertext, gcm.getAuthTag());
}

// Protocol Buffers by hand: varints and length-delimited fields.
function varint(v) {
  const out = [];
  for (v = BigInt(v); v > 127n; v >>= 7n) out.push(Number(v & 127n) | 128);
  return Buffer.from([...out, Number(v)]);
}
const num = (field, v) => cat(varint(field << 3), varint(v));
const str = (field, b) => cat(varint((field << 3) | 2), varint(b.length), b);

const none = Buffer.alloc(0);
const created = 1790000000000;
const store = fixed("store", 16);
store[6] = (store[6] & 0x0f) | 0x40;
store[8] = (store[8] & 0x3f) | 0x80;

const unseal = fixed("unseal"), root = fixed("root"), anchor = fixed("anchor");
const keks = new Map([[3, fixed("kek 3")], [4, fixed("kek 4")]]);
const current = 4;

const slot = (id, kind, key, params) => str(5, cat(
  num(1, id), str(2, utf8(kind)), num(3, created), ...params,
  str(5, box("slot " + id, key, "qkms wrap root v1", none,
    bind(utf8("qkms wrap root v1"), store, u32(id), utf8(kind)), root)),
));

// Node 20 has no Argon2id. This is its output by @noble/hashes 1.8.0 for passphrase and parameters below.
const passphrase = "correct horse battery \u2013 \u00e9";
const argon2 = cat(str(1, fixed("argon2 salt", 16)), num(2, 2), num(3, 8192), num(4, 3));
const stretched = Buffer.from("85221a78de060f4229d60ee4b6c31cd3ba40450a9860ea07828ff702c6af495f", "hex");

const kekFields = [...keks].map(([id, kek]) => str(6, cat(
  num(1, id), num(2, created + id),
  str(3, box("wrap kek " + id, root, "qkms wrap kek v1", none,
    bind(utf8("qkms wrap kek v1"), store, u32(id)), kek)),
)));
const body = cat(
  num(1, 1), str(2, store), num(3, created), num(4, 9),
  slot(7, "file", unseal, []), slot(8, "passphrase", stretched, [str(4, argon2)]), ...kekFields, num(7, current),
  str(8, box("wrap anchor", root, "qkms wrap anchor v1", none, bind(utf8("qkms wrap anchor v1"), store), anchor)),
);
const mac = hmac(kbkdf(root, "qkms state mac v1", store), body);
const state = cat(str(1, body), str(2, mac));

function record(name, kek, key, ver, schema, plaintext) {
  const aad = bind(Buffer.of(1), store, key, u64(ver), u32(schema), u32(kek));
  const sealed = cat(Buffer.of(1), u32(kek), box(name, keks.get(kek), "qkms record v1", none, aad, plaintext));
  return { name, kek, key: key.toString("hex"), ver: String(ver), schema, plaintext: plaintext.toString("hex"), sealed: sealed.toString("hex") };
}

const tokenKey = kbkdf(anchor, "qkms token key v1", u32(1));

function token(name, purpose, parts, plaintext) {
  const header = Buffer.of(2, 1);
  const aad = bind(header, store, utf8(purpose), bind(...parts.map(utf8)));
  const raw = cat(header, box(name, tokenKey, "qkms token v2", utf8(purpose), aad, plaintext));
  return { name, purpose, bind: parts, plaintext: plaintext.toString("hex"), token: raw.toString("base64url") };
}

const derive = (label) => ({ label, key: kbkdf(anchor, "qkms derive v1", utf8(label)).toString("hex") });

console.log(JSON.stringify({
  keyFiles: {
    base64: "qkms-root-key-v1:" + unseal.toString("base64"),
    hex: "qkms-root-key-v1:" + unseal.toString("hex"),
  },
  passphrase,
  store: store.toString("hex"),
  generation: 9,
  current,
  root: root.toString("hex"),
  anchor: anchor.toString("hex"),
  keks: Object.fromEntries([...keks].map(([id, k]) => [id, k.toString("hex")])),
  state: state.toString("hex"),
  records: [
    record("a record", 4, utf8("k\u0000111122223333"), 1, 1, utf8("a body of a record")),
    record("under an older KEK", 3, utf8("k\u0000111122223333"), 2, 1, utf8("a body of a record")),
    record("empty body", 4, utf8("g"), 7, 2, none),
    record("empty key", 4, none, 0, 0, utf8("x")),
    record("greatest numbers", 4, Buffer.from("ff00ff", "hex"), 18446744073709551615n, 4294967295, fixed("long", 32)),
  ],
  tokens: [
    token("a page marker", "marker", ["111122223333", "ListKeys"], utf8("k\u0000next")),
    token("empty", "grant", [], none),
  ],
  derived: [derive("change log link v1"), derive("")],
}, null, 2));
