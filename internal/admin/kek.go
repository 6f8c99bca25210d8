package admin

import (
	"context"
	"fmt"
	"time"

	"qkms/internal/audit"
)

// Nothing are the parameters of an action that takes none.
type Nothing struct{}

// A KEK is one version of the key that records are sealed under.
type KEK struct {
	ID      uint32    `json:"id"`
	Created time.Time `json:"created"`
	Current bool      `json:"current"` // new records are sealed under it
}

// A KEKChange is what a rotation of the KEK did.
type KEKChange struct {
	Current   uint32   `json:"current"`
	Dropped   []uint32 `json:"dropped"`
	Resealed  int      `json:"resealed"`  // records
	Continued bool     `json:"continued"` // an interrupted rotation was finished, instead of beginning one
}

// ListKEKs tells which KEKs the store holds: one, unless a rotation is on its way.
var ListKEKs = &Action[Nothing, []KEK]{
	Name: "kek/list", Event: "ListKeyEncryptionKeys", ReadOnly: true,
	run: func(_ context.Context, c *call, _ Nothing) ([]KEK, error) {
		ring := c.Book.Ring()
		var out []KEK
		for _, k := range ring.KEKs() {
			out = append(out, KEK{k.ID, k.Created, k.ID == ring.Current()})
		}
		return out, nil
	},
}

// RotateKEK makes a new KEK, seals every record again under it, and drops the former ones: from then
// on an old KEK opens nothing but old backups. Requests are served meanwhile. Interrupted, it goes on
// when it is performed again, or by itself where a server runs.
var RotateKEK = &Action[Nothing, KEKChange]{
	Name: "kek/rotate", Event: "RotateKeyEncryptionKey",
	run: func(ctx context.Context, c *call, _ Nothing) (KEKChange, error) {
		if err := c.beginRotation(ctx); err != nil {
			return KEKChange{}, err
		}
		defer c.rotating.Unlock()
		out, err := c.Reseal.Rotate(ctx, func(seen, done int) { c.progress(Progress{Seen: seen, Done: done}) })
		c.rec.Response = audit.Detail{audit.Int("current", int64(out.Current)), audit.Int("resealed", out.Resealed), audit.Int("dropped", len(out.Dropped))}
		if ctx.Err() != nil {
			err = fmt.Errorf("interrupted after %d records; run `qkms kek rotate` again to go on, or leave it to the servers: %w", out.Resealed, err)
		}
		return KEKChange{out.Current, out.Dropped, out.Resealed, out.Continued}, err
	},
}
