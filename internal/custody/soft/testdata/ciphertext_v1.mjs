// Writes ciphertext_v1.json: test vectors for docs/formats/ciphertext.md, made from that page with
// node:crypto alone and sharing no code with the program they test. Run once per format version:
//
//     node ciphertext_v1.mjs > ciphertext_v1.json
//
// Nonces and random bytes are fixed here so that the file can be made again. A program never may.

import { createCipheriv, createHash, createHmac } from 'node:crypto';

const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const pattern = (n, first) => Buffer.from(Array.from({ length: n }, (_, i) => (first + i) & 0xff));

// SP 800-108r1 §4.1, counter mode, PRF HMAC-SHA-256, r = 32.
function kbkdf(key, label, context, n) {
  const blocks = [];
  for (let i = 1; (i - 1) * 32 < n; i++) {
    blocks.push(hmac(key, u32(i), Buffer.from(label), Buffer.from([0]), context, u32(8 * n)));
  }
  return Buffer.concat(blocks).subarray(0, n);
}

function encodeContext(ec) {
  const pairs = Object.entries(ec ?? {}).map(kv => kv.map(s => Buffer.from(s, 'utf8')));
  pairs.sort((a, b) => Buffer.compare(a[0], b[0]));
  return Buffer.concat([u32(pairs.length), ...pairs.flat().flatMap(b => [u32(b.length), b])]);
}

const keyIdBytes = id => Buffer.from(id.replace(/^mrk-/, '').replaceAll('-', ''), 'hex');

function materialId(idKey, keyId, material) {
  const digest = createHash('sha256').update(material).digest();
  const zero = Buffer.from([0]);
  return hmac(idKey, Buffer.from('qkms key material id v1'), zero, Buffer.from(keyId), zero, digest).toString('hex');
}

const idKey = pattern(32, 0xc0);
const single = '1234abcd-12ab-34cd-56ef-1234567890ab';
const multi = 'mrk-1234abcd12ab34cd56ef1234567890ab';
const materialA = pattern(32, 0x00);
const materialB = pattern(32, 0x80);

function seal({ name, key_id = single, material = materialA, random = pattern(32, 0x40), nonce = pattern(12, 0xa0),
  encryption_context, plaintext = Buffer.from('attack at dawn'), flags, commitment }) {
  const id = materialId(idKey, key_id, material);
  flags ??= key_id.startsWith('mrk-') ? 1 : 0;
  const header = Buffer.concat([Buffer.from([0x51, 1, 1, flags]), keyIdBytes(key_id), Buffer.from(id, 'hex').subarray(0, 8), random]);
  const derived = kbkdf(material, 'qkms ciphertext v1', header, 64);
  const [kEnc, kCom] = [derived.subarray(0, 32), derived.subarray(32)];
  const prefix = Buffer.concat([header, commitment ?? kCom]); // the right one, but for a negative vector
  const aad = Buffer.concat([prefix, encodeContext(encryption_context)]);
  const gcm = createCipheriv('aes-256-gcm', kEnc, nonce, { authTagLength: 16 });
  gcm.setAAD(aad);
  const box = Buffer.concat([nonce, gcm.update(plaintext), gcm.final(), gcm.getAuthTag()]);
  const hex = b => b.toString('hex');
  return {
    name, key_id, material: hex(material), material_id: id, encryption_context, opens: true, plaintext: hex(plaintext),
    k_enc: hex(kEnc), k_com: hex(kCom), aad: hex(aad), blob: hex(Buffer.concat([prefix, box])),
  };
}

const good = [
  seal({ name: 'no encryption context' }),
  seal({ name: 'empty encryption context is none', encryption_context: {} }),
  seal({ name: 'one pair', encryption_context: { purpose: 'test' } }),
  seal({ name: 'pairs in byte order, not in order of writing or of UTF-16',
    encryption_context: { '\u{1f511}': 'key', '\uff5e': 'tilde', b: '2', a: '1', B: '3', '': 'empty key', c: '' } }),
  seal({ name: 'separators inside a value', encryption_context: { a: 'b=c' } }),
  seal({ name: 'separators inside a key', encryption_context: { 'a=b': 'c' } }),
  seal({ name: 'composed and decomposed letters differ', encryption_context: { caf\u00e9: '1', 'cafe\u0301': '2' } }),
  seal({ name: 'multi-Region key', key_id: multi, encryption_context: { purpose: 'test' } }),
  seal({ name: 'another material of the same key', material: materialB }),
  seal({ name: 'data key of 32 bytes', plaintext: pattern(32, 0x10), random: pattern(32, 0x77), nonce: pattern(12, 0x01) }),
  seal({ name: 'empty plaintext', plaintext: Buffer.alloc(0) }),
  seal({ name: 'longest plaintext a caller may send', plaintext: pattern(4096, 0x00) }),
];

const base = good[2]; // 'one pair'
const bytes = v => Buffer.from(v.blob, 'hex');

// refuse returns a vector that must not open: base with some members replaced.
const refuse = (name, change) => {
  const { key_id, material, material_id, encryption_context, blob } = { ...base, ...change };
  return { name, key_id, material, material_id, encryption_context, opens: false, blob };
};
const flip = (at, mask = 0x01) => { const b = bytes(base); b[at] ^= mask; return b.toString('hex'); };
const sameBytes = seal({ name: '', key_id: '00000000-0000-4000-8000-000000000001', encryption_context: { purpose: 'test' } });
const n = bytes(base).length;

const bad = [
  refuse('wrong magic', { blob: flip(0) }),
  refuse('unknown version', { blob: flip(1, 0x03) }),
  refuse('unknown suite', { blob: flip(2, 0x03) }),
  refuse('a reserved flag set', { blob: flip(3, 0x02) }),
  refuse('a reserved flag set by who made the blob', { blob: seal({ encryption_context: { purpose: 'test' }, flags: 0x80 }).blob }),
  refuse('multi-Region flag on a single-Region key', { blob: flip(3, 0x01) }),
  refuse('first bit of the key id', { blob: flip(4, 0x80) }),
  refuse('last bit of the short material id', { blob: flip(27) }),
  refuse('random bytes', { blob: flip(28) }),
  refuse('commitment', { blob: flip(91) }),
  refuse('nonce', { blob: flip(92) }),
  refuse('encrypted plaintext', { blob: flip(104) }),
  refuse('last bit of the tag', { blob: flip(n - 1) }),
  refuse('empty', { blob: '' }),
  refuse('header only', { blob: bytes(base).subarray(0, 60).toString('hex') }),
  refuse('one byte short of the least blob', { blob: bytes(good[10]).subarray(0, 119).toString('hex') }),
  refuse('last byte missing', { blob: bytes(base).subarray(0, n - 1).toString('hex') }),
  refuse('one byte too many', { blob: base.blob + '00' }),
  refuse('longer than 6144 bytes', { blob: seal({ encryption_context: { purpose: 'test' }, plaintext: Buffer.alloc(6025) }).blob }),
  refuse('context missing', { encryption_context: undefined }),
  refuse('context value in another case', { encryption_context: { purpose: 'Test' } }),
  refuse('context with a pair more', { encryption_context: { purpose: 'test', more: '' } }),
  refuse('context with key and value exchanged', { encryption_context: { test: 'purpose' } }),
  refuse('context with the separator moved', { blob: good[4].blob, encryption_context: good[5].encryption_context }),
  refuse('another material of the same key', { material: good[8].material, material_id: good[8].material_id }),
  refuse('the same bytes under another key', { key_id: sameBytes.key_id, material_id: sameBytes.material_id }),
  refuse('a commitment to another key, in a box that authenticates it',
    { blob: seal({ encryption_context: { purpose: 'test' }, commitment: Buffer.alloc(32) }).blob }),
];

console.log(JSON.stringify({ format: 'qkms ciphertext v1', id_key: idKey.toString('hex'), vectors: [...good, ...bad] }, null, 1));
