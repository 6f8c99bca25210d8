package soft

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/custody"
	"qkms/internal/custody/materialpb"
	"qkms/internal/pubkey"
	"qkms/internal/store"
)

const symmetric = "SYMMETRIC_DEFAULT"

// rawSizes holds the specs whose materials are plain random bytes, with how many. An imported HMAC key
// has exactly as many too (operations.md §10.6 [R2]).
var rawSizes = map[string]int{
	symmetric:  32,
	"HMAC_224": 28,
	"HMAC_256": 32,
	"HMAC_384": 48,
	"HMAC_512": 64,
}

// A recipe says how private keys of one spec come about. Each has one stored form, from which the
// KeyMaterialId is computed: the PKCS #1 DER of RSA keys, the scalar of a curve in full length, the seed
// of Ed25519, ML-DSA (32 bytes) and ML-KEM (64 bytes).
type recipe struct {
	generate func() (stored []byte, err error)
	decode   func(stored []byte) (privateKey, error)

	// The two ways between the stored form and the privateKey OCTET STRING of PKCS #8. What is nil is
	// not imported, or is no data key pair.
	imports func(key []byte) (stored []byte, err error)
	exports func(stored, public []byte) (key []byte)

	slowMake bool // generate takes seconds
	slowUse  bool // the key's own computations take 0.2 ms and more (BenchmarkSign)
	ber      bool // imported in BER as well
}

// A privateKey is a decoded private key. It is what else it can be: a signing, an agreeing, a
// decapsulating, a decrypting key.
type privateKey interface {
	public() []byte // the content of the subjectPublicKey
}

var recipes = map[string]recipe{
	"RSA_2048":              rsaRecipe(2048),
	"RSA_3072":              rsaRecipe(3072),
	"RSA_4096":              rsaRecipe(4096),
	"ECC_NIST_P256":         p256.recipe(),
	"ECC_NIST_P384":         p384.recipe(),
	"ECC_NIST_P521":         p521.recipe(),
	"ECC_SECG_P256K1":       secg.recipe(),
	"ECC_NIST_EDWARDS25519": edRecipe,
	"ML_DSA_44":             mldsaRecipe(mldsa44),
	"ML_DSA_65":             mldsaRecipe(mldsa65),
	"ML_DSA_87":             mldsaRecipe(mldsa87),
	"ML_KEM_512":            mlkemRecipe(decodeMLKEM512),
	"ML_KEM_768":            mlkemRecipe(decodeMLKEM768),
	"ML_KEM_1024":           mlkemRecipe(decodeMLKEM1024),
	"SM2":                   sm2curve.recipe(),
}

// Make implements custody.Maker.
func (s *Soft) Make(ctx context.Context, key custody.Ref, spec string, given []byte) (custody.Made, error) {
	made, records, err := s.make(ctx, key, spec, given, []string{key.Region})
	if err == nil {
		made.Record = records[0]
	}
	return made, err
}

// MakeShared implements custody.Maker.
func (s *Soft) MakeShared(ctx context.Context, key custody.Ref, spec string, regions []string) (string, []store.Put, error) {
	made, records, err := s.make(ctx, key, spec, nil, regions)
	return made.MaterialID, records, err
}

func (s *Soft) make(ctx context.Context, key custody.Ref, spec string, given []byte, regions []string) (made custody.Made, records []store.Put, err error) {
	stored, err := s.stored(ctx, key, spec, given)
	if err != nil {
		return made, nil, fmt.Errorf("make %s: %w", spec, err)
	}
	defer clear(stored)
	if made.PublicKey, err = publicKey(spec, stored); err != nil {
		return made, nil, fmt.Errorf("make %s: %w", spec, err)
	}
	key.MaterialID = materialID(s.idKey.bytes(), key.KeyID, stored)
	body, err := proto.Marshal(&materialpb.Material{
		Spec: spec, Material: stored, KeyId: key.KeyID, MaterialId: key.MaterialID, Created: time.Now().UnixMilli(),
	})
	if err != nil {
		return made, nil, fmt.Errorf("encode material: %w", err)
	}
	defer clear(body)
	made.MaterialID = key.MaterialID
	for _, region := range regions {
		key.Region = region
		records = append(records, s.shelf.PutMaterial(key, body))
	}
	return made, records, nil
}

// MakePair implements custody.PairMaker.
func (s *Soft) MakePair(ctx context.Context, key custody.Ref, spec string) (private, public []byte, err error) {
	r := recipes[spec]
	if r.exports == nil {
		return nil, nil, fmt.Errorf("pair of %q: %w", spec, custody.ErrBadMaterial)
	}
	stored, err := s.pair(ctx, key, spec)
	if err != nil {
		return nil, nil, fmt.Errorf("pair of %s: %w", spec, err)
	}
	defer clear(stored)
	k, err := r.decode(stored)
	if err != nil {
		return nil, nil, fmt.Errorf("pair of %s: %w", spec, err)
	}
	inner := r.exports(stored, k.public())
	defer clear(inner)
	return encodePKCS8(spec, inner), pubkey.Encode(spec, k.public()), nil
}

// stored returns the stored form of a new material for key, random or given.
func (s *Soft) stored(ctx context.Context, key custody.Ref, spec string, given []byte) ([]byte, error) {
	r, asymmetric := recipes[spec]
	size, raw := rawSizes[spec]
	switch {
	case raw && given == nil:
		return randomBytes(size)(), nil
	case raw && len(given) == size:
		return append([]byte(nil), given...), nil
	case raw:
		return nil, fmt.Errorf("%d bytes, not %d: %w", len(given), size, custody.ErrBadMaterial)
	case asymmetric && given == nil:
		return s.generate(ctx, key, spec)
	case asymmetric && r.imports != nil:
		return importPKCS8(spec, given)
	}
	return nil, fmt.Errorf("%q, given %t: %w", spec, given != nil, custody.ErrBadMaterial)
}

// publicKey is the SubjectPublicKeyInfo of a stored material; nil where there is none.
func publicKey(spec string, stored []byte) ([]byte, error) {
	r, ok := recipes[spec]
	if !ok {
		return nil, nil
	}
	k, err := r.decode(stored)
	if err != nil {
		return nil, err
	}
	return pubkey.Encode(spec, k.public()), nil
}

// decode returns the material of a stored form, which stays the caller's to wipe.
func decode(spec string, stored []byte) (material, error) {
	if size, ok := rawSizes[spec]; ok && len(stored) == size {
		return copyMaterial(spec, stored), nil
	}
	r, ok := recipes[spec]
	if !ok {
		return material{}, fmt.Errorf("unknown spec %q or wrong size", spec)
	}
	k, err := r.decode(stored)
	if err != nil {
		return material{}, err
	}
	return keyMaterial(spec, k), nil
}

// randomBytes returns a function that makes size random bytes.
func randomBytes(size int) func() []byte {
	return func() []byte {
		b := make([]byte, size)
		_, _ = rand.Read(b) // never fails: it ends the program instead
		return b
	}
}
