// Package blob is the byte layout of symmetric ciphertexts, version 1 (docs/formats/ciphertext.md).
//
// Parse reads one, Header.Append and AAD are what a sealer builds one from. There is no cryptography
// here: a Blob that parses may still open under no key at all.
package blob

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// Sizes in bytes.
const (
	HeaderSize     = 60                          // magic … random: the context of the key derivation
	CommitmentSize = 32                          //
	PrefixSize     = HeaderSize + CommitmentSize // what the box authenticates besides its content
	Overhead       = PrefixSize + 12 + 16        // with the nonce and tag of the box
	MaxSize        = 6144                        // CiphertextBlob of the API model
)

const (
	magic   = 'Q'  // no blob of another service or format begins with it
	version = 0x01 // this page of docs/formats
	suite   = 0x01 // AES-256-GCM under a key, with a commitment, from KBKDF-HMAC-SHA-256

	flagMultiRegion = 0x01 // the key id is "mrk-" and 32 digits
)

// Where the fields of the header begin.
const (
	offKeyID    = 4
	offMaterial = 20
	offRandom   = 28
)

// ErrMalformed is returned when bytes are no ciphertext of this version. What was wrong is of no use
// to who sent it, and is not said.
var ErrMalformed = errors.New("blob: malformed")

// A ShortID is the first 8 bytes of a KeyMaterialId. It is enough to find a material among those of
// one key; which one really sealed a blob, the commitment says.
type ShortID [8]byte

// Short returns the short form of a KeyMaterialId, which is 64 lower-case hex digits.
func Short(materialID string) (id ShortID, err error) {
	var full [32]byte
	if len(materialID) != 64 || !decodeLower(full[:], materialID) {
		return id, fmt.Errorf("blob: material id of %d characters is not 64 lower-case hex digits", len(materialID))
	}
	copy(id[:], full[:])
	return id, nil
}

// String returns 16 hex digits: how the KeyMaterialId begins.
func (id ShortID) String() string { return hex.EncodeToString(id[:]) }

// A Header says which key and material seal a blob. Random is fresh for each, from a cryptographic
// generator: it makes the key of this one message.
type Header struct {
	KeyID      string // "8-4-4-4-12" lower-case hex digits, or "mrk-" and 32 of them
	MaterialID ShortID
	Random     [32]byte
}

// Append appends the HeaderSize bytes of h. The error says that KeyID has neither form; callers turn
// upper case into lower before.
func (h *Header) Append(dst []byte) ([]byte, error) {
	raw, flags, ok := parseKeyID(h.KeyID)
	if !ok {
		return dst, fmt.Errorf("blob: key id %q is not in canonical form", h.KeyID)
	}
	dst = append(dst, magic, version, suite, flags)
	dst = append(dst, raw[:]...)
	dst = append(dst, h.MaterialID[:]...)
	return append(dst, h.Random[:]...), nil
}

// A Blob is a view of parsed bytes. It is valid as long as they are not written to, and all of its
// methods may be called concurrently.
type Blob struct{ b []byte }

// Parse checks the layout of b, which is Overhead to MaxSize bytes long, and keeps b. There is
// exactly one spelling of every blob: b is again its Header, Commitment and Box. The only error is
// ErrMalformed.
func Parse(b []byte) (Blob, error) {
	if len(b) < Overhead || len(b) > MaxSize {
		return Blob{}, ErrMalformed
	}
	if b[0] != magic || b[1] != version || b[2] != suite || b[3]&^flagMultiRegion != 0 {
		return Blob{}, ErrMalformed
	}
	return Blob{b}, nil
}

// KeyID returns the key id in canonical form, as a claim of whoever made the blob.
func (b Blob) KeyID() string { return formatKeyID(b.b[offKeyID:offMaterial], b.b[3]) }

// MaterialID returns the short id of the material.
func (b Blob) MaterialID() ShortID { return ShortID(b.b[offMaterial:offRandom]) }

// Header returns the fields of the first HeaderSize bytes.
func (b Blob) Header() Header {
	return Header{KeyID: b.KeyID(), MaterialID: b.MaterialID(), Random: [32]byte(b.b[offRandom:HeaderSize])}
}

// Head returns the first HeaderSize bytes, the context of the key derivation. Like the three below
// it returns a part of the parsed bytes, not a copy.
func (b Blob) Head() []byte { return b.b[:HeaderSize:HeaderSize] }

// Commitment returns the CommitmentSize bytes that tie the blob to one key.
func (b Blob) Commitment() []byte { return b.b[HeaderSize:PrefixSize:PrefixSize] }

// Prefix returns Head and Commitment, the first part of the AAD.
func (b Blob) Prefix() []byte { return b.b[:PrefixSize:PrefixSize] }

// Box returns nonce, encrypted plaintext and tag.
func (b Blob) Box() []byte { return b.b[PrefixSize:len(b.b):len(b.b)] }
