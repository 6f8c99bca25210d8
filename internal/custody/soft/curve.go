package soft

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A curve is one that ECPrivateKey (RFC 5915) describes keys of.
type curve struct {
	oid      string // DER of the named curve
	size     int    // of a scalar in bytes
	slow     bool   // takes more than 0.2 ms to use
	generate func() ([]byte, error)
	decode   func(scalar []byte) (privateKey, error) // checks the scalar's range
}

func (c *curve) recipe() recipe {
	return recipe{generate: c.generate, decode: c.decode, imports: c.imports, exports: c.exports, slowUse: c.slow, ber: true}
}

const ecPrivateKeyVersion = 1 // RFC 5915 §3

// exports writes both optional parts, parameters and public key, as the API does (operations.md §7.5).
func (c *curve) exports(scalar, public []byte) []byte {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, len(scalar)+len(public)+64)) // never grown, so no copy stays behind
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(ecPrivateKeyVersion)
		b.AddASN1OctetString(scalar)
		b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(c.oid)) })
		b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1BitString(public) })
	})
	return b.BytesOrPanic() // the headers take 29 bytes at most
}

var errNotEC = errors.New("not an EC private key")

// imports reads an ECPrivateKey. Parameters, if there are any, name the same curve; a public key, if
// there is one, belongs to the scalar.
func (c *curve) imports(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var key, scalar, parameters, point cryptobyte.String
	var version int
	var hasParameters, hasPublic bool
	if !in.ReadASN1(&key, asn1.SEQUENCE) || !in.Empty() ||
		!key.ReadASN1Integer(&version) || version != ecPrivateKeyVersion ||
		!key.ReadASN1(&scalar, asn1.OCTET_STRING) ||
		!key.ReadOptionalASN1(&parameters, &hasParameters, asn1.Tag(0).ContextSpecific().Constructed()) ||
		!key.ReadOptionalASN1(&point, &hasPublic, asn1.Tag(1).ContextSpecific().Constructed()) ||
		!key.Empty() || hasParameters && string(parameters) != c.oid {
		return nil, errNotEC
	}
	stored, err := c.pad(scalar)
	if err != nil {
		return nil, err
	}
	k, err := c.decode(stored)
	if err != nil {
		return nil, err
	}
	var public []byte
	if hasPublic && (!point.ReadASN1BitStringAsBytes(&public) || !point.Empty() || !samePoint(public, k.public())) {
		return nil, errMismatch
	}
	return stored, nil
}

// pad brings a scalar to full length. RFC 5915 §3 wants it so already; older writers do without leading
// zeroes or put too many.
func (c *curve) pad(scalar []byte) ([]byte, error) {
	for len(scalar) > c.size {
		if scalar[0] != 0 {
			return nil, errNotEC
		}
		scalar = scalar[1:]
	}
	stored := make([]byte, c.size)
	copy(stored[c.size-len(scalar):], scalar)
	return stored, nil
}

// samePoint says whether a point, compressed or not, is the uncompressed one (SEC 1 §2.3.3).
func samePoint(point, full []byte) bool {
	half := len(full) / 2
	if len(point) != 1+half {
		return bytes.Equal(point, full)
	}
	return point[0] == 2+full[len(full)-1]&1 && bytes.Equal(point[1:], full[1:1+half])
}
