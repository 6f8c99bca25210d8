package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"google.golang.org/protobuf/proto"

	"qkms/internal/seal/sealpb"
)

const (
	stateFormat = 1

	rootLabel   = "qkms wrap root v1"
	kekLabel    = "qkms wrap kek v1"
	anchorLabel = "qkms wrap anchor v1"
	macLabel    = "qkms state mac v1"

	// A state is read before anything in it is authenticated, so its size is bounded first.
	maxState = 1 << 18
	maxSlots = 16
	maxKEKs  = 1024
)

// stored is a state as found, checked for shape only. Nothing in it is to be believed before ring has
// verified the MAC.
type stored struct {
	raw  []byte
	text []byte // the encoded body, over which mac is
	mac  []byte
	body *sealpb.Body
}

func parse(raw []byte) (*stored, error) {
	if len(raw) > maxState {
		return nil, fmt.Errorf("%w: sealing state of %d bytes", ErrTampered, len(raw))
	}
	var outer sealpb.State
	if err := proto.Unmarshal(raw, &outer); err != nil {
		return nil, fmt.Errorf("%w: sealing state: %w", ErrTampered, err)
	}
	// The MAC covers the body only, so nothing else may be there to be changed.
	if len(outer.ProtoReflect().GetUnknown()) > 0 || len(outer.GetMac()) != sha256.Size {
		return nil, fmt.Errorf("%w: sealing state", ErrTampered)
	}
	body := new(sealpb.Body)
	if err := proto.Unmarshal(outer.GetBody(), body); err != nil {
		return nil, fmt.Errorf("%w: sealing state: %w", ErrTampered, err)
	}
	if err := check(body); err != nil {
		return nil, err
	}
	return &stored{append([]byte(nil), raw...), outer.GetBody(), outer.GetMac(), body}, nil
}

func check(b *sealpb.Body) error {
	keks := b.GetKeks()
	switch {
	case b.GetFormat() > stateFormat:
		return fmt.Errorf("seal: sealing state of format %d, this version reads %d: use the newer qkms that wrote it", b.GetFormat(), stateFormat)
	case b.GetFormat() != stateFormat, len(b.GetStore()) != 16, b.GetGeneration() == 0,
		len(b.GetSlots()) == 0, len(b.GetSlots()) > maxSlots,
		len(keks) == 0, len(keks) > maxKEKs,
		b.GetCurrent() != keks[len(keks)-1].GetId():
		return fmt.Errorf("%w: sealing state", ErrTampered)
	}
	for i, last := 0, uint32(0); i < len(keks); i++ {
		if keks[i].GetId() <= last {
			return fmt.Errorf("%w: sealing state: KEK ids do not ascend", ErrTampered)
		}
		last = keks[i].GetId()
	}
	return nil
}

// ring opens everything under root, which it does not keep.
func (s *stored) ring(root secret) (*Ring, error) {
	if !hmac.Equal(stateMAC(root, s.body.GetStore(), s.text), s.mac) {
		return nil, fmt.Errorf("the sealing state of store %s was changed by something other than qkms; restore it from a backup: %w", s.name(), ErrTampered)
	}
	k := &keys{root: root.clone(), keks: make(map[uint32]secret)}
	anchor, err := openBox(root, anchorLabel, nil, anchorAAD(s.body), s.body.GetAnchor())
	if err != nil {
		return nil, fmt.Errorf("open anchor: %w", err)
	}
	k.anchor = newSecret(anchor)
	k.token = tokenSecret(k.anchor)
	for _, kek := range s.body.GetKeks() {
		b, err := openBox(root, kekLabel, nil, kekAAD(s.body, kek.GetId()), kek.GetWrapped())
		if err != nil {
			return nil, fmt.Errorf("open KEK %d: %w", kek.GetId(), err)
		}
		k.keks[kek.GetId()] = newSecret(b)
	}
	return newRing(s.raw, s.body, k), nil
}

// write encodes body, which it takes over, as the next generation, and opens what it encoded: a
// rotation never returns a state that nobody could open.
func write(body *sealpb.Body, root secret) (*Ring, error) {
	body.Generation++
	text, err := proto.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode sealing state: %w", err)
	}
	raw, err := proto.Marshal(&sealpb.State{Body: text, Mac: stateMAC(root, body.GetStore(), text)})
	if err != nil {
		return nil, fmt.Errorf("encode sealing state: %w", err)
	}
	s, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return s.ring(root)
}

// stateMAC covers the whole body: single wraps are bound to their ids, but only this says that none
// was left out and that current is the one last written.
func stateMAC(root secret, store, text []byte) []byte {
	k := root.derive(macLabel, store)
	defer clear(k)
	h := hmac.New(sha256.New, k)
	h.Write(text)
	return h.Sum(nil)
}

// name is the store's UUID in the usual spelling.
func (s *stored) name() string {
	b := s.body.GetStore()
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// What each wrap is bound to. One key file may serve many stores: the store's id keeps them apart.

func slotAAD(b *sealpb.Body, id uint32, kind string) []byte {
	return Bind([]byte(rootLabel), b.GetStore(), be32(id), []byte(kind))
}

func kekAAD(b *sealpb.Body, id uint32) []byte {
	return Bind([]byte(kekLabel), b.GetStore(), be32(id))
}

func anchorAAD(b *sealpb.Body) []byte { return Bind([]byte(anchorLabel), b.GetStore()) }
