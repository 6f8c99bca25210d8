package soft

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"qkms/internal/custody"
	"qkms/internal/pubkey"
)

var (
	errNotPKCS8  = errors.New("not a PKCS #8 private key")
	errOtherSpec = errors.New("private key of another kind")
	errMismatch  = errors.New("public key does not belong to the private key")
)

// encodePKCS8 returns the PrivateKeyInfo of RFC 5208 §5 around a key.
func encodePKCS8(spec string, key []byte) []byte {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, len(key)+64)) // 64: never grown, so no copy stays behind
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(pubkey.AlgorithmID(spec))
		b.AddASN1OctetString(key)
	})
	return b.BytesOrPanic() // the header takes 26 bytes at most
}

// importPKCS8 returns the stored form of an imported key of spec, or ErrBadMaterial with what is wrong.
func importPKCS8(spec string, given []byte) ([]byte, error) {
	stored, err := storedFrom(spec, given)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", custody.ErrBadMaterial, err)
	}
	return stored, nil
}

func storedFrom(spec string, given []byte) ([]byte, error) {
	r := recipes[spec]
	given, err := asDER(given, r.ber)
	if err != nil {
		return nil, err
	}
	key, public, err := parsePKCS8(spec, given)
	if err != nil {
		return nil, err
	}
	if key, err = asDER(key, r.ber); err != nil {
		return nil, err
	}
	defer clear(key) // a copy either way
	stored, err := r.imports(key)
	if err != nil {
		return nil, err
	}
	if k, err := r.decode(stored); err != nil {
		return nil, err
	} else if public != nil && !bytes.Equal(public, k.public()) {
		return nil, errMismatch
	}
	return stored, nil
}

// asDER returns a copy of in, from BER if that is accepted.
func asDER(in []byte, ber bool) ([]byte, error) {
	if !ber {
		return bytes.Clone(in), nil
	}
	return toDER(in)
}

// parsePKCS8 takes a PrivateKeyInfo (RFC 5208 §5), or the OneAsymmetricKey that added the public key to
// it (RFC 5958 §2), of spec. Attributes are skipped.
func parsePKCS8(spec string, der []byte) (key, public []byte, err error) {
	in := cryptobyte.String(der)
	var info, id, inner, bits cryptobyte.String
	var version int
	var hasPublic bool
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !in.Empty() ||
		!info.ReadASN1Integer(&version) || version < 0 || version > 1 ||
		!info.ReadASN1Element(&id, asn1.SEQUENCE) ||
		!info.ReadASN1(&inner, asn1.OCTET_STRING) ||
		!info.SkipOptionalASN1(asn1.Tag(0).ContextSpecific().Constructed()) ||
		!info.ReadOptionalASN1(&bits, &hasPublic, asn1.Tag(1).ContextSpecific()) ||
		!info.Empty() || hasPublic && version == 0 {
		return nil, nil, errNotPKCS8
	}
	if !bytes.Equal(id, pubkey.AlgorithmID(spec)) {
		return nil, nil, errOtherSpec
	}
	if hasPublic {
		if len(bits) == 0 || bits[0] != 0 { // unused bits of an implicit BIT STRING
			return nil, nil, errNotPKCS8
		}
		public = bits[1:]
	}
	return inner, public, nil
}
