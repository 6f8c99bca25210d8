package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/seal/sealpb"
)

// Each function below returns the ring that follows r and leaves r as it is. Nothing has happened
// until the next ring's State has replaced r's in the store, compared so that of two nodes that rotate
// at once one fails.

// RotateRoot makes a new root key that src alone opens, and wraps the same KEKs under it. Records are
// not touched. Who kept an old state together with an old source still has the KEKs: after a leak
// also RotateKEK, seal every record again, and DropKEK.
func (r *Ring) RotateRoot(ctx context.Context, src Source, now time.Time) (*Ring, error) {
	root := randomSecret()
	defer root.wipe()
	return r.change(func(b *sealpb.Body, k *keys) (secret, error) {
		b.Slots = nil
		if err := addSlot(ctx, b, src, root, now); err != nil {
			return secret{}, err
		}
		b.Anchor = sealBox(nil, root, anchorLabel, nil, anchorAAD(b), k.anchor.bytes())
		for _, kek := range b.GetKeks() {
			kek.Wrapped = sealBox(nil, root, kekLabel, nil, kekAAD(b, kek.GetId()), k.keks[kek.GetId()].bytes())
		}
		return root, nil
	})
}

// AddSlot lets src open the same root key too. To take a source away, RotateRoot: whoever had it has
// seen the root.
func (r *Ring) AddSlot(ctx context.Context, src Source, now time.Time) (*Ring, error) {
	return r.change(func(b *sealpb.Body, k *keys) (secret, error) {
		return k.root, addSlot(ctx, b, src, k.root, now)
	})
}

// RotateKEK adds a KEK that everything is sealed under from now on. The former ones still open.
func (r *Ring) RotateKEK(now time.Time) (*Ring, error) {
	return r.change(func(b *sealpb.Body, k *keys) (secret, error) {
		if len(b.GetKeks()) == maxKEKs {
			return secret{}, fmt.Errorf("seal: %d KEKs are the most one store keeps: reseal, then drop old ones", maxKEKs)
		}
		addKEK(b, k.root, now)
		return k.root, nil
	})
}

// DropKEK forgets a KEK other than the current one. What is still sealed under it, in the store or in
// a backup, will never open again: that is the point, and the caller has checked that nothing is.
func (r *Ring) DropKEK(id uint32) (*Ring, error) {
	return r.change(func(b *sealpb.Body, k *keys) (secret, error) {
		if id == b.GetCurrent() {
			return secret{}, fmt.Errorf("seal: KEK %d is the current one: rotate and reseal first", id)
		}
		kept := slices.DeleteFunc(b.GetKeks(), func(kek *sealpb.Kek) bool { return kek.GetId() == id })
		if len(kept) == len(k.keks) {
			return secret{}, fmt.Errorf("%w %d", ErrUnknownKEK, id)
		}
		b.Keks = kept
		return k.root, nil
	})
}

// change applies edit to a copy of the state; edit returns the root key to write it under.
func (r *Ring) change(edit func(*sealpb.Body, *keys) (secret, error)) (*Ring, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.keys == nil {
		return nil, ErrWiped
	}
	b := proto.CloneOf(r.body)
	root, err := edit(b, r.keys)
	if err != nil {
		return nil, err
	}
	return write(b, root)
}

func addSlot(ctx context.Context, b *sealpb.Body, src Source, root secret, now time.Time) error {
	if len(b.GetSlots()) == maxSlots {
		return errors.New("seal: 16 sources are the most that open one store: rotate the root to start over")
	}
	id := uint32(1)
	for _, s := range b.GetSlots() {
		id = max(id, s.GetId()+1)
	}
	slot := Slot{Bound: slotAAD(b, id, src.Kind())}
	if err := src.Wrap(ctx, &slot, root.bytes()); err != nil {
		return fmt.Errorf("wrap root key for %s: %w", src, err)
	}
	b.Slots = append(b.Slots, &sealpb.Slot{
		Id: id, Kind: src.Kind(), Created: now.UnixMilli(), Params: slot.Params, Wrapped: slot.Wrapped,
	})
	return nil
}

// addKEK appends a random KEK and makes it current. Ids are never used twice: the current one is the
// highest and cannot be dropped.
func addKEK(b *sealpb.Body, root secret, now time.Time) {
	id := b.GetCurrent() + 1
	kek := randomSecret()
	defer kek.wipe()
	b.Keks = append(b.Keks, &sealpb.Kek{
		Id: id, Created: now.UnixMilli(), Wrapped: sealBox(nil, root, kekLabel, nil, kekAAD(b, id), kek.bytes()),
	})
	b.Current = id
}
