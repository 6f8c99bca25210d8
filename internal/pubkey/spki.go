package pubkey

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The AlgorithmIdentifiers, in DER. Each key has one encoding, so identifiers are compared and not
// parsed: parameters of a curve written out, which could name a generator of somebody's choosing,
// are no identifier of ours (CVE-2020-0601).
const (
	rsaID  = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"        // 1.2.840.113549.1.1.1, NULL
	p256ID = "\x30\x13" + ecPublicKey + "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07" // 1.2.840.10045.3.1.7
	p384ID = "\x30\x10" + ecPublicKey + "\x06\x05\x2b\x81\x04\x00\x22"             // 1.3.132.0.34
	p521ID = "\x30\x10" + ecPublicKey + "\x06\x05\x2b\x81\x04\x00\x23"             // 1.3.132.0.35
	k1ID   = "\x30\x10" + ecPublicKey + "\x06\x05\x2b\x81\x04\x00\x0a"             // 1.3.132.0.10
	sm2ID  = "\x30\x13" + ecPublicKey + "\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d" // 1.2.156.10197.1.301
	edID   = "\x30\x05\x06\x03\x2b\x65\x70"                                        // 1.3.101.112 (RFC 8410 §3)
	nistID = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04"                        // 2.16.840.1.101.3.4, of which:
	dsaID  = nistID + "\x03"                                                       // .3.17 .18 .19 (RFC 9881 §2)
	kemID  = nistID + "\x04"                                                       // .4.1 .2 .3 (RFC 9935 §3)

	ecPublicKey = "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" // 1.2.840.10045.2.1
)

// A form is how the key of one spec stands in a SubjectPublicKeyInfo.
type form struct {
	id    string
	parse func(bits []byte) (any, error) // what Key.of holds
}

var forms = map[string]form{
	"RSA_2048":              {rsaID, parseRSA(2048)},
	"RSA_3072":              {rsaID, parseRSA(3072)},
	"RSA_4096":              {rsaID, parseRSA(4096)},
	"ECC_NIST_P256":         {p256ID, parseNIST(elliptic.P256(), ecdh.P256())},
	"ECC_NIST_P384":         {p384ID, parseNIST(elliptic.P384(), ecdh.P384())},
	"ECC_NIST_P521":         {p521ID, parseNIST(elliptic.P521(), ecdh.P521())},
	"ECC_SECG_P256K1":       {k1ID, parseSECG},
	"ECC_NIST_EDWARDS25519": {edID, parseEd25519},
	"ML_DSA_44":             {dsaID + "\x11", parseMLDSA44},
	"ML_DSA_65":             {dsaID + "\x12", parseMLDSA65},
	"ML_DSA_87":             {dsaID + "\x13", parseMLDSA87},
	"ML_KEM_512":            {kemID + "\x01", parseMLKEM512},
	"ML_KEM_768":            {kemID + "\x02", parseMLKEM768},
	"ML_KEM_1024":           {kemID + "\x03", parseMLKEM1024},
	"SM2":                   {sm2ID, parseSM2},
}

// AlgorithmID is the DER AlgorithmIdentifier of a spec's keys, which stands before private keys as well
// (RFC 5208 §5); nil for a spec without public key.
func AlgorithmID(spec string) []byte { return []byte(forms[spec].id) }

// Encode returns the DER SubjectPublicKeyInfo of a key with these Bytes. They are the caller's promise:
// spec is one with public keys, and the bytes are a key of it.
func Encode(spec string, bits []byte) []byte {
	f, ok := forms[spec]
	if !ok {
		panic("pubkey: internal error: " + spec + " has no public key") // the caller has made one
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes([]byte(f.id))
		b.AddASN1BitString(bits)
	})
	return b.BytesOrPanic() // fails for lengths beyond 32 bits only
}

// Parse reads a DER SubjectPublicKeyInfo. It returns ErrBadKey for whatever Encode would not have
// returned for a valid key, whether it is another encoding of it or no key at all.
func Parse(spki []byte) (*Key, error) {
	in := cryptobyte.String(spki)
	var info, id cryptobyte.String
	var bits []byte
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !in.Empty() ||
		!info.ReadASN1Element(&id, asn1.SEQUENCE) || !info.ReadASN1BitStringAsBytes(&bits) || !info.Empty() {
		return nil, fmt.Errorf("%w: not a SubjectPublicKeyInfo", ErrBadKey)
	}
	err := fmt.Errorf("%w: unknown algorithm", ErrBadKey)
	for _, spec := range specByID[string(id)] {
		var of any
		if of, err = forms[spec].parse(bits); err == nil {
			return &Key{spec: spec, bits: bits, of: of}, nil
		}
	}
	return nil, err
}

// specByID holds one spec an identifier, and three for RSA, which are told by the modulus.
var specByID = func() map[string][]string {
	m := make(map[string][]string)
	for spec, f := range forms {
		m[f.id] = append(m[f.id], spec)
	}
	return m
}()

// bad says why bits are no key.
func bad(spec string, err error) error { return fmt.Errorf("%w: %s: %w", ErrBadKey, spec, err) }
