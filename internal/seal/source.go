package seal

import (
	"context"
	"fmt"
)

// A Source holds, or reaches, a secret that the root key is wrapped under. Key files and passphrases
// yield that secret to this process; a token, a TPM or a remote service would wrap and unwrap with it
// in place, which is why a Source does both itself.
type Source interface {
	fmt.Stringer // names it to an operator, without secrets: "key file /etc/qkms/root.key"

	// Kind is what its slots are filed under. Two sources of one kind may open each other's slots.
	Kind() string

	// Wrap sets s.Params and s.Wrapped so that Unwrap gives root back for the same s.Bound.
	Wrap(ctx context.Context, s *Slot, root []byte) error

	// Unwrap returns the root key from any of the slots, which are all of its kind and none of which
	// is authentic yet. ErrWrongKey when the secret is at hand and opens none.
	Unwrap(ctx context.Context, slots []Slot) (root []byte, err error)
}

// A Slot is the root key wrapped for one source.
type Slot struct {
	Params  []byte // what the source needs to find or derive its secret again
	Wrapped []byte
	Bound   []byte // to be authenticated with Wrapped: the store, the slot
}

// wrap is for sources that have their secret in this process.
func wrap(s *Slot, secret secret, root []byte) {
	s.Wrapped = sealBox(nil, secret, rootLabel, nil, s.Bound, root)
}

func unwrap(s Slot, secret secret) ([]byte, error) {
	root, err := openBox(secret, rootLabel, nil, s.Bound, s.Wrapped)
	if err != nil {
		return nil, ErrWrongKey
	}
	return root, nil
}
