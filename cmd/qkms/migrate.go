package main

import (
	"context"
	"errors"
	"fmt"

	"qkms/internal/store/postgres"
)

const aboutMigrate = `
    qkms migrate --store 'postgres://qkms@db.example.com/qkms?sslmode=verify-full'

Run it with the new version before the first node of that version is started. Where there is nothing to do it says
so. Nodes of the version before go on meanwhile and after it, unless the new version's notes say otherwise; then stop
them first. Interrupted, run it again. Several at once do it once. The user must own the tables.

A store in a data directory needs no such thing: it is brought up to date when it is opened, after a copy of it was
made beside it.`

// migrate is `qkms migrate`.
func migrate(ctx context.Context, c *command) error {
	url, err := c.storeURL()
	if err != nil {
		return err
	}
	if url == "" {
		return misused("qkms migrate: --store or --store-file is missing; a store in a data directory is brought up to date when it is opened")
	}
	show, hide := c.step()
	show("migrating")
	m, err := postgres.Migrate(ctx, url, postgres.Options{})
	hide()
	if errors.Is(err, postgres.ErrNone) {
		return fmt.Errorf("%w; `qkms init` with the same --store makes one", err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(m)
	}
	if m.From == m.To {
		line(c.out, "Store format %d: nothing to do.", m.To)
	} else {
		line(c.out, "Store format %d, which was %d.", m.To, m.From)
	}
	if need := max(m.Reader, m.Writer); need < m.To {
		line(c.out, "Nodes of earlier versions go on, down to those that know format %d.", need)
	}
	return nil
}
