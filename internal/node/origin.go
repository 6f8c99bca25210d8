package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// AuditSigner signs the audit log in dir of a store, with a key that stays the same for the life of the store. The
// name it signs under is the store's; where nodes share a store each log has a name of its own, since
// two logs under one name would be the proof that somebody rewrote one.
func AuditSigner(ring *seal.Ring, dir string) (*audit.Signer, error) {
	name, err := AuditName(dir)
	if err != nil {
		return nil, err
	}
	origin := fmt.Sprintf("qkms.audit/%x", ring.StoreID())
	if name != "" {
		origin += "/" + name
	}
	return audit.NewSigner(origin, ring.Derive("audit checkpoint v1"))
}

// logFile is the file in a log's directory that has its name.
const logFile = "origin"

// AuditName is what distinguishes a log from others of the same store: empty of one whose store was in the data directory when it
// began, which had no other.
func AuditName(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, logFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	name := strings.TrimSpace(string(text))
	if err == nil && (len(name) != len(rand.Text()) || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "") {
		err = fmt.Errorf("%s does not hold the name of an audit log; put it back from a copy: what the log signed, it signed under that name", filepath.Join(dir, logFile))
	}
	return name, err
}

// nameLog gives a log that has not begun a name.
func nameLog(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.Name() == logFile || strings.HasPrefix(e.Name(), "audit-") || strings.HasPrefix(e.Name(), "checkpoints") {
			return nil
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, logFile+"-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(rand.Text() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), filepath.Join(dir, logFile)) // of two processes at once the second keeps the first one's
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// look is for how long the rows of nodes are watched: who is alive renews in between.
const look = 3 * time.Second

// seeTwin raises the alarm when another node writes a log of the same name: its data directory is a copy of this one, or
// this of that. Two logs under one name cannot be told from one that was forged.
func (n *Node) seeTwin(ctx context.Context) {
	before := n.twins(ctx)
	select {
	case <-time.After(look):
	case <-ctx.Done():
		return
	}
	for id, twin := range n.twins(ctx) {
		if was, there := before[id]; there && was.Beat != twin.Beat {
			n.Logger.Error("another node writes an audit log of the same name: one of the two data directories is a copy; "+
				"stop this node, and start it with an empty data directory and the root key", "other", twin.Info, "log", n.Book.Log)
		}
	}
}

// twins are the rows of other nodes, by id, whose log has the name of this one's. A former run of this node may be among them.
func (n *Node) twins(ctx context.Context) map[string]store.Node {
	peers, err := n.Engine.Peers(ctx)
	if err != nil {
		return nil // whatever it is, renewals meet it too, and say so
	}
	all := map[string]store.Node{}
	for _, p := range peers {
		if i, err := coherence.ParseInfo(p.Info); err == nil && p.ID != n.Lease.ID() && i.Log == n.Book.Log {
			all[p.ID] = p
		}
	}
	return all
}
