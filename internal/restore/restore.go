// Package restore makes a deployment of a backup, without bringing back what was revoked since.
//
// Start with Run. What was done after the backup stands in the audit log; rules.go says what becomes of each
// event. Drill proves that a backup could be restored, and changes nothing.
package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"qkms/internal/admin"
	"qkms/internal/audit"
	"qkms/internal/backup"
	"qkms/internal/node"
	"qkms/internal/seal"
)

// Config says what is restored, and to where.
type Config struct {
	From      string      // the backup file
	Node      node.Config // of the data directory to be; its database must not be there
	AuditDirs []string    // the audit logs that were, or copies, besides the one in the data directory; without that one the first is copied there
	NoReapply bool        // leave in force what was revoked after the backup
	Who       admin.Operator
	Say       func(backup.Progress) // may be nil
}

// A Report is what a restore did.
type Report struct {
	Backup  time.Time `json:"backup"` // the state is that of then
	Records int       `json:"records"`
	Epoch   uint64    `json:"epoch"`

	// Log is the audit log that the deployment continues, Others are those that were read besides: of other
	// nodes, or of before.
	Log    LogReport   `json:"auditLog"`
	Others []LogReport `json:"otherAuditLogs,omitempty"`

	Findings
}

// Run makes the data directory of a backup. It never writes over a store: fs.ErrExist.
//
// It may be interrupted anywhere, and run again: until it is done a file in the data directory
// (node.Unfinished) keeps everybody else from opening what would have old rights in force.
func Run(ctx context.Context, c Config) (Report, error) {
	var rep Report
	if c.Node.Now == nil {
		c.Node.Now = time.Now
	}
	if err := c.clear(); err != nil {
		return rep, err
	}
	var events []*event
	err := backup.Install(ctx, c.From, node.Database(c.Node.Dir), c.terms(), func(b *backup.Copy) error {
		rep.Backup, rep.Records = b.Statement.At, b.Manifest.Records
		rep.Epoch = backup.NewEpoch(c.Node.Now())(b.Manifest.Heads.Epoch)
		var err error
		if events, err = c.takeLogs(ctx, b, &rep); err != nil {
			return err
		}
		return begin(c.Node.Dir)
	})
	if err != nil {
		return rep, err
	}
	if err := c.reapply(ctx, events, &rep); err != nil {
		return rep, fmt.Errorf("%w; run the same restore again", err)
	}
	return rep, finish(c.Node.Dir)
}

func (c *Config) terms() backup.Terms {
	return backup.Terms{Epoch: backup.NewEpoch(c.Node.Now()), Say: c.Say, Open: func(state []byte) (*seal.Ring, error) {
		ring, err := seal.Open(context.Background(), state, c.Node.Unseal...)
		if err != nil {
			err = fmt.Errorf("%w; a backup opens with the root key of its day", err)
		}
		return ring, err
	}}
}

// clear makes sure that there is no store. What an interrupted restore left nobody could have opened; it is
// put aside all the same, rather than removed: somebody may have made the file that says so by hand.
func (c *Config) clear() error {
	database := node.Database(c.Node.Dir)
	_, unfinished := os.Lstat(node.Unfinished(c.Node.Dir))
	for _, suffix := range []string{"-journal", "-wal", "-shm", ""} { // SQLite obeys what lies beside a file that has its name
		name := database + suffix
		var err error
		if unfinished == nil {
			err = os.Rename(name, database+".unfinished"+suffix)
		} else if _, there := os.Lstat(name); there == nil {
			err = fmt.Errorf("%s: %w; a restore makes a store and never replaces one: move it away, or restore to another directory", name, fs.ErrExist)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// begin keeps everybody out until finish.
func begin(dir string) error {
	f, err := os.OpenFile(node.Unfinished(dir), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncDirectory(dir))
}

func finish(dir string) error {
	return errors.Join(os.Remove(node.Unfinished(dir)), syncDirectory(dir))
}

func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reapply opens the restored store, does again what is to be done, and records the restore, last: the record
// says what came of it.
func (c *Config) reapply(ctx context.Context, events []*event, rep *Report) (err error) {
	config := c.Node
	config.Restoring = true
	n, err := node.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	a := &agent{Node: n, who: c.Who.Identity()}
	if rep.Findings, err = a.all(ctx, events, !c.NoReapply); err != nil {
		return err
	}
	from, err := filepath.Abs(c.From)
	if err != nil {
		return err
	}
	return n.Ledger.Note(&audit.Record{
		EventName: "RestoreStore", EventSource: audit.SourceAdmin, EventType: audit.TypeAdminAction, Identity: a.who,
		Request: audit.Detail{audit.String("file", from), audit.Bool("reapply", !c.NoReapply)},
		Response: audit.Detail{
			audit.String("backup", rep.Backup.UTC().Format(time.RFC3339)), audit.Int("records", rep.Records), audit.Int("epoch", int64(rep.Epoch)),
			audit.Int("doneAgain", rep.count(Again)), audit.Int("toDo", rep.count(ToDo)), audit.Int("keysLost", len(rep.LostKeys)),
		},
	})
}
