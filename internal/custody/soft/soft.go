// Package soft is custody by this process, on the standard library's cryptography.
//
// Start with New. Materials rest sealed on a Shelf and are unsealed into a bounded cache; they leave
// this package as sealed records only.
//
// BUG: crypto/hmac, crypto/aes and the protobuf runtime make copies of keys (padded blocks, round
// keys, decoding buffers) in memory that cannot be reached from here, and Go may move a stack. What
// this package owns it wipes; the rest is garbage until it is overwritten. That is why the process
// is not dumpable. runtime/secret closes the gap once it is no experiment.
package soft

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/custody"
	"qkms/internal/custody/materialpb"
	"qkms/internal/store"
)

// A Shelf is where sealed materials rest. Its methods may be called concurrently.
type Shelf interface {
	// TakeMaterial returns the unsealed body of ref's record, owned by the caller, who wipes it. The
	// error wraps custody.ErrNoMaterial when there is none.
	TakeMaterial(ctx context.Context, ref custody.Ref) ([]byte, error)

	// PutMaterial returns the first version of ref's record with body sealed in it. It keeps no part
	// of body, which stays the caller's to wipe.
	PutMaterial(ref custody.Ref, body []byte) store.Put
}

// defaultCacheSize is what an installation of some thousand busy keys needs: about 1 MiB.
const defaultCacheSize = 4096

// sizeBySpec holds the material of each key spec that is made here, in bytes.
var sizeBySpec = map[string]int{
	"SYMMETRIC_DEFAULT": 32,
}

// Soft implements custody.Sealer and custody.Maker. All methods may be called concurrently.
type Soft struct {
	shelf Shelf
	idKey material
	cache *cache
}

// New returns a Soft over shelf. idKey is the 32-byte secret under which the deployment derives its
// KeyMaterialIds, copied; it never changes, or a re-imported material would no longer be recognised.
// cacheSize is how many materials to hold unsealed; below 1 means 4096.
func New(shelf Shelf, idKey []byte, cacheSize int) *Soft {
	if len(idKey) != idKeySize {
		panic("soft: internal error: id key is not 32 bytes") // whoever derives it asks for 32
	}
	if cacheSize < 1 {
		cacheSize = defaultCacheSize
	}
	s := &Soft{shelf: shelf, idKey: copyMaterial(idKey)}
	s.cache = newCache(cacheSize, s.load)
	return s
}

// Make implements custody.Maker.
func (s *Soft) Make(_ context.Context, key custody.Ref, spec string, given []byte) (string, store.Put, error) {
	size, ok := sizeBySpec[spec]
	if !ok {
		return "", store.Put{}, fmt.Errorf("make %q: %w", spec, custody.ErrBadMaterial)
	}
	if given != nil && len(given) != size {
		return "", store.Put{}, fmt.Errorf("make %s from %d bytes, not %d: %w", spec, len(given), size, custody.ErrBadMaterial)
	}
	raw := make([]byte, size)
	defer clear(raw)
	if given == nil {
		_, _ = rand.Read(raw) // never fails: it ends the program instead
	} else {
		copy(raw, given)
	}
	return s.wrap(key, spec, raw)
}

// wrap names the material and seals its record.
func (s *Soft) wrap(key custody.Ref, spec string, raw []byte) (string, store.Put, error) {
	key.MaterialID = materialID(s.idKey.bytes(), key.KeyID, raw)
	body, err := proto.Marshal(&materialpb.Material{
		Spec: spec, Material: raw, KeyId: key.KeyID, MaterialId: key.MaterialID, Created: time.Now().UnixMilli(),
	})
	if err != nil {
		return "", store.Put{}, fmt.Errorf("encode material: %w", err)
	}
	defer clear(body)
	return key.MaterialID, s.shelf.PutMaterial(key, body), nil
}

// load takes a material from the shelf and checks that it is the one asked for: the seal proves that
// the record was written for this place, the body that it was made for this key.
//
// The id is compared, not recomputed: ciphertexts must open for ever, even should the id key be lost.
func (s *Soft) load(ctx context.Context, ref custody.Ref) (material, error) {
	body, err := s.shelf.TakeMaterial(ctx, ref)
	if err != nil {
		return material{}, fmt.Errorf("take material: %w", err)
	}
	defer clear(body)
	var rec materialpb.Material
	defer func() { clear(rec.GetMaterial()) }()
	if err := proto.Unmarshal(body, &rec); err != nil {
		return material{}, fmt.Errorf("decode material: %w", err)
	}
	if rec.GetKeyId() != ref.KeyID || rec.GetMaterialId() != ref.MaterialID {
		return material{}, fmt.Errorf("material record of key %s holds another key's", ref.KeyID)
	}
	if size, ok := sizeBySpec[rec.GetSpec()]; !ok || len(rec.GetMaterial()) != size {
		return material{}, fmt.Errorf("material record of key %s: unknown spec %q or wrong size", ref.KeyID, rec.GetSpec())
	}
	return copyMaterial(rec.GetMaterial()), nil
}

// Forget drops the material from memory, if it is there. When it returns the bytes are zero, no call
// is using them, and a later call asks the shelf again.
func (s *Soft) Forget(ref custody.Ref) { s.cache.forget(ref) }

// ForgetAll is Forget for every material: at shutdown, or when it is not known what has changed.
func (s *Soft) ForgetAll() { s.cache.forgetAll() }
