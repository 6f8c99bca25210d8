#!/usr/bin/env python3
"""Keys, signatures, ciphertexts and secrets exchanged with OpenSSL.

    interop.py make  > theirs.json    OpenSSL makes, TestInterop opens
    interop.py check < ours.json      TestInterop -update makes, OpenSSL opens

Needs the Python package cryptography >= 48 with OpenSSL >= 3.5, for SM2 the program openssl >= 3.0.
Ed25519ph is in neither; RFC 8032 is short enough to do it here.
"""
import hashlib, json, os, subprocess, sys, tempfile
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa, utils

RAW, DIGEST, MU = "RAW", "DIGEST", "EXTERNAL_MU"
MESSAGE = b"The quick brown fox jumps over the lazy dog"
CURVES = {"ECC_NIST_P256": (ec.SECP256R1, "256"), "ECC_NIST_P384": (ec.SECP384R1, "384"),
          "ECC_NIST_P521": (ec.SECP521R1, "512"), "ECC_SECG_P256K1": (ec.SECP256K1, "256")}
HASHES = {"1": hashes.SHA1, "224": hashes.SHA224, "256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
MLDSA = {"ML_DSA_44": mldsa.MLDSA44PrivateKey, "ML_DSA_65": mldsa.MLDSA65PrivateKey, "ML_DSA_87": mldsa.MLDSA87PrivateKey}
MLKEM = {"ML_KEM_768": mlkem.MLKEM768PrivateKey, "ML_KEM_1024": mlkem.MLKEM1024PrivateKey}


def spki(key):
    return key.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)


def pkcs8(key):
    return key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())


def hash_of(algorithm):
    return HASHES[algorithm.rsplit("_", 1)[1]]()


def digest_of(algorithm, message):
    h = hashes.Hash(hash_of(algorithm))
    h.update(message)
    return h.finalize()


def rsa_padding(algorithm):
    h = hash_of(algorithm)
    if algorithm.startswith("RSAES"):
        return padding.OAEP(padding.MGF1(h), h, None)
    if "PSS" in algorithm:
        return padding.PSS(padding.MGF1(h), h.digest_size)
    return padding.PKCS1v15()


# Ed25519ph by RFC 8032 §5.1, verification only.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def ed_add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P)


def ed_mul(s, a):
    r = (0, 1)
    for bit in bin(s)[2:]:
        r = ed_add(r, r)
        if bit == "1":
            r = ed_add(r, a)
    return r


def ed_decode(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert v * x * x % P == u, "not a point"
    return (P - x if x & 1 != sign else x, y)


def ed25519ph_verify(public, prehash, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    dom2 = b"SigEd25519 no Ed25519 collisions\x01\x00"
    k = int.from_bytes(hashlib.sha512(dom2 + r + public + prehash).digest(), "little") % L
    base = ed_decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    if s >= L or ed_mul(s, base) != ed_add(ed_decode(r), ed_mul(k, ed_decode(public))):
        raise InvalidSignature


# SM2 by the program openssl, with files for its arguments.
def openssl(*args, **files):
    with tempfile.TemporaryDirectory() as d:
        for name, content in files.items():
            with open(os.path.join(d, name), "wb") as f:
                f.write(content)
        return subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True).stdout


SM2_ID = ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]


def make_sm2():
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-outform", "DER")
    key = openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", "-in", "key", key=key)
    public = openssl("pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER", key=key)
    signature = openssl("pkeyutl", "-sign", "-keyform", "DER", "-inkey", "key", "-in", "m", *SM2_ID, key=key, m=MESSAGE)
    ciphertext = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "p", "-in", "m", p=public, m=MESSAGE)
    return entry("SM2", public, key,
                 signatures=[sig("SM2DSA", RAW, MESSAGE, signature)],
                 ciphertexts=[{"algorithm": "SM2PKE", "plaintext": MESSAGE.hex(), "ciphertext": ciphertext.hex()}])


def sm2_x(k, point):
    """The x-coordinate of k times a point of SM2 (GM/T 0003.5)."""
    p = 2**256 - 2**224 - 2**96 + 2**64 - 1
    base, r = (int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")), None
    for bit in bin(k)[2:]:
        if r:
            r = sm2_sum(p, r, r, (3 * r[0] * r[0] - 3) * pow(2 * r[1], -1, p))
        if bit == "1":
            r = sm2_sum(p, r, base, (base[1] - r[1]) * pow(base[0] - r[0], -1, p)) if r else base
    return r[0]


def sm2_sum(p, a, b, slope):
    x = (slope * slope - a[0] - b[0]) % p
    return (x, (slope * (a[0] - x) - a[1]) % p)


def check_sm2(e):
    key, public = bytes.fromhex(e["private"]), bytes.fromhex(e["public"])
    assert openssl("pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER", key=key) == public
    for s in e.get("signatures", []):
        if s["kind"] == DIGEST:
            args = []
        else:
            args = SM2_ID
        openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "p", "-in", "m", "-sigfile", "s", *args,
                p=public, m=bytes.fromhex(s["message"]), s=bytes.fromhex(s["signature"]))
    for c in e.get("ciphertexts", []):
        got = openssl("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", "key", "-in", "c", key=key, c=bytes.fromhex(c["ciphertext"]))
        assert got.hex() == c["plaintext"]
    for s in e.get("secrets", []):
        # openssl has no ECDH for this curve. The scalar of a PKCS #8 key with public key stands before it.
        got = sm2_x(int.from_bytes(key[36:68], "big"), bytes.fromhex(s["peer"])[-64:]).to_bytes(32, "big")
        assert got.hex() == s["secret"]


def entry(spec, public, private=None, seed=None, **rest):
    e = {"spec": spec, "public": public.hex()}
    if private:
        e["private"] = private.hex()
    if seed:
        e["seed"] = seed.hex()
    return e | rest


def sig(algorithm, kind, message, signature):
    return {"algorithm": algorithm, "kind": kind, "message": message.hex(), "signature": signature.hex()}


def both(algorithm, signature):
    return [sig(algorithm, RAW, MESSAGE, signature), sig(algorithm, DIGEST, digest_of(algorithm, MESSAGE), signature)]


def make():
    for bits in (2048, 3072, 4096):
        k = rsa.generate_private_key(65537, bits)
        signatures, ciphertexts = [], []
        for h in ("256", "384", "512"):
            for a in ("RSASSA_PKCS1_V1_5_SHA_" + h, "RSASSA_PSS_SHA_" + h):
                signatures += both(a, k.sign(MESSAGE, rsa_padding(a), hash_of(a)))
        for a in ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"):
            c = k.public_key().encrypt(MESSAGE, rsa_padding(a))
            ciphertexts.append({"algorithm": a, "plaintext": MESSAGE.hex(), "ciphertext": c.hex()})
        yield entry(f"RSA_{bits}", spki(k.public_key()), pkcs8(k), signatures=signatures, ciphertexts=ciphertexts)
    for spec, (curve, h) in CURVES.items():
        k, a = ec.generate_private_key(curve()), "ECDSA_SHA_" + h
        e = entry(spec, spki(k.public_key()), pkcs8(k), signatures=both(a, k.sign(MESSAGE, ec.ECDSA(hash_of(a)))))
        if spec != "ECC_SECG_P256K1":
            peer = ec.generate_private_key(curve()).public_key()
            e["secrets"] = [{"peer": spki(p).hex(), "secret": k.exchange(ec.ECDH(), p).hex()} for p in (peer, k.public_key())]
        yield e
    k = ed25519.Ed25519PrivateKey.generate()
    yield entry("ECC_NIST_EDWARDS25519", spki(k.public_key()), pkcs8(k), signatures=[sig("ED25519_SHA_512", RAW, MESSAGE, k.sign(MESSAGE))])
    for spec, kind in MLDSA.items():
        k = kind.generate()
        public = k.public_key().public_bytes_raw()
        mu = hashlib.shake_256(hashlib.shake_256(public).digest(64) + b"\0\0" + MESSAGE).digest(64)
        s = k.sign(MESSAGE)
        yield entry(spec, spki(k.public_key()), seed=k.private_bytes_raw(),
                    signatures=[sig("ML_DSA_SHAKE_256", RAW, MESSAGE, s), sig("ML_DSA_SHAKE_256", MU, mu, s)])
    for spec, kind in MLKEM.items():
        k = kind.generate()
        secret, ciphertext = k.public_key().encapsulate()
        yield entry(spec, spki(k.public_key()), seed=k.private_bytes_raw(),
                    encapsulated=[{"ciphertext": ciphertext.hex(), "secret": secret.hex()}])
    yield make_sm2()
    for bits in ("224", "256", "384", "512"):
        key = os.urandom(int(bits) // 8)
        h = hmac.HMAC(key, HASHES[bits]())
        h.update(MESSAGE)
        yield entry("HMAC_" + bits, b"", key, macs=[{"algorithm": "HMAC_SHA_" + bits, "message": MESSAGE.hex(), "mac": h.finalize().hex()}])


def verify(public, algorithm, kind, message, signature):
    h = utils.Prehashed(hash_of(algorithm)) if kind == DIGEST else algorithm[:3] != "ML_" and hash_of(algorithm)
    if algorithm.startswith("RSA"):
        public.verify(signature, message, rsa_padding(algorithm), h)
    elif algorithm.startswith("ECDSA"):
        public.verify(signature, message, ec.ECDSA(h))
    elif algorithm == "ED25519_PH_SHA_512":  # the API hashes the digest it is given
        ed25519ph_verify(public.public_bytes_raw(), hashlib.sha512(message).digest(), signature)
    elif kind == MU:  # made by TestInterop of MESSAGE
        public.verify(signature, MESSAGE)
    else:
        public.verify(signature, message)


def check(entries):
    for e in entries:
        spec = e["spec"]
        if spec == "SM2":
            check_sm2(e)
        elif spec != "ML_KEM_512":  # which OpenSSL has, and cryptography does not
            public = ser.load_der_public_key(bytes.fromhex(e["public"]))
            private = ser.load_der_private_key(bytes.fromhex(e["private"]), None) if "private" in e else None
            assert spki(public).hex() == e["public"]
            assert not private or spki(private.public_key()).hex() == e["public"]
            for s in e.get("signatures", []):
                verify(public, s["algorithm"], s["kind"], bytes.fromhex(s["message"]), bytes.fromhex(s["signature"]))
            for c in e.get("ciphertexts", []):
                assert private.decrypt(bytes.fromhex(c["ciphertext"]), rsa_padding(c["algorithm"])).hex() == c["plaintext"]
            for s in e.get("secrets", []):
                peer = ser.load_der_public_key(bytes.fromhex(s["peer"]))
                assert private.exchange(ec.ECDH(), peer).hex() == s["secret"]
            for s in e.get("encapsulated", []):
                assert private.decapsulate(bytes.fromhex(s["ciphertext"])).hex() == s["secret"]
        print("not checked" if spec == "ML_KEM_512" else "ok", spec, {k: len(v) for k, v in e.items() if isinstance(v, list)})


if sys.argv[1:] == ["make"]:
    print("[\n" + ",\n".join(json.dumps(e) for e in make()) + "\n]")
elif sys.argv[1:] == ["check"]:
    check(json.load(sys.stdin))
else:
    sys.exit(__doc__)
