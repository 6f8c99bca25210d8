package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"qkms/internal/admin"
)

func rootRotate(ctx context.Context, c *command) error {
	p, err := c.newRoot()
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	out, err := admin.Do(ctx, c.place(), admin.RotateRoot, p, nil)
	if err != nil {
		return err
	}
	line(c.out, "The root key is a new one, which %s opens.", out.Source)
	if !out.InPlace {
		line(c.out, "Give it to the service from its next start on; what opened the store before does not any more.")
	}
	line(c.out, "Keep a copy of it elsewhere, and the former one for as long as backups from before today.")
	return nil
}

func rootAdd(ctx context.Context, c *command) error {
	p, err := c.newRoot()
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	if p.KeyFile == "" && len(p.Passphrase) == 0 {
		return misused("qkms root add: --new-root-key or --new-passphrase-file is needed")
	}
	out, err := admin.Do(ctx, c.place(), admin.AddRoot, p, nil)
	if err == nil {
		line(c.out, "From now on %s opens the store too.", out.Source)
	}
	return err
}

// newRoot is what --new-root-key and --new-passphrase-file say. The server may have another working
// directory, so paths are made absolute; passphrases are read here.
func (c *command) newRoot() (p admin.RootSource, err error) {
	if c.NewRootKey != "" && c.NewPassphraseFile != "" {
		return p, misused("--new-root-key or --new-passphrase-file, not both")
	}
	if c.NewRootKey != "" {
		p.KeyFile, err = filepath.Abs(c.NewRootKey)
	}
	if c.NewPassphraseFile != "" {
		p.Passphrase, err = readPassphrase(c.NewPassphraseFile, ownersOnly)
	}
	if err != nil {
		err = fmt.Errorf("read the new root: %w", err)
	}
	return p, err
}

func kekRotate(ctx context.Context, c *command) error {
	show, end := c.progress()
	out, err := admin.Do(ctx, c.place(), admin.RotateKEK, admin.Nothing{}, show)
	end()
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(out)
	}
	begun := ""
	if out.Continued {
		begun = " (an interrupted rotation was finished)"
	}
	line(c.out, "KEK %d is in force%s: records sealed again: %d, former KEKs dropped: %d.", out.Current, begun, out.Resealed, len(out.Dropped))
	return nil
}

// progress draws over one line of a terminal until end, and is silent elsewhere.
func (c *command) progress() (show func(admin.Progress), end func()) {
	if f, ok := c.err.(*os.File); !ok || !isTerminal(f) {
		return nil, func() {}
	}
	show = func(p admin.Progress) {
		if p.Step != "" {
			fmt.Fprintf(c.err, clearLine+"%s: %s", p.Step, amount(p.Seen, p.Bytes))
			return
		}
		fmt.Fprintf(c.err, clearLine+"%d records seen, %d sealed again", p.Seen, p.Done)
	}
	return show, func() { fmt.Fprint(c.err, clearLine) }
}

const clearLine = "\r\x1b[K" // ECMA-48 EL

// amount is what of a store was gone through, as far as it is known.
func amount(records int, bytes int64) string {
	switch {
	case records == 0:
		return fmt.Sprintf("%d MiB", bytes>>20)
	case bytes == 0:
		return fmt.Sprint(records)
	}
	return fmt.Sprintf("%d records, %d MiB", records, bytes>>20)
}

func kekList(ctx context.Context, c *command) error {
	keks, err := admin.Do(ctx, c.place(), admin.ListKEKs, admin.Nothing{}, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(keks)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	line(w, "ID\tCREATED\tSTATE")
	for _, k := range keks {
		state := "former"
		if k.Current {
			state = "current"
		}
		line(w, "%d\t%s\t%s", k.ID, k.Created.Format(time.RFC3339), state)
	}
	return w.Flush()
}
