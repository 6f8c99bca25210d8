package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"qkms/internal/admin"
	"qkms/internal/backup"
	"qkms/internal/node"
	"qkms/internal/restore"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
)

const aboutRestore = `
    qkms restore --from /backup/qkms-0c4d6c1e-20260102T030405Z.backup --root-key COPY --data DIR
    qkms restore --from … --root-key COPY --verify

The backup is verified whole, then becomes the store of DIR, where none may be. The root key is the one of the
backup's day.

What was revoked after the backup stands in the audit log, and is done again: keys disabled or scheduled for
deletion, grants revoked, key policies replaced, aliases moved or deleted, access keys disabled or deleted,
identities and their policies removed. What gave rights is not. What is for you to do is printed, and the keys
that are lost because they were made later. The log is the one in DIR/audit, or a copy of it given with
--audit-dir; it is continued. Without one nothing can be done again, and a new log begins.

Of nodes that shared a store each has its own log, and what was revoked on one stands in its log alone: give all
of them, --audit-dir LOG1 --audit-dir LOG2. The one in DIR/audit is continued, or else the first given; the others
are only read. Each must be the one that its node signed. What is newest is told by the nodes' clocks: where they
cannot tell, within a minute, what takes most away is taken for the last word.

Interrupted, run it again: until it is done nothing else opens DIR. While it runs it takes twice the room.

With --verify nothing is restored: the backup is read into a store that is thrown away (in $TMPDIR), where every
record must open and every key must be the one that its id says, and encrypt and decrypt. Exit 1 if not. Do it
regularly, elsewhere, with the copy of the root key that you would restore with.`

// restoring is `qkms restore`.
func restoring(ctx context.Context, c *command) error {
	if c.Backup.From == "" {
		return misused("qkms restore: --from FILE is missing")
	}
	u := c.unseal()
	n, err := c.node(u)
	if err != nil {
		return err
	}
	show, end := c.progress()
	config := restore.Config{From: c.Backup.From, Node: n, AuditDirs: c.Audit.Dirs, NoReapply: c.Backup.NoReapply, Who: admin.Self(), Say: steps(show)}
	if c.Backup.Verify {
		return c.drill(ctx, config, end)
	}
	if err := ownDir(c.Data); err != nil {
		return err
	}
	rep, err := restore.Run(ctx, config)
	end()
	if err != nil {
		return err
	}
	if _, err := u.settle(); err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(rep)
	}
	c.printRestored(rep)
	return nil
}

// steps shows the progress of what is done in this process.
func steps(show func(admin.Progress)) func(backup.Progress) {
	if show == nil {
		return nil
	}
	return func(p backup.Progress) { show(admin.Progress{Step: p.Step, Seen: p.Records, Bytes: p.Bytes}) }
}

func (c *command) printRestored(rep restore.Report) {
	line(c.out, "%s is as of %s: %d records, epoch %d.", c.Data, rep.Backup.Format(time.RFC3339), rep.Records, rep.Epoch)
	c.printLogs(rep)
	for _, o := range rep.Outcomes {
		why := ""
		if o.Why != "" {
			why = ": " + o.Why
		}
		if o.ByTime {
			why += " (several logs tell of it at nearly the same time: decided by the clock)"
		}
		line(c.out, "%-10s  %s  %s  %s (event %s)%s", o.Result, o.Time.Format(time.RFC3339), o.Event, o.About, o.EventID, why)
	}
	for _, k := range rep.LostKeys {
		line(c.out, "lost        key %s, made after the backup, seen in %d requests: what it encrypted cannot be decrypted", k.ARN, k.Uses)
	}
	if n := len(rep.LostAccessKeys); n > 0 {
		line(c.out, "lost        %d access keys, made after the backup: %s", n, strings.Join(rep.LostAccessKeys, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(rep.Other)) {
		line(c.out, "not kept    %s, %d times", name, rep.Other[name])
	}
}

func (c *command) printLogs(rep restore.Report) {
	if rep.Log.Fate == "new" {
		line(c.out, "No audit log was there: nothing from after the backup could be done again, and a new log begins.")
		return
	}
	byTime, since := true, rep.Backup.Truncate(time.Second) // as exact as records are
	for _, l := range append([]restore.LogReport{rep.Log}, rep.Others...) {
		if !l.Newest.Before(since) {
			line(c.out, "The audit log (%s) in %s goes on until %s, %s after the backup.", l.Fate, l.Dir, l.Newest.Format(time.RFC3339), l.Newest.Sub(since))
		} else {
			line(c.out, "The audit log (%s) in %s has nothing from after the backup.", l.Fate, l.Dir)
		}
		if l.ByTime {
			line(c.out, "The place of the backup is not in this log; what is newer was decided by the clock.")
		}
		byTime = byTime && l.ByTime
	}
	if byTime {
		line(c.out, "The log of the node that made the backup is not among them.")
	}
	if rep.Log.Name != "" && len(rep.Others) == 0 {
		line(c.out, "It is the log of one of the nodes that may have shared the store: what was revoked on another one is not in it. Give their logs too, with --audit-dir.")
	}
}

func (c *command) drill(ctx context.Context, config restore.Config, end func()) error {
	rep, err := restore.Drill(ctx, config, os.TempDir())
	end()
	if err != nil {
		return err
	}
	if c.JSON {
		err = c.printJSON(rep)
	} else {
		line(c.out, "%s holds everything acknowledged before %s.", config.From, rep.Backup.Format(time.RFC3339))
		line(c.out, "Records: %d, sealed ones that open: %d. Keys: %d, materials that are what their ids say: %d, that encrypt and decrypt: %d.",
			rep.Records, rep.Opened, rep.Keys, rep.Materials, rep.Decrypted)
		for _, p := range rep.Problems {
			line(c.out, "PROBLEM  %s", p)
		}
	}
	if n := len(rep.Problems); n > 0 && err == nil {
		err = fmt.Errorf("problems found: %d", n)
	}
	if err != nil {
		return err
	}
	c.noteProof(ctx, rep.SHA256)
	return nil
}

// noteProof tells the server of the data directory, if one runs, that a backup was proved. The proof is what was asked for:
// that it could not be noted does not make it less.
func (c *command) noteProof(ctx context.Context, sum string) {
	running, err := admin.Running(c.Data)
	if err == nil && running {
		_, err = admin.Do(ctx, c.place(), admin.NoteProof, admin.BackupProved{SHA256: sum}, nil)
	}
	if err != nil {
		line(c.err, "The server of %s was not told of it: %v", c.Data, err)
	}
}

const aboutMove = `
    qkms move /var/lib/qkms 'postgres://qkms@db.example.com/qkms?sslmode=verify-full'
    qkms move 'postgres://qkms@db.example.com/qkms?sslmode=verify-full' /var/lib/qkms-new

SRC and DST are data directories or URLs of PostgreSQL databases. Stop the server first: SRC must be in nobody's
use, DST must be empty. Records are moved as they are, sealed, so no root key is needed, and ids, ciphertexts,
grants and access keys stay good. SRC is only read, and marked when all is in DST: nothing opens it any more.
Interrupted, DST is as empty as before.

A node that was killed rather than stopped, or is cut off from its database, may be answering from memory: it is
waited for, as long as its --staleness-bound.

Audit log, TLS pair and root key stay where they are: serve from the same data directory, now with --store, or
move them along. Never serve from SRC again, nor from a copy of it: the two would part, each with the same name.`

// move is `qkms move`.
func move(ctx context.Context, c *command) (err error) {
	from, err := openPlace(ctx, c.operands[0], true)
	if err != nil {
		return fmt.Errorf("SRC: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openPlace(ctx, c.operands[1], false)
	if err != nil {
		return fmt.Errorf("DST: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	show, end := c.progress()
	out, err := backup.Move(ctx, from, to, time.Now(), steps(show))
	end()
	if err != nil {
		return err
	}
	if err := retire(context.WithoutCancel(ctx), from); err != nil {
		return fmt.Errorf("all is moved, but SRC could not be marked, so see to it yourself that nothing ever serves from it again: %w", err)
	}
	if c.JSON {
		return c.printJSON(out)
	}
	line(c.out, "Moved %d records, %d bytes, and read them back; the epoch is %d. Never serve from the former place again.", out.Records, out.Bytes, out.Epoch)
	return nil
}

// retire has nothing open a store again that is elsewhere now.
func retire(ctx context.Context, from node.Engine) error {
	r, is := store.As[store.Retirer](from)
	if !is {
		return errors.New("this kind of store cannot be marked yet")
	}
	return r.Retire(ctx)
}

// openPlace opens a store for this process alone. None is made where it is to be read.
func openPlace(ctx context.Context, place string, mustBe bool) (node.Engine, error) {
	if postgres.IsURL(place) {
		if postgres.HasPassword(place) {
			return nil, errors.New("a password in a URL is seen by everybody who lists processes: use PGPASSFILE")
		}
		if mustBe {
			return node.OpenStore(ctx, node.Config{Store: place})
		}
		return node.MakeStore(ctx, node.Config{Store: place})
	}
	if strings.Contains(place, "://") {
		return nil, misused("a store is in a data directory or at postgres://…")
	}
	dir, err := filepath.Abs(place)
	if err != nil {
		return nil, err
	}
	if mustBe {
		if _, err := os.Stat(node.Database(dir)); err != nil {
			return nil, fmt.Errorf("%s holds no QKMS store: %w", place, err)
		}
		if _, err := os.Lstat(node.Unfinished(dir)); err == nil {
			return nil, fmt.Errorf("%s holds a restore that was not finished; run `qkms restore` again", place)
		}
	} else if err := ownDir(dir); err != nil {
		return nil, err
	}
	return node.MakeStore(ctx, node.Config{Dir: dir})
}
