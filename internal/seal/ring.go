// Package seal keeps records unreadable at rest under keys that one root key opens.
//
//	unseal source → root key, wrapped in one slot per source
//	              → KEK versions, wrapped under the root → every record, sealed whole
//	              → the anchor, wrapped under the root   → every token, and derived keys
//
// Start with Init for a new store or Open for an existing one; both give a Ring. The wrapped keys are
// one plain record of the store (Ring.State), so that any rotation is one atomic write:
// docs/formats/root.md. What a sealed record looks like: docs/formats/sealed-record.md.
//
// This is not protection from who controls the running process, nor from a database rolled back as a
// whole; keys of records and sizes of bodies stay visible.
package seal

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"qkms/internal/seal/sealpb"
)

var (
	// ErrTampered is returned when bytes do not authenticate: altered, or moved from another key,
	// version, schema or store.
	ErrTampered = errors.New("seal: altered or out of place")

	// ErrUnknownKEK is returned for bytes under a KEK that the ring does not hold. In a cluster
	// another node may have rotated: Reload with the stored state and try again.
	ErrUnknownKEK = errors.New("seal: unknown KEK")

	// ErrWiped is returned when the ring was wiped.
	ErrWiped = errors.New("seal: keys are wiped")
)

// A Ring holds the keys of one store. It never changes: a rotation returns the next Ring, whose State
// the owner stores and which it then puts in place of this one. All methods may be called concurrently.
type Ring struct {
	raw  []byte       // the state as stored
	body *sealpb.Body // the same, decoded; never written to

	// mu is held for reading while keys are used and for writing while they are wiped, so that
	// nothing is ever sealed under a key that is half zero.
	mu   sync.RWMutex
	keys *keys // nil once wiped
}

// keys are the secrets of a Ring. They are apart from it so that a dropped Ring can still wipe them.
type keys struct {
	root   secret
	anchor secret
	token  secret // from anchor
	keks   map[uint32]secret
}

func newRing(raw []byte, body *sealpb.Body, k *keys) *Ring {
	r := &Ring{raw: raw, body: body, keys: k}
	runtime.AddCleanup(r, (*keys).wipe, k) // a ring is dropped by swapping a pointer; nobody calls Wipe then
	return r
}

func (k *keys) wipe() {
	k.root.wipe()
	k.anchor.wipe()
	k.token.wipe()
	for _, kek := range k.keks {
		kek.wipe()
	}
}

// Wipe zeroes the keys, once every call now running is done. Afterwards Open, OpenToken, Reload and
// rotations return ErrWiped; Seal, SealToken and Derive panic. A Ring that is merely dropped is wiped
// by the garbage collector.
func (r *Ring) Wipe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys != nil {
		r.keys.wipe()
		r.keys = nil
	}
}

// mustKeys panics on a wiped ring: sealing with nothing to seal under must not look like success.
// The caller holds r.mu.
func (r *Ring) mustKeys() *keys {
	if r.keys == nil {
		panic("seal: internal error: ring used after Wipe")
	}
	return r.keys
}

// State returns the wrapped keys, to be stored as they are. They are no secret.
func (r *Ring) State() []byte { return append([]byte(nil), r.raw...) }

// StoreID returns the 16 bytes of the store's UUID.
func (r *Ring) StoreID() [16]byte { return [16]byte(r.body.GetStore()) }

// Generation counts the changes of the state, from 1.
func (r *Ring) Generation() uint64 { return r.body.GetGeneration() }

// Current returns the id of the KEK that new records are sealed under.
func (r *Ring) Current() uint32 { return r.body.GetCurrent() }

// A KEK describes one version of the key that records are sealed under.
type KEK struct {
	ID      uint32
	Created time.Time
}

// KEKs lists the versions held, oldest first; the last is the current one.
func (r *Ring) KEKs() []KEK {
	out := make([]KEK, 0, len(r.body.GetKeks()))
	for _, k := range r.body.GetKeks() {
		out = append(out, KEK{k.GetId(), time.UnixMilli(k.GetCreated()).UTC()})
	}
	return out
}

// kek finds a KEK; the caller holds r.mu.
func (r *Ring) kek(id uint32) (secret, error) {
	if r.keys == nil {
		return secret{}, ErrWiped
	}
	k, ok := r.keys.keks[id]
	if !ok {
		return secret{}, fmt.Errorf("%w %d", ErrUnknownKEK, id)
	}
	return k, nil
}

const deriveLabel = "qkms derive v1"

// Derive returns a key for the named purpose that stays the same for the life of the store, through
// every rotation: for what was once computed and must be computed again.
func (r *Ring) Derive(label string) [32]byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return [32]byte(r.mustKeys().anchor.derive(deriveLabel, []byte(label)))
}
