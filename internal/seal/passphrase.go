package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"google.golang.org/protobuf/proto"

	"qkms/internal/seal/sealpb"
)

const (
	kindPassphrase = "passphrase"

	// MinPassphrase is the bytes of the shortest passphrase a new slot takes (SP 800-63B-4 §3.1.1.2:
	// 15 characters where nothing else protects).
	MinPassphrase = 15

	saltBytes = 16 // RFC 9106 §3.1
)

// What a new slot costs to try: a few tenths of a second and 256 MiB. RFC 9106 §4 suggests no less
// than 3 passes over 64 MiB in 4 lanes.
const (
	argonTime    = 3
	argonMemory  = 256 << 10 // KiB
	argonThreads = 4
)

// What a slot may ask for. Its parameters are read before it is authenticated, so whoever writes the
// database chooses them: without a bound a start would take all memory, or for ever.
const (
	maxArgonTime    = 16
	minArgonMemory  = 8 << 10 // KiB
	maxArgonMemory  = 1 << 20 // KiB
	maxArgonThreads = 16
)

type passphrase struct {
	read                  func() ([]byte, error)
	time, memory, threads uint32
}

// Passphrase is what an operator types. read returns it as bytes, without the end of line, and is
// called once each time the source is used; the bytes are zeroed afterwards. They count as they are:
// no Unicode normalisation.
func Passphrase(read func() ([]byte, error)) Source {
	return passphrase{read, argonTime, argonMemory, argonThreads}
}

func (passphrase) Kind() string   { return kindPassphrase }
func (passphrase) String() string { return "passphrase" }

func (p passphrase) Wrap(ctx context.Context, s *Slot, root []byte) error {
	typed, err := p.read()
	if err != nil {
		return err
	}
	defer clear(typed)
	if len(typed) < MinPassphrase {
		return fmt.Errorf("at least %d bytes are needed, as anybody with a backup may guess at leisure", MinPassphrase)
	}
	a := &sealpb.Argon2{Salt: make([]byte, saltBytes), Time: p.time, Memory: p.memory, Threads: p.threads}
	_, _ = rand.Read(a.Salt) // never fails: crypto/rand ends the process instead
	if s.Params, err = proto.Marshal(a); err != nil {
		return err
	}
	u, err := stretch(ctx, typed, s.Params)
	if err != nil {
		return err
	}
	defer u.wipe()
	wrap(s, u, root)
	return nil
}

func (p passphrase) Unwrap(ctx context.Context, slots []Slot) ([]byte, error) {
	typed, err := p.read()
	if err != nil {
		return nil, err
	}
	defer clear(typed)
	for _, s := range slots {
		u, err := stretch(ctx, typed, s.Params)
		if err != nil {
			return nil, err
		}
		root, err := unwrap(s, u)
		u.wipe()
		if !errors.Is(err, ErrWrongKey) {
			return root, err
		}
	}
	return nil, ErrWrongKey
}

// stretch is Argon2id (RFC 9106), which cannot be interrupted; hence the context is looked at first.
func stretch(ctx context.Context, typed, params []byte) (secret, error) {
	var a sealpb.Argon2
	if err := proto.Unmarshal(params, &a); err != nil {
		return secret{}, fmt.Errorf("%w: Argon2id parameters: %w", ErrTampered, err)
	}
	if len(a.GetSalt()) != saltBytes ||
		a.GetTime() < 1 || a.GetTime() > maxArgonTime ||
		a.GetMemory() < minArgonMemory || a.GetMemory() > maxArgonMemory ||
		a.GetThreads() < 1 || a.GetThreads() > maxArgonThreads {
		return secret{}, fmt.Errorf("%w: Argon2id parameters out of bounds (time %d, memory %d KiB, threads %d)",
			ErrTampered, a.GetTime(), a.GetMemory(), a.GetThreads())
	}
	if err := ctx.Err(); err != nil {
		return secret{}, err
	}
	return newSecret(argon2.IDKey(typed, a.GetSalt(), a.GetTime(), a.GetMemory(), uint8(a.GetThreads()), keySize)), nil
}
