// Package soft is custody by this process, on the standard library's cryptography as far as that goes.
//
// Start with New. Materials rest sealed on a Shelf and are unsealed into a bounded cache; they leave
// this package as sealed records only.
//
// BUG: crypto/hmac, crypto/aes and the protobuf runtime make copies of keys (padded blocks, round
// keys, decoding buffers) in memory that cannot be reached from here, decoded private keys consist of
// nothing else, and Go may move a stack. What
// this package owns it wipes; the rest is garbage until it is overwritten. That is why the process
// is not dumpable. runtime/secret closes the gap once it is no experiment.
package soft

import (
	"context"
	"fmt"
	"unique"

	"google.golang.org/protobuf/proto"

	"qkms/internal/bulkhead"
	"qkms/internal/custody"
	"qkms/internal/custody/materialpb"
	"qkms/internal/memo"
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

// Soft implements all of custody. All methods may be called concurrently.
type Soft struct {
	shelf Shelf
	idKey material
	cache *cache
	slow  *bulkhead.Bulkhead
	stock *stock
}

// New returns a Soft over shelf. idKey is the 32-byte secret under which the deployment derives its
// KeyMaterialIds, copied; it never changes, or a re-imported material would no longer be recognised.
// Materials in memory are paid from budget; nil: from one of their own, of 64 MiB, which is 80,000 symmetric keys.
func New(shelf Shelf, idKey []byte, budget *memo.Budget) *Soft {
	if len(idKey) != idKeySize {
		panic("soft: internal error: id key is not 32 bytes") // whoever derives it asks for 32
	}
	if budget == nil {
		budget = memo.NewBudget(64 << 20)
	}
	s := &Soft{shelf: shelf, idKey: copyMaterial("", idKey), slow: bulkhead.New(0), stock: newStock()}
	s.cache = newCache(budget, s.load)
	return s
}

// load takes a material from the shelf and checks that it is the one asked for: the seal proves that
// the record was written for this place, the body that it was made for this key.
//
// The id is compared, not recomputed: ciphertexts must open for ever, even should the id key be lost.
func (s *Soft) load(ctx context.Context, ref custody.Ref) (material, error) {
	return s.take(ctx, ref, func([]byte) error { return nil })
}

// Check takes the material from the shelf, past memory, decodes it, and recomputes its id from its bytes: it
// is then what every ciphertext and signature under that id was made with.
func (s *Soft) Check(ctx context.Context, ref custody.Ref) error {
	m, err := s.take(ctx, ref, func(raw []byte) error {
		if id := materialID(s.idKey.bytes(), ref.KeyID, raw); id != ref.MaterialID {
			return fmt.Errorf("material record of key %s: the bytes are those of material %s, not %s", ref.KeyID, id, ref.MaterialID)
		}
		return nil
	})
	if err == nil {
		m.wipe()
	}
	return err
}

// take is load with a look at the bytes.
func (s *Soft) take(ctx context.Context, ref custody.Ref, look func(raw []byte) error) (material, error) {
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
	if err := look(rec.GetMaterial()); err != nil {
		return material{}, err
	}
	m, err := decode(unique.Make(rec.GetSpec()).Value(), rec.GetMaterial()) // the spec once in memory, and not with each material
	if err != nil {
		return material{}, fmt.Errorf("material record of key %s: %w", ref.KeyID, err)
	}
	return m, nil
}

// Forget drops the material from memory, if it is there. When it returns the bytes are zero, no call
// is using them, and a later call asks the shelf again. What is decoded for signing and the like has no
// bytes to zero; a call that has it already ends as if it had come just before.
func (s *Soft) Forget(ref custody.Ref) { s.cache.Drop(ref) }

// CacheStats says how often a material was found in memory, and what is there now.
func (s *Soft) CacheStats() memo.Stats { return s.cache.Stats() }

// ForgetAll is Forget for every material: at shutdown, or when it is not known what has changed.
func (s *Soft) ForgetAll() { s.cache.DropAll() }
