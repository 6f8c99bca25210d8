package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"qkms/internal/admin"
)

// backupConfig is what the verbs about backups are told.
type backupConfig struct {
	// To is the file that a backup is written to. It must not be there.
	To string

	// Into is a directory for backups under names of their own.
	Into string

	// Keep is how many backups of the store to leave in Into; 0: all. The oldest go once the new one was
	// read back, and never before.
	Keep int

	// From is the backup that is read.
	From string

	// Verify reads a backup into a store that is thrown away, and changes nothing.
	Verify bool

	// NoReapply leaves what was revoked since the backup in force.
	NoReapply bool
}

func (b *backupConfig) flag(fs *flag.FlagSet, name string) bool {
	switch name {
	case "to":
		fs.StringVar(&b.To, name, b.To, "write the backup to `FILE`, which must not be there")
	case "into":
		fs.StringVar(&b.Into, name, b.Into, "write the backup into `DIR`, under a name made of the store and the time")
	case "keep":
		fs.Var((*count)(&b.Keep), name, "with --into: leave the newest `N` backups of the store there, and remove older ones; 0: leave all")
	case "from":
		fs.StringVar(&b.From, name, b.From, "the backup, `FILE`")
	case "verify":
		fs.BoolVar(&b.Verify, name, b.Verify, "read the backup into a store that is thrown away, prove that all of it can be used, and change nothing")
	case "no-reapply":
		fs.BoolVar(&b.NoReapply, name, b.NoReapply, "leave in force what was revoked after the backup")
	default:
		return false
	}
	return true
}

type count int

func (n *count) String() string { return strconv.Itoa(int(*n)) }
func (n *count) Set(s string) error {
	i, err := strconv.Atoi(s)
	if err != nil || i < 0 {
		return errors.New("a number from 0 on")
	}
	*n = count(i)
	return nil
}

const aboutBackup = `
    qkms backup --to /backup/before-upgrade.backup
    qkms backup --into /backup --keep 24

The store is written as it was at one instant, and read back: every record is opened before the file gets its
name. No file is ever overwritten, and one with its name is whole. Records stay sealed, so that a backup is worth
nothing without the root key of its day: keep that, or a copy, and keep it elsewhere. Audit log, TLS pair and
configuration are not in it. DIR and FILE are the server's to write to; it takes twice the room meanwhile.

`

// backUp is `qkms backup`.
func backUp(ctx context.Context, c *command) error {
	p, err := c.Backup.to()
	if err != nil {
		return err
	}
	show, end := c.progress()
	out, err := admin.Do(ctx, c.place(), admin.Backup, p, show)
	end()
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(out)
	}
	line(c.out, "%s\n  holds everything acknowledged before %s: %d records, %d bytes; read back, all %d sealed ones open.",
		out.Path, out.At.Format(time.RFC3339), out.Records, out.Bytes, out.Verified)
	for _, path := range out.Removed {
		line(c.out, "Removed %s.", path)
	}
	return nil
}

// to is where a backup is to go, by absolute path: the server may have another working directory.
func (b *backupConfig) to() (p admin.BackupTo, err error) {
	if (b.To == "") == (b.Into == "") || b.Keep > 0 && b.Into == "" {
		return p, misused("qkms backup: --to FILE, or --into DIR and --keep N if older ones are to be removed")
	}
	p.Keep = b.Keep
	if b.To != "" {
		p.File, err = filepath.Abs(b.To)
		return p, err
	}
	if info, err := os.Stat(b.Into); err != nil || !info.IsDir() {
		return p, fmt.Errorf("--into %s is no directory", b.Into)
	}
	p.Dir, err = filepath.Abs(b.Into)
	return p, err
}
