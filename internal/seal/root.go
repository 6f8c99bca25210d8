package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"qkms/internal/seal/sealpb"
)

// ErrWrongKey is returned when a source could be read but does not open the store.
var ErrWrongKey = errors.New("seal: wrong root key")

// Init makes the keys of a new store, which src opens. Store the ring's State before sealing anything.
func Init(ctx context.Context, src Source, now time.Time) (*Ring, error) {
	root := randomSecret()
	defer root.wipe()
	b := &sealpb.Body{Format: stateFormat, Store: newUUID(), Created: now.UnixMilli()}
	if err := addSlot(ctx, b, src, root, now); err != nil {
		return nil, err
	}
	anchor := randomSecret()
	defer anchor.wipe()
	b.Anchor = sealBox(nil, root, anchorLabel, nil, anchorAAD(b), anchor.bytes())
	addKEK(b, root, now)
	return write(b, root)
}

// Open opens the stored state with the first of srcs that can. The error names every source tried and
// wraps ErrWrongKey when one held another key, ErrTampered when the state was altered.
func Open(ctx context.Context, state []byte, srcs ...Source) (*Ring, error) {
	s, err := parse(state)
	if err != nil {
		return nil, err
	}
	if len(srcs) == 0 {
		return nil, fmt.Errorf("no source given for the root key of store %s, which is opened by: %s", s.name(), s.kinds())
	}
	var refused []error
	for _, src := range srcs {
		root, err := s.unwrap(ctx, src)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		defer root.wipe()
		return s.ring(root)
	}
	return nil, errors.Join(refused...)
}

// unwrap asks src for the root key. Whether it is the right one only the MAC tells.
func (s *stored) unwrap(ctx context.Context, src Source) (secret, error) {
	var slots []Slot
	for _, slot := range s.body.GetSlots() {
		if slot.GetKind() == src.Kind() {
			slots = append(slots, Slot{slot.GetParams(), slot.GetWrapped(), slotAAD(s.body, slot.GetId(), slot.GetKind())})
		}
	}
	if len(slots) == 0 {
		return secret{}, fmt.Errorf("%s cannot open store %s, which is opened by: %s; give one of those, and add this one as a slot if it should open it too: %w",
			src, s.name(), s.kinds(), ErrWrongKey)
	}
	root, err := src.Unwrap(ctx, slots)
	if errors.Is(err, ErrWrongKey) {
		return secret{}, fmt.Errorf("%s holds another root key than store %s was sealed with; give that key, or restore key and store from the same backup: %w",
			src, s.name(), ErrWrongKey)
	}
	if err != nil {
		return secret{}, fmt.Errorf("read root key from %s: %w", src, err)
	}
	return newSecret(root), nil
}

// kinds names the sources that have a slot, for an error.
func (s *stored) kinds() string {
	var kinds []string
	for _, slot := range s.body.GetSlots() {
		kinds = append(kinds, fmt.Sprintf("%.32q", slot.GetKind())) // quoted: anybody may have written it
	}
	return strings.Join(kinds, ", ")
}

// Reload opens the state as another node has rewritten it, without asking a source. It returns
// ErrWrongKey when the root was rotated (Open it then), ErrTampered when the state is older than this
// ring's, which would bring back what a rotation removed.
func (r *Ring) Reload(state []byte) (*Ring, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.keys == nil {
		return nil, ErrWiped
	}
	s, err := parse(state)
	if err != nil {
		return nil, err
	}
	next, err := s.ring(r.keys.root)
	if errors.Is(err, ErrTampered) {
		return nil, fmt.Errorf("sealing state does not open under the root key in use, which was rotated or the state altered: %w", ErrWrongKey)
	}
	if err != nil {
		return nil, err
	}
	if next.StoreID() != r.StoreID() || next.Generation() < r.Generation() {
		return nil, fmt.Errorf("%w: sealing state went back from generation %d to %d", ErrTampered, r.Generation(), next.Generation())
	}
	return next, nil
}

// newUUID returns a version 4 UUID (RFC 9562 §5.4).
func newUUID() []byte {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails: crypto/rand ends the process instead
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}
