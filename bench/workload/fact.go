package workload

import "fmt"

// A fact is what the server has acknowledged of something, and what else may be so, since that was asked for without an answer.
type fact struct {
	is     string
	asked  string
	unsure bool
}

// change is to be called before the server is asked to make the fact another one, and what it returns with what came of it.
func (f *fact) change(to string) func(error) error {
	f.asked, f.unsure = to, true
	return func(err error) error {
		if err == nil {
			f.is, f.unsure = to, false
		}
		return err
	}
}

// settle compares with what there is.
func (f *fact) settle(what, got string) error {
	if got != f.is && (!f.unsure || got != f.asked) {
		return fmt.Errorf("%s: got %q, want %q (asked for without an answer: %q, %t)", what, got, f.is, f.asked, f.unsure)
	}
	f.is, f.unsure = got, false
	return nil
}

// A key is one that an actor has.
type key struct {
	id, spec  string
	state     fact
	text      fact // its description
	public    []byte
	material  []byte // imported; nil: the server made it
	rotations int
	grants    map[string]*fact
	unborn    int // grants that were asked for without an answer
}

// A sealed is what was encrypted under a key.
type sealed struct {
	key             *key
	context         map[string]string
	plaintext, blob []byte
}

// The states of a key.
const (
	enabled  = "Enabled"
	disabled = "Disabled"
	deleting = "PendingDeletion"
	waiting  = "PendingImport"
)
