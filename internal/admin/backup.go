package admin

import (
	"context"
	"errors"
	"path/filepath"

	"qkms/internal/audit"
	"qkms/internal/backup"
)

// A BackupTo says where a backup goes: to a new file, or under a name of its own into a directory.
type BackupTo struct {
	File string `json:"file,omitempty"` // absolute
	Dir  string `json:"dir,omitempty"`  // absolute, and there
	Keep int    `json:"keep,omitempty"` // of the store's backups in Dir; 0: all
}

// A BackupMade is a backup, and the older ones that were removed for it.
type BackupMade struct {
	backup.Made
	Removed []string `json:"removed,omitempty"`
}

// Backup writes the store into a file, while it is in use, and reads it back. Requests are served meanwhile.
var Backup = &Action[BackupTo, BackupMade]{
	Name: "backup", Event: "BackupStore",
	run: func(ctx context.Context, c *call, p BackupTo) (BackupMade, error) {
		src := backup.Source{Book: c.Book, Audit: c.Audit, Now: c.Now}
		say := func(s backup.Progress) { c.progress(Progress{Step: s.Step, Seen: s.Records, Bytes: s.Bytes}) }
		var out BackupMade
		var err error
		switch {
		case (p.File == "") == (p.Dir == "") || !filepath.IsAbs(p.File+p.Dir) || p.Keep < 0:
			return out, errors.New("a backup goes to a file or into a directory, by its absolute path")
		case p.Dir != "":
			out.Made, out.Removed, err = backup.CreateIn(ctx, src, p.Dir, p.Keep, say)
		default:
			out.Made, err = backup.Create(ctx, src, p.File, say)
		}
		c.rec.Response = audit.Detail{
			audit.String("path", out.Path), audit.Int("records", out.Records), audit.String("sha256", out.SHA256),
			audit.Strings("removed", out.Removed).If(len(out.Removed) > 0),
		}
		if err == nil {
			c.remember(ctx, c.Backups.Made(out.Made, out.Removed, c.Now()))
		}
		return out, err
	},
	audit: func(p BackupTo) audit.Detail {
		return audit.Detail{
			audit.String("file", p.File).If(p.File != ""), audit.String("directory", p.Dir).If(p.Dir != ""), audit.Int("keep", p.Keep).If(p.Keep != 0),
		}
	},
}

// A BackupProved is a backup that was restored on trial, and all of it could be used.
type BackupProved struct {
	SHA256 string `json:"sha256"` // of its stream, in hex
}

// NoteProof keeps that a backup was proved; of one that is not known here it keeps nothing.
var NoteProof = &Action[BackupProved, Nothing]{
	Name: "backup/proved", Event: "NoteBackupProof",
	run: func(ctx context.Context, c *call, p BackupProved) (Nothing, error) {
		c.remember(ctx, c.Backups.Proved(p.SHA256, c.Now()))
		return Nothing{}, nil
	},
	audit: func(p BackupProved) audit.Detail { return audit.Detail{audit.String("sha256", p.SHA256)} },
}

// remember complains when what is known of backups could not be kept. The backup itself is made.
func (c *call) remember(ctx context.Context, err error) {
	if err != nil {
		c.Logger.WarnContext(ctx, "what is known of backups could not be kept", "error", err)
	}
}
