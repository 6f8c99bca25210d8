package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"qkms/internal/audit"
	"qkms/internal/record"
	"qkms/internal/seal"
)

// A RootSource is what a root key is to be opened by: a key file or a passphrase, one of the two.
type RootSource struct {
	KeyFile    string `json:"keyFile,omitempty"`    // absolute path, as the server sees it; made if it does not exist
	Passphrase []byte `json:"passphrase,omitempty"` // at least seal.MinPassphrase bytes
}

// A RootChange says what opens the store from now on.
type RootChange struct {
	Source  string `json:"source"`  // "key file /etc/qkms/root.key"
	InPlace bool   `json:"inPlace"` // the same file as before, with another key in it
}

// RotateRoot wraps the KEKs under a new root key, which the source alone opens; without one, a new
// key in the present key file. Records, and what users hold, are not touched.
var RotateRoot = &Action[RootSource, RootChange]{
	Name: "root/rotate", Event: "RotateRootKey",
	run: func(ctx context.Context, c *call, p RootSource) (RootChange, error) {
		if err := c.beginRotation(ctx); err != nil {
			return RootChange{}, err
		}
		defer c.rotating.Unlock()
		if p.KeyFile == "" && len(p.Passphrase) == 0 {
			return c.rotateInPlace(ctx)
		}
		src, err := p.source()
		if err != nil {
			return RootChange{}, err
		}
		if err := c.swap(ctx, func(r *seal.Ring) (*seal.Ring, error) { return r.RotateRoot(ctx, src, c.Now()) }, nil); err != nil {
			return RootChange{}, err
		}
		c.KeyFile, c.unfinished = p.KeyFile, false
		return RootChange{Source: src.String()}, nil
	},
	audit: rootDetail,
}

// AddRoot lets a further source open the present root key.
var AddRoot = &Action[RootSource, RootChange]{
	Name: "root/add", Event: "AddRootKeySource",
	run: func(ctx context.Context, c *call, p RootSource) (RootChange, error) {
		if err := c.beginRotation(ctx); err != nil {
			return RootChange{}, err
		}
		defer c.rotating.Unlock()
		src, err := p.source()
		if err != nil {
			return RootChange{}, err
		}
		err = c.swap(ctx, func(r *seal.Ring) (*seal.Ring, error) { return r.AddSlot(ctx, src, c.Now()) }, nil)
		return RootChange{Source: src.String()}, err
	},
	audit: rootDetail,
}

func rootDetail(p RootSource) audit.Detail {
	return audit.Detail{
		audit.String("keyFile", p.KeyFile).If(p.KeyFile != ""),
		audit.Bool("passphrase", true).If(len(p.Passphrase) > 0),
	}
}

// source makes the key file if need be.
func (p RootSource) source() (seal.Source, error) {
	switch {
	case p.KeyFile != "" && len(p.Passphrase) > 0:
		return nil, errors.New("a key file or a passphrase, not both")
	case len(p.Passphrase) > 0:
		return seal.Passphrase(func() ([]byte, error) { return bytes.Clone(p.Passphrase), nil }), nil
	case p.KeyFile == "":
		return nil, errors.New("a key file or a passphrase is needed")
	}
	if _, err := os.Lstat(p.KeyFile); errors.Is(err, os.ErrNotExist) {
		if err := seal.NewKeyFile(p.KeyFile); err != nil {
			return nil, err
		}
	}
	return seal.KeyFile(p.KeyFile), nil
}

// rotateInPlace replaces the key file. The new key is on disk under its own name before the store
// knows of it, and takes the old one's place after: at every moment one of the two files opens the
// store, and whoever opens it next finishes (FinishKeyFile).
func (c *call) rotateInPlace(ctx context.Context) (RootChange, error) {
	if c.KeyFile == "" {
		return RootChange{}, errors.New("no key file that could be replaced opened the store: say what is to open it (--new-root-key or --new-passphrase-file), " +
			"and give that to the service from its next start on")
	}
	if c.unfinished { // and removed below, it would take every key along
		if err := c.finishKeyFile(); err != nil {
			return RootChange{}, err
		}
	}
	// A rename would replace the link, and leave the former key in the file that the operator keeps safe.
	if info, err := os.Lstat(c.KeyFile); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return RootChange{}, fmt.Errorf("key file %s is a symbolic link, which a new file would replace: open the store by the file itself, or say where the new key is to be (--new-root-key)", c.KeyFile)
	}
	next := NextKeyFile(c.KeyFile)
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) { // of a rotation that was not committed
		return RootChange{}, err
	}
	if err := seal.NewKeyFile(next); err != nil {
		return RootChange{}, err
	}
	src := seal.KeyFile(next)
	// The file takes its place before the other nodes are waited for: some may read the very same.
	err := c.swap(ctx, func(r *seal.Ring) (*seal.Ring, error) { return r.RotateRoot(ctx, src, c.Now()) }, c.finishKeyFile)
	if err != nil {
		return RootChange{}, err // next stays: if the outcome is unknown it may be what opens the store
	}
	return RootChange{Source: seal.KeyFile(c.KeyFile).String(), InPlace: true}, nil
}

func (c *call) finishKeyFile() error {
	err := FinishKeyFile(c.KeyFile)
	c.unfinished = err != nil
	return err
}

// beginRotation takes c.rotating, unless another rotation has it. It makes sure that what is stored
// is what is in force: after a commit of unknown outcome only a restart can tell.
func (c *call) beginRotation(ctx context.Context) error {
	if !c.rotating.TryLock() {
		return errors.New("another rotation is running; wait for its end")
	}
	stored, err := record.ReadState(ctx, c.Engine)
	if err == nil && !bytes.Equal(stored, c.Book.Ring().State()) {
		err = c.Book.Follow(ctx) // another node's rotation, or one of ours that ended without an answer
	}
	if err != nil {
		c.rotating.Unlock()
	}
	return err
}

// swap puts the ring in force that next makes of the present one; then is called once it is stored.
func (c *call) swap(ctx context.Context, next func(*seal.Ring) (*seal.Ring, error), then func() error) error {
	ring, err := next(c.Book.Ring())
	if err != nil {
		return err
	}
	return c.Reseal.Swap(ctx, ring, nil, then)
}
