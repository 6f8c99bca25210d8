package sink

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// A secretFile is the path of a file with a secret in it, or empty. It is read whenever the secret is
// needed, so a new one is in use without a restart, and the process keeps none.
type secretFile string

const maxSecret = 4 << 10

// read returns the secret, without the white space around it.
func (f secretFile) read() ([]byte, error) {
	info, err := os.Stat(string(f))
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return nil, fmt.Errorf("everybody on the machine may read or change %s (mode %04o): chmod o= closes it", string(f), mode)
	}
	if info.Size() > maxSecret {
		return nil, fmt.Errorf("%s has %d bytes, more than a secret", string(f), info.Size())
	}
	b, err := os.ReadFile(string(f))
	if err != nil {
		return nil, err
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", string(f))
	}
	if bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, errors.New(string(f) + " is not one line of printable ASCII")
	}
	return b, nil
}

// check finds at the start what read would find later.
func (f secretFile) check() error {
	if f == "" {
		return nil
	}
	_, err := f.read()
	return err
}
