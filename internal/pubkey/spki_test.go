package pubkey_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mlkem"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"filippo.io/mldsa"
	mldsax509 "filippo.io/mldsa/x509"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/emmansun/gmsm/ecdh"

	"qkms/internal/pubkey"
)

// oddModulus is no product of two primes that anybody knows, which nobody can see.
func oddModulus(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return n.Add(n, big.NewInt(12345))
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// bits returns a public key of each spec as it stands in the BIT STRING.
func bits(t testing.TB) map[string][]byte {
	t.Helper()
	seed := bytes.Repeat([]byte{7}, 64)
	all := map[string][]byte{
		"ECC_NIST_EDWARDS25519": ed25519.NewKeyFromSeed(seed[:32]).Public().(ed25519.PublicKey),
		"ECC_SECG_P256K1":       secp256k1.PrivKeyFromBytes(seed[:32]).PubKey().SerializeUncompressed(),
		"ML_KEM_768":            must[*mlkem.DecapsulationKey768](t)(mlkem.NewDecapsulationKey768(seed)).EncapsulationKey().Bytes(),
		"ML_KEM_1024":           must[*mlkem.DecapsulationKey1024](t)(mlkem.NewDecapsulationKey1024(seed)).EncapsulationKey().Bytes(),
		"ML_KEM_512":            make([]byte, mlkem512.PublicKeySize),
	}
	for spec, size := range map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096} {
		all[spec] = x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: oddModulus(size), E: 65537})
	}
	for spec, c := range map[string]elliptic.Curve{"ECC_NIST_P256": elliptic.P256(), "ECC_NIST_P384": elliptic.P384(), "ECC_NIST_P521": elliptic.P521()} {
		scalar := make([]byte, (c.Params().BitSize+7)/8)
		copy(scalar[1:], seed)
		k := must[*ecdsa.PrivateKey](t)(ecdsa.ParseRawPrivateKey(c, scalar))
		all[spec] = must[[]byte](t)(k.PublicKey.Bytes())
	}
	for spec, p := range map[string]mldsa.Parameters{"ML_DSA_44": mldsa.MLDSA44(), "ML_DSA_65": mldsa.MLDSA65(), "ML_DSA_87": mldsa.MLDSA87()} {
		all[spec] = must[*mldsa.PrivateKey](t)(mldsa.NewPrivateKey(p, seed[:32])).PublicKey().Bytes()
	}
	k512, _ := mlkem512.NewKeyFromSeed(seed)
	k512.Pack(all["ML_KEM_512"])
	all["SM2"] = must[*ecdh.PrivateKey](t)(ecdh.P256().NewPrivateKey(seed[:32])).PublicKey().Bytes()
	return all
}

// TestSizes: operations.md §7.4 [R2]; those of ML-KEM and SM2 follow from RFC 9935 and GM/T 0009.
func TestSizes(t *testing.T) {
	want := map[string]int{
		"RSA_2048": 294, "RSA_3072": 422, "RSA_4096": 550,
		"ECC_NIST_P256": 91, "ECC_NIST_P384": 120, "ECC_NIST_P521": 158, "ECC_SECG_P256K1": 88, "SM2": 91,
		"ECC_NIST_EDWARDS25519": 44,
		"ML_DSA_44":             1334, "ML_DSA_65": 1974, "ML_DSA_87": 2614,
		"ML_KEM_512": 822, "ML_KEM_768": 1206, "ML_KEM_1024": 1590,
	}
	all := bits(t)
	if got := len(all); got != len(want) {
		t.Fatalf("got %d specs, want %d", got, len(want))
	}
	for spec, key := range all {
		if got := len(pubkey.Encode(spec, key)); got != want[spec] {
			t.Errorf("%s: got %d bytes, want %d", spec, got, want[spec])
		}
	}
}

func TestParseReadsWhatEncodeWrites(t *testing.T) {
	for spec, key := range bits(t) {
		k, err := pubkey.Parse(pubkey.Encode(spec, key))
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if k.Spec() != spec || !bytes.Equal(k.Bytes(), key) {
			t.Errorf("got %s %x, want %s %x", k.Spec(), k.Bytes(), spec, key)
		}
	}
}

// TestLibrariesReadWhatEncodeWrites: and write the same.
func TestLibrariesReadWhatEncodeWrites(t *testing.T) {
	for spec, key := range bits(t) {
		spki := pubkey.Encode(spec, key)
		switch spec {
		case "ECC_SECG_P256K1", "SM2", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024":
			continue // not x509's; see custody/soft's TestInterop
		}
		public, err := mldsax509.ParsePKIXPublicKey(spki)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if again, err := mldsax509.MarshalPKIXPublicKey(public); err != nil || !bytes.Equal(again, spki) {
			t.Errorf("%s: got %x, %v, want %x", spec, again, err, spki)
		}
	}
}

func TestEveryChangeOfTheFrameIsRefused(t *testing.T) {
	for spec, key := range bits(t) {
		spki := pubkey.Encode(spec, key)
		refuse := func(what string, spki []byte) {
			t.Helper()
			if k, err := pubkey.Parse(spki); !errors.Is(err, pubkey.ErrBadKey) {
				t.Errorf("%s, %s: got %v, %v, want ErrBadKey", spec, what, k, err)
			}
		}
		for i := range len(spki) - len(key) {
			flipped := bytes.Clone(spki)
			flipped[i] ^= 1
			if k, err := pubkey.Parse(flipped); err == nil && k.Spec() == spec {
				t.Errorf("%s, byte %d: got a key", spec, i)
			}
		}
		for n := range spki {
			refuse("cut short", spki[:n])
		}
		refuse("a byte more", append(bytes.Clone(spki), 0))
		refuse("twice", slices.Concat(spki, spki))
		refuse("key a byte shorter", pubkey.Encode(spec, key[:len(key)-1]))
		refuse("key a byte longer", pubkey.Encode(spec, append(bytes.Clone(key), 0)))
		refuse("no key", pubkey.Encode(spec, nil))
		refuse("the bare key", key)
	}
}

// point returns the uncompressed point of coordinates, which need not be one.
func point(size int, x, y *big.Int) []byte {
	b := make([]byte, 1+2*size)
	b[0] = 4
	x.FillBytes(b[1 : 1+size])
	y.FillBytes(b[1+size:])
	return b
}

func TestHostileKeys(t *testing.T) {
	all := bits(t)
	p256, k1 := all["ECC_NIST_P256"], all["ECC_SECG_P256K1"]
	offCurve := func(p []byte) []byte {
		b := bytes.Clone(p)
		b[len(b)-1] ^= 1
		return b
	}
	hybrid := func(p []byte) []byte {
		b := bytes.Clone(p)
		b[0] = 6 + b[len(b)-1]&1
		return b
	}
	compressed := func(p []byte) []byte {
		return append([]byte{2 + p[len(p)-1]&1}, p[1:1+len(p)/2]...)
	}
	rsaKey := func(n *big.Int, e int) []byte { return x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: e}) }
	field := elliptic.P256().Params().P
	bigPoly := bytes.Repeat([]byte{0xff}, 1184)
	for _, tt := range []struct {
		name, spec string
		key        []byte
	}{
		{"P-256: off the curve", "ECC_NIST_P256", offCurve(p256)},
		{"P-256: at infinity", "ECC_NIST_P256", []byte{0}},
		{"P-256: zeroes", "ECC_NIST_P256", make([]byte, 65)},
		{"P-256: origin", "ECC_NIST_P256", point(32, new(big.Int), new(big.Int))},
		{"P-256: coordinate not reduced", "ECC_NIST_P256", point(32, field, big.NewInt(1))},
		{"P-256: compressed", "ECC_NIST_P256", compressed(p256)},
		{"P-256: hybrid", "ECC_NIST_P256", hybrid(p256)},
		{"P-256: point of secp256k1", "ECC_NIST_P256", k1},
		{"P-384: point of P-256", "ECC_NIST_P384", p256},
		{"P-521: off the curve", "ECC_NIST_P521", offCurve(all["ECC_NIST_P521"])},
		{"secp256k1: off the curve", "ECC_SECG_P256K1", offCurve(k1)},
		{"secp256k1: compressed", "ECC_SECG_P256K1", compressed(k1)},
		{"secp256k1: hybrid", "ECC_SECG_P256K1", hybrid(k1)},
		{"secp256k1: point of P-256", "ECC_SECG_P256K1", p256},
		{"secp256k1: at infinity", "ECC_SECG_P256K1", []byte{0}},
		{"SM2: off the curve", "SM2", offCurve(all["SM2"])},
		{"SM2: point of P-256", "SM2", p256},
		{"SM2: compressed", "SM2", compressed(all["SM2"])},
		{"SM2: hybrid", "SM2", hybrid(all["SM2"])},
		{"RSA: 1024 bits", "RSA_2048", rsaKey(oddModulus(1024), 65537)},
		{"RSA: 2047 bits", "RSA_2048", rsaKey(oddModulus(2047), 65537)},
		{"RSA: 8192 bits", "RSA_4096", rsaKey(oddModulus(8192), 65537)},
		{"RSA: exponent 1", "RSA_2048", rsaKey(oddModulus(2048), 1)},
		{"RSA: exponent even", "RSA_2048", rsaKey(oddModulus(2048), 65538)},
		{"RSA: modulus even", "RSA_2048", rsaKey(new(big.Int).Lsh(big.NewInt(1), 2047), 65537)},
		{"RSA: modulus negative", "RSA_2048", must[[]byte](t)(asn1.Marshal(struct{ N, E *big.Int }{new(big.Int).Neg(oddModulus(2048)), big.NewInt(65537)}))},
		{"ML-KEM-768: coefficients not below q", "ML_KEM_768", bigPoly},
		{"ML-KEM-512: coefficients not below q", "ML_KEM_512", bytes.Repeat([]byte{0xff}, 800)},
		{"ML-KEM-1024: key of ML-KEM-768", "ML_KEM_1024", all["ML_KEM_768"]},
		{"ML-DSA-44: key of ML-DSA-65", "ML_DSA_44", all["ML_DSA_65"]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if k, err := pubkey.Parse(pubkey.Encode(tt.spec, tt.key)); !errors.Is(err, pubkey.ErrBadKey) {
				t.Errorf("got %v, %v, want ErrBadKey", k, err)
			}
		})
	}
}

// TestForeignFrames are keys that other software might send and that have another encoding here.
func TestForeignFrames(t *testing.T) {
	all := bits(t)
	frame := func(oid asn1.ObjectIdentifier, parameters any, bits asn1.BitString) []byte {
		type id struct {
			Algorithm  asn1.ObjectIdentifier
			Parameters any `asn1:"optional"`
		}
		type idAlone struct{ Algorithm asn1.ObjectIdentifier }
		if parameters == nil {
			return must[[]byte](t)(asn1.Marshal(struct {
				ID   idAlone
				Bits asn1.BitString
			}{idAlone{oid}, bits}))
		}
		return must[[]byte](t)(asn1.Marshal(struct {
			ID   id
			Bits asn1.BitString
		}{id{oid, parameters}, bits}))
	}
	whole := func(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }
	var (
		rsaOID   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
		pssOID   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
		ecOID    = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
		edOID    = asn1.ObjectIdentifier{1, 3, 101, 112}
		x25519   = asn1.ObjectIdentifier{1, 3, 101, 110}
		p224     = asn1.ObjectIdentifier{1, 3, 132, 0, 33}
		p256OID  = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
		explicit = struct{ Version int }{1}
	)
	if _, err := pubkey.Parse(frame(rsaOID, asn1.NullRawValue, whole(all["RSA_2048"]))); err != nil {
		t.Fatalf("the test's own frame: %v", err)
	}
	for _, tt := range []struct {
		name string
		spki []byte
	}{
		{"RSA without NULL", frame(rsaOID, nil, whole(all["RSA_2048"]))},
		{"RSA-PSS key", frame(pssOID, asn1.NullRawValue, whole(all["RSA_2048"]))},
		{"Ed25519 with NULL", frame(edOID, asn1.NullRawValue, whole(all["ECC_NIST_EDWARDS25519"]))},
		{"X25519", frame(x25519, nil, whole(all["ECC_NIST_EDWARDS25519"]))},
		{"curve without parameters", frame(ecOID, nil, whole(all["ECC_NIST_P256"]))},
		{"curve of NULL", frame(ecOID, asn1.NullRawValue, whole(all["ECC_NIST_P256"]))},
		{"curve written out", frame(ecOID, explicit, whole(all["ECC_NIST_P256"]))},
		{"curve that is not ours", frame(ecOID, p224, whole(all["ECC_NIST_P256"]))},
		{"bits that are not bytes", frame(ecOID, p256OID, asn1.BitString{Bytes: all["ECC_NIST_P256"], BitLength: 65*8 - 1})},
		{"nothing", nil},
		{"PEM", []byte("-----BEGIN PUBLIC KEY-----")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if k, err := pubkey.Parse(tt.spki); !errors.Is(err, pubkey.ErrBadKey) {
				t.Errorf("got %v, %v, want ErrBadKey", k, err)
			}
		})
	}
}
