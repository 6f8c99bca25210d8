package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"qkms/internal/record"
	"qkms/internal/seal"
	"qkms/internal/store"
	"qkms/internal/store/sqlite"
	"qkms/internal/store/stream"
)

// Terms say how a backup is read.
type Terms struct {
	// Open opens the wrapped keys that are in the backup.
	Open func(state []byte) (*seal.Ring, error)

	// Epoch is what the epoch becomes, from that of the backup: greater. Nil: the next.
	Epoch func(uint64) uint64

	Say func(Progress) // nil: nobody listens
}

// A Copy is a store that was filled from a backup and found whole.
type Copy struct {
	Statement Statement
	Manifest  store.Manifest
	Report    record.Report
	Book      *record.Book

	engine store.Engine
}

// Close wipes the keys and closes the store.
func (c *Copy) Close() error {
	c.Book.Ring().Wipe()
	return c.engine.Close()
}

// Read fills a new database at path into, in SQLite, from the file at path, and returns it open. It is
// whole when Read returns nil: the stream as it was written, signed by its store, and every record opens
// under its own name. On an error the database is not to be used. Damage is told with its place in bytes.
func Read(ctx context.Context, path, into string, t Terms) (*Copy, error) {
	engine, err := sqlite.Open(ctx, into, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	c, err := read(ctx, path, engine, t)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", path, err)
	}
	return c, nil
}

// read owns engine: it is closed with the copy, or before an error is returned.
func read(ctx context.Context, path string, engine *sqlite.DB, t Terms) (_ *Copy, err error) {
	c := &Copy{engine: engine}
	defer func() {
		if err != nil {
			err = errors.Join(err, engine.Close())
		}
	}()
	said, err := c.load(ctx, path, engine, t)
	if err != nil {
		return nil, err
	}
	state, err := record.ReadState(ctx, engine)
	if err != nil {
		return nil, err
	}
	ring, err := t.Open(state)
	if err != nil {
		return nil, err
	}
	if err := said.verify(ring, c.Manifest.SHA256); err != nil {
		ring.Wipe()
		return nil, err
	}
	c.Statement, c.Book = said.Statement, record.Open(engine, ring, 16<<20)
	if err = engine.Check(ctx); err == nil {
		c.Report, err = c.Book.Verify(ctx, nil)
	}
	if err != nil {
		ring.Wipe()
		return nil, err
	}
	return c, nil
}

func (c *Copy) load(ctx context.Context, path string, to store.Loader, t Terms) (*signed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	r, err := stream.New(in)
	if err != nil {
		return nil, err
	}
	snap := r.Snapshot()
	snap.Records = counting(snap.Records, r, t.Say)
	if snap.Heads.Epoch++; t.Epoch != nil {
		snap.Heads.Epoch = t.Epoch(snap.Heads.Epoch - 1)
	}
	if err := to.Load(ctx, snap); err != nil {
		return nil, err
	}
	var whole bool
	if c.Manifest, whole = r.Manifest(); !whole {
		return nil, errors.New("the store took only part of it")
	}
	return parse(in, r.At())
}

// counting says how much was read, at most once per 1,000 records.
func counting(all iter.Seq2[store.Placed, error], r *stream.Reader, say func(Progress)) iter.Seq2[store.Placed, error] {
	if say == nil {
		return all
	}
	return func(yield func(store.Placed, error) bool) {
		n := 0
		for p, err := range all {
			if n++; n%1000 == 0 {
				say(Progress{Step: "read back", Records: n, Bytes: r.At()})
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// NewEpoch is an epoch greater than that of a backup, and than any that a restore gave before: two from the
// same file must not look alike to who remembers the first. It is the time in seconds, if the clock is right.
func NewEpoch(now time.Time) func(uint64) uint64 {
	return func(was uint64) uint64 { return max(was+1, uint64(max(0, now.Unix()))) }
}

// InScratch reads a backup into a store beside nothing of value, in dir, has do look at it, and removes it.
func InScratch(ctx context.Context, path, dir string, t Terms, do func(*Copy) error) (err error) {
	w, err := openBench(dir)
	if err != nil {
		return err
	}
	defer w.close()
	c, err := Read(ctx, path, filepath.Join(w.dir, "scratch.db"), t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return do(c)
}

// Install reads a backup into a store beside database, has look at it, and puts it there for good: durably, and
// only where nothing is (fs.ErrExist). On an error there is nothing at database.
func Install(ctx context.Context, path, database string, t Terms, look func(*Copy) error) error {
	w, err := openBench(filepath.Dir(database))
	if err != nil {
		return err
	}
	defer w.close()
	made := w.path("store.db")
	c, err := Read(ctx, path, made, t)
	if err != nil {
		return err
	}
	if err := errors.Join(look(c), c.Close()); err != nil {
		return err
	}
	if log, err := os.Stat(made + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s was not written back whole", made) // closing the last connection does it
	}
	return place(made, database)
}
