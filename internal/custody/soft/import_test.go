package soft_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

// theirs is the key of spec that OpenSSL made.
func theirs(t testing.TB, spec string) exchange {
	t.Helper()
	text, err := os.ReadFile("testdata/interop/theirs.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if x.Spec == spec {
			return x
		}
	}
	t.Fatalf("no key of %s", spec)
	return exchange{}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// private is a PKCS #8 key, and what RFC 5958 added to it.
type private struct {
	Version    int
	ID         asn1.RawValue
	Key        []byte
	Attributes asn1.RawValue  `asn1:"optional"`
	Public     asn1.BitString `asn1:"optional,tag:1"`
}

// pkcs8 puts a key into its frame.
func pkcs8(t testing.TB, spec string, key []byte) []byte {
	t.Helper()
	return marshal(t, private{ID: asn1.RawValue{FullBytes: pubkey.AlgorithmID(spec)}, Key: key})
}

// inner is the key of a PKCS #8 frame.
func inner(t testing.TB, der []byte) []byte {
	t.Helper()
	var p private
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) > 0 {
		t.Fatalf("PKCS #8: %x, %v", rest, err)
	}
	return p.Key
}

// sec1 is an ECPrivateKey.
type sec1 struct {
	Version    int
	Scalar     []byte
	Parameters asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	Public     asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func ecKey(t testing.TB, spec string) (k sec1) {
	t.Helper()
	if rest, err := asn1.Unmarshal(inner(t, theirs(t, spec).Private), &k); err != nil || len(rest) > 0 {
		t.Fatalf("ECPrivateKey: %x, %v", rest, err)
	}
	return k
}

var oids = map[string]asn1.ObjectIdentifier{
	"ECC_NIST_P256": {1, 2, 840, 10045, 3, 1, 7}, "ECC_NIST_P384": {1, 3, 132, 0, 34}, "ECC_NIST_P521": {1, 3, 132, 0, 35},
	"ECC_SECG_P256K1": {1, 3, 132, 0, 10}, "SM2": {1, 2, 156, 10197, 1, 301},
}

// ber writes DER with indefinite lengths, octet strings in two pieces, and other lengths in four bytes.
func ber(der []byte) (out []byte) {
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			panic(err)
		}
		switch tag := der[0]; {
		case v.IsCompound:
			out = append(append(append(out, tag, 0x80), ber(v.Bytes)...), 0, 0)
		case tag == 0x04:
			half := len(v.Bytes) / 2
			out = append(out, 0x24, 0x80)
			for _, piece := range [][]byte{v.Bytes[:half], v.Bytes[half:]} {
				out = append(append(out, 0x04, 0x82, byte(len(piece)>>8), byte(len(piece))), piece...)
			}
			out = append(out, 0, 0)
		default:
			out = append(append(out, tag, 0x84, 0, 0, byte(len(v.Bytes)>>8), byte(len(v.Bytes))), v.Bytes...)
		}
		der = rest
	}
	return out
}

// TestEncodingsOfOneKey: however a key is written, it is the same material.
func TestEncodingsOfOneKey(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	for _, spec := range []string{"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "SM2", "ECC_NIST_EDWARDS25519"} {
		x := theirs(t, spec)
		key := inner(t, x.Private)
		encodings := map[string][]byte{"as it came": x.Private}
		p, err := pubkey.Parse(x.Public)
		if err != nil {
			t.Fatal(err)
		}
		public := asn1.BitString{Bytes: p.Bytes(), BitLength: 8 * len(p.Bytes())}
		if oid, ok := oids[spec]; ok {
			k := ecKey(t, spec)
			half := len(p.Bytes()) / 2
			compressed := append([]byte{2 + p.Bytes()[2*half]&1}, p.Bytes()[1:1+half]...)
			for name, k := range map[string]sec1{
				"scalar only":      {1, k.Scalar, nil, asn1.BitString{}},
				"with curve":       {1, k.Scalar, oid, asn1.BitString{}},
				"with all":         {1, k.Scalar, oid, public},
				"compressed point": {1, k.Scalar, oid, asn1.BitString{Bytes: compressed, BitLength: 8 * len(compressed)}},
				"zeroes before":    {1, append(make([]byte, 3), k.Scalar...), nil, public},
				"no zeroes before": {1, bytes.TrimLeft(k.Scalar, "\x00"), nil, public},
			} {
				encodings[name] = pkcs8(t, spec, marshal(t, k))
			}
		}
		frame := private{Version: 1, ID: asn1.RawValue{FullBytes: pubkey.AlgorithmID(spec)}, Key: key, Public: public}
		encodings["RFC 5958"] = marshal(t, frame)
		frame.Attributes = asn1.RawValue{FullBytes: []byte("\xa0\x0d\x30\x0b\x06\x03\x55\x1d\x0f\x31\x04\x03\x02\x00\x80")}
		encodings["with attributes"] = marshal(t, frame)
		if spec != "ECC_NIST_EDWARDS25519" {
			encodings["BER outside"] = ber(x.Private)
			encodings["BER inside"] = pkcs8(t, spec, ber(key))
			encodings["BER throughout"] = ber(pkcs8(t, spec, ber(key)))
		}
		var id string
		for name, given := range encodings {
			before := bytes.Clone(given)
			made, err := s.Make(t.Context(), singleKey, spec, given)
			if err != nil {
				t.Errorf("%s, %s: %v", spec, name, err)
				continue
			}
			if !bytes.Equal(made.PublicKey, x.Public) {
				t.Errorf("%s, %s: got public key %x, want %x", spec, name, made.PublicKey, []byte(x.Public))
			}
			if id == "" {
				id = made.MaterialID
			}
			if made.MaterialID != id {
				t.Errorf("%s, %s: got id %s, want %s", spec, name, made.MaterialID, id)
			}
			if !bytes.Equal(given, before) {
				t.Errorf("%s, %s: what was given has changed", spec, name)
			}
		}
	}
}

func refuseImports(t *testing.T, spec string, given map[string][]byte) {
	t.Helper()
	s := soft.New(newDrawer(), idKey, nil)
	for name, given := range given {
		if made, err := s.Make(t.Context(), singleKey, spec, given); !errors.Is(err, custody.ErrBadMaterial) {
			t.Errorf("%s, %s: got %v, %v, want ErrBadMaterial", spec, name, made.MaterialID, err)
		} else if printed := err.Error(); len(printed) > 200 {
			t.Errorf("%s, %s: got a long error, %s", spec, name, printed)
		}
	}
}

func TestImportsThatAreNoKeyOfTheSpec(t *testing.T) {
	for _, spec := range allSpecs {
		given := map[string][]byte{"nothing": {}, "zeroes": make([]byte, 1000), "text": []byte("-----BEGIN PRIVATE KEY-----"), "a seed": make([]byte, 31)}
		for _, other := range []string{"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "SM2", "HMAC_512"} {
			if other != spec {
				given["a key of "+other] = theirs(t, other).Private
			}
		}
		if spec == "HMAC_384" {
			delete(given, "a key of ECC_NIST_EDWARDS25519") // 48 bytes, like any other
		}
		refuseImports(t, spec, given)
	}
}

func TestImportsOfWhatIsNotImported(t *testing.T) {
	for _, spec := range []string{"ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"} {
		refuseImports(t, spec, map[string][]byte{"a seed": make([]byte, 32), "a long seed": make([]byte, 64), "PKCS #8": pkcs8(t, spec, make([]byte, 64))})
	}
}

func TestRawImportsOfAnotherSize(t *testing.T) {
	for spec, size := range map[string]int{symmetric: 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64} {
		given := map[string][]byte{}
		for _, n := range []int{0, 1, 16, 28, 32, 48, 64, 128, 129} {
			if n != size {
				given[fmt.Sprint(n, " bytes")] = make([]byte, n)
			}
		}
		refuseImports(t, spec, given)
	}
}

func TestHostileFrames(t *testing.T) {
	for _, spec := range []string{"RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"} {
		x := theirs(t, spec)
		key := inner(t, x.Private)
		id := asn1.RawValue{FullBytes: pubkey.AlgorithmID(spec)}
		other := shared(t, spec).public
		foreign := asn1.BitString{Bytes: other[len(other)-32:], BitLength: 256}
		given := map[string][]byte{
			"a byte more":               append(bytes.Clone(x.Private), 0),
			"twice":                     append(bytes.Clone(x.Private), x.Private...),
			"a byte more inside":        pkcs8(t, spec, append(bytes.Clone(key), 0)),
			"no key inside":             pkcs8(t, spec, nil),
			"the bare key":              key,
			"the public key":            x.Public,
			"version 2":                 marshal(t, private{Version: 2, ID: id, Key: key}),
			"public key of version 0":   marshal(t, private{ID: id, Key: key, Public: foreign}),
			"public key of another":     marshal(t, private{Version: 1, ID: id, Key: key, Public: foreign}),
			"public key not of bytes":   marshal(t, private{Version: 1, ID: id, Key: key, Public: asn1.BitString{Bytes: []byte{0}, BitLength: 7}}),
			"no algorithm":              marshal(t, private{ID: asn1.RawValue{FullBytes: []byte{0x30, 0}}, Key: key}),
			"deeper than any key nests": bytes.Repeat([]byte{0x30, 0x80}, 3000),
			"no end of contents":        ber(x.Private)[:len(ber(x.Private))-2],
			"length of another world":   {0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		}
		for n := range len(x.Private) {
			given[fmt.Sprint("cut at ", n)] = x.Private[:n]
		}
		refuseImports(t, spec, given)
	}
}

func TestHostileECKeys(t *testing.T) {
	orders := map[string]string{
		"ECC_NIST_P256":   "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
		"ECC_NIST_P384":   "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
		"ECC_NIST_P521":   "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
		"ECC_SECG_P256K1": "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
		"SM2":             "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
	}
	for spec, order := range orders {
		var n hexBytes
		if err := n.UnmarshalText([]byte(order)); err != nil {
			t.Fatal(err)
		}
		above := bytes.Clone(n)
		above[len(above)-1]++
		k := ecKey(t, spec)
		wrongPoint := bytes.Clone(k.Public.Bytes)
		wrongPoint[len(wrongPoint)-1] ^= 1
		otherPoint, err := pubkey.Parse(shared(t, spec).public)
		if err != nil {
			t.Fatal(err)
		}
		wrongOID := oids["ECC_NIST_P256"]
		if spec == "ECC_NIST_P256" {
			wrongOID = oids["ECC_SECG_P256K1"]
		}
		bits := func(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }
		given := map[string][]byte{}
		for name, k := range map[string]sec1{
			"scalar 0":               {1, make([]byte, len(n)), nil, asn1.BitString{}},
			"scalar n":               {1, n, nil, asn1.BitString{}},
			"scalar n+1":             {1, above, nil, asn1.BitString{}},
			"all ones":               {1, bytes.Repeat([]byte{0xff}, len(n)), nil, asn1.BitString{}},
			"scalar too long":        {1, append([]byte{1}, k.Scalar...), nil, asn1.BitString{}},
			"no scalar":              {1, nil, nil, asn1.BitString{}},
			"version 0":              {0, k.Scalar, nil, asn1.BitString{}},
			"version 2":              {2, k.Scalar, nil, asn1.BitString{}},
			"curve of another spec":  {1, k.Scalar, wrongOID, k.Public},
			"point off the curve":    {1, k.Scalar, nil, bits(wrongPoint)},
			"point of another key":   {1, k.Scalar, nil, bits(otherPoint.Bytes())},
			"compressed, wrong sign": {1, k.Scalar, nil, bits(append([]byte{3 - k.Public.Bytes[len(k.Public.Bytes)-1]&1}, k.Public.Bytes[1:1+len(n)]...))},
			"point at infinity":      {1, k.Scalar, nil, bits([]byte{0})},
			"point of no bytes":      {1, k.Scalar, nil, asn1.BitString{Bytes: k.Public.Bytes, BitLength: 8*len(k.Public.Bytes) - 1}},
		} {
			given[name] = pkcs8(t, spec, marshal(t, k))
		}
		if spec == "SM2" { // 1 ≤ d ≤ n-2
			below := bytes.Clone(n)
			below[len(below)-1]--
			given["scalar n-1"] = pkcs8(t, spec, marshal(t, sec1{1, below, nil, asn1.BitString{}}))
		}
		refuseImports(t, spec, given)
	}
}

// pkcs1 is an RSAPrivateKey.
type pkcs1 struct {
	Version               int
	N                     *big.Int
	E                     int
	D, P, Q, DP, DQ, QInv *big.Int
	Additional            []struct{ Prime, Exponent, Coefficient *big.Int } `asn1:"optional,omitempty"`
}

func TestHostileRSAKeys(t *testing.T) {
	key := inner(t, theirs(t, "RSA_2048").Private)
	given := map[string][]byte{}
	add := func(name string, change func(*pkcs1)) {
		var k pkcs1
		if _, err := asn1.Unmarshal(key, &k); err != nil {
			t.Fatal(err)
		}
		change(&k)
		given[name] = pkcs8(t, "RSA_2048", marshal(t, k))
	}
	inc := func(v *big.Int) *big.Int { return new(big.Int).Add(v, big.NewInt(2)) }
	add("n", func(k *pkcs1) { k.N = inc(k.N) })
	add("e", func(k *pkcs1) { k.E += 2 })
	add("e is 1", func(k *pkcs1) { k.E = 1 })
	add("e is even", func(k *pkcs1) { k.E = 65538 })
	add("e is negative", func(k *pkcs1) { k.E = -3 })
	add("d", func(k *pkcs1) { k.D = inc(k.D) })
	add("d is 0", func(k *pkcs1) { k.D = new(big.Int) })
	add("p", func(k *pkcs1) { k.P = inc(k.P) })
	add("q", func(k *pkcs1) { k.Q = inc(k.Q) })
	add("p is 1", func(k *pkcs1) { k.P, k.Q = big.NewInt(1), k.N })
	add("p and q change places alone", func(k *pkcs1) { k.P, k.Q = k.Q, k.P })
	add("dP", func(k *pkcs1) { k.DP = inc(k.DP) })
	add("dQ", func(k *pkcs1) { k.DQ = inc(k.DQ) })
	add("qInv", func(k *pkcs1) { k.QInv = inc(k.QInv) })
	add("qInv is 0", func(k *pkcs1) { k.QInv = new(big.Int) })
	add("version 1 with two primes", func(k *pkcs1) { k.Version = 1 })
	refuseImports(t, "RSA_2048", given)

	add("nothing", func(*pkcs1) {}) // the test's own encoding is good
	if _, err := soft.New(newDrawer(), idKey, nil).Make(t.Context(), singleKey, "RSA_2048", given["nothing"]); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestThreePrimes(t *testing.T) {
	//lint:ignore SA1019 to see what it makes refused
	k, err := rsa.GenerateMultiPrimeKey(rand.Reader, 3, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refuseImports(t, "RSA_2048", map[string][]byte{"three primes": pkcs8(t, "RSA_2048", x509.MarshalPKCS1PrivateKey(k))})
}

// TestEd25519Imports: nothing but DER (operations.md §10.5 [R2]).
func TestEd25519Imports(t *testing.T) {
	const spec = "ECC_NIST_EDWARDS25519"
	x := theirs(t, spec)
	seed := inner(t, x.Private)[2:]
	if got := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey); !strings.HasSuffix(string(x.Public), string(got)) {
		t.Fatalf("got %x, which is not the key's seed", seed)
	}
	refuseImports(t, spec, map[string][]byte{
		"BER":               ber(x.Private),
		"BER inside":        pkcs8(t, spec, ber(inner(t, x.Private))),
		"long length":       append([]byte{0x30, 0x81, 0x2e}, x.Private[2:]...),
		"seed of 31 bytes":  pkcs8(t, spec, marshal(t, seed[1:])),
		"seed of 33 bytes":  pkcs8(t, spec, marshal(t, append(bytes.Clone(seed), 0))),
		"seed without wrap": pkcs8(t, spec, seed),
		"seed and key":      pkcs8(t, spec, marshal(t, []byte(ed25519.NewKeyFromSeed(seed)))),
	})
}

// FuzzImport: what is imported is imported again from what a pair would export, and nothing panics.
func FuzzImport(f *testing.F) {
	specs := []string{"ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "SM2"} // the fast ones
	for i, spec := range specs {
		x := theirs(f, spec)
		f.Add(i, []byte(x.Private))
		f.Add(i, ber(x.Private))
	}
	s := soft.New(newDrawer(), idKey, nil)
	f.Fuzz(func(t *testing.T, i int, given []byte) {
		if i < 0 || i >= len(specs) || len(given) == 0 {
			return
		}
		made, err := s.Make(t.Context(), singleKey, specs[i], given)
		if err != nil {
			if !errors.Is(err, custody.ErrBadMaterial) {
				t.Errorf("got %v, want ErrBadMaterial", err)
			}
			return
		}
		if k, err := pubkey.Parse(made.PublicKey); err != nil || k.Spec() != specs[i] {
			t.Errorf("public key: got %v, %v, want one of %s", k, err, specs[i])
		}
	})
}
