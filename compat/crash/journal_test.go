package crash_test

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// A fact is what the server acknowledged last about something, and what it was asked to make of it
// when it died before an answer. Either may be found afterwards, and nothing else.
type fact[T comparable] struct {
	is    T
	asked []T
}

// ask changes the fact by a call, which the server may not survive.
func (f *fact[T]) ask(to T, call func() error) error {
	f.asked = append(f.asked, to)
	if err := call(); err != nil {
		return err
	}
	f.is, f.asked = to, nil
	return nil
}

// settle compares the fact with what was found after a restart, which holds from then on.
func (f *fact[T]) settle(found T) bool {
	held := found == f.is || slices.Contains(f.asked, found)
	f.is, f.asked = found, nil
	return held
}

// A journal is all that one worker was told by the server. One goroutine uses it at a time.
type journal struct {
	keys    []*key
	aliases map[string]*fact[string] // key id, or "" for none, by alias name
	sealed  []*sealed
	unborn  int // keys that were asked for without an answer
	checked int // of sealed, those found to open after a restart
}

type key struct {
	id, arn     string
	state       fact[types.KeyState]
	description fact[string]
}

// sealed is a ciphertext and what must come out of it.
type sealed struct {
	key       *key
	blob      []byte
	plaintext []byte
	context   map[string]string
}
