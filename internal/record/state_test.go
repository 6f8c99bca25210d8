package record_test

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// another is a second node over the store of f.
func (f *fixture) another() *fixture {
	return &fixture{record.Open(f.engine, f.Ring(), 1<<20), f.engine, f.t}
}

// rotateRoot exchanges the root key, and returns how a node would open the new one.
func (f *fixture) rotateRoot() func(context.Context, []byte) (*seal.Ring, error) {
	f.t.Helper()
	path := filepath.Join(f.t.TempDir(), "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		f.t.Fatal(err)
	}
	next, err := f.Ring().RotateRoot(f.t.Context(), seal.KeyFile(path), time.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.SwapRing(f.t.Context(), next, nil); err != nil {
		f.t.Fatal(err)
	}
	return func(ctx context.Context, state []byte) (*seal.Ring, error) {
		return seal.Open(ctx, state, seal.KeyFile(path))
	}
}

// While somebody is asked for the passphrase of a root key that was exchanged elsewhere, what was built under the former
// keys is refused by the store, nothing waits for longer than it may, and what needs no keys is done.
func TestFollowWaitsForNobodyElse(t *testing.T) {
	f := open(t)
	other := f.another()
	k := f.insert("a")
	reopen := f.rotateRoot()
	asked, answer := make(chan struct{}), make(chan struct{})
	other.Reopen = func(ctx context.Context, state []byte) (*seal.Ring, error) {
		close(asked)
		<-answer
		return reopen(ctx, state)
	}
	followed := make(chan error, 1)
	go func() { followed <- other.Follow(context.Background()) }()
	<-asked
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	c := other.Change()
	c.Replace(k, 1, &recordpb.Key{Id: "a"})
	if err := other.Commit(brief, c, "", nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a commit: got %v, want ErrUnavailable", err)
	}
	c = other.Change()
	c.Remove(k, 1)
	if err := other.Commit(t.Context(), c, "", nil); err != nil {
		t.Errorf("a commit of nothing sealed: %v", err)
	}
	close(answer)
	if err := <-followed; err != nil {
		t.Fatal(err)
	}
	other.insert("b")
	if _, err := f.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

var kept = seal.AD{Key: []byte("kept"), Ver: 1, Schema: 1}

// token is what a node of the store gives away, under a KEK that it has just made.
func (f *fixture) token() []byte {
	f.t.Helper()
	next, err := f.Ring().RotateKEK(time.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.SwapRing(f.t.Context(), next, nil); err != nil {
		f.t.Fatal(err)
	}
	return f.Ring().Seal(kept, []byte("token"))
}

// forged names a KEK and is nothing else.
func forged(kek uint32) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{1}, kek), make([]byte, seal.Overhead)...)
}

// Who has a genuine token is not told that it is none because others have shown forged ones.
func TestForgedTokensAreInNobodysWay(t *testing.T) {
	f := open(t)
	other := f.another()
	for range 2 {
		if _, err := other.OpenKept(t.Context(), kept, forged(2)); !errors.Is(err, seal.ErrUnknownKEK) {
			t.Errorf("a forged one: got %v, want ErrUnknownKEK", err)
		}
	}
	if got, err := other.OpenKept(t.Context(), kept, f.token()); err != nil || string(got) != "token" {
		t.Errorf("a genuine one: got %q, %v", got, err)
	}
}

// Nor when it cannot be known, which the next moment may change: the caller is to try again. Nothing is asked about
// what cannot be ours.
func TestTokensWhileKeysCannotBeHad(t *testing.T) {
	for name, away := range map[string]func(f, other *fixture){
		"the store is away":         func(f, _ *fixture) { f.engine.Close() },
		"the root key is not known": func(f, _ *fixture) { f.rotateRoot() },
		"the keys were altered": func(f, other *fixture) {
			f.rotateRoot()
			other.Reopen = func(context.Context, []byte) (*seal.Ring, error) { return nil, seal.ErrTampered }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.exchange()
			other, k := f.another(), f.insert("a")
			token := f.token()
			c := f.Change()
			c.Replace(k, 1, &recordpb.Key{})
			f.commit(c)
			stored := row(t, f.rows(), k)
			away(f, other)
			_, err := other.OpenKept(t.Context(), kept, token)
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, seal.ErrTampered) || errors.Is(err, seal.ErrUnknownKEK) {
				t.Errorf("a genuine one: got %v, want ErrUnavailable alone", err)
			}
			for _, kek := range []uint32{0, 1, 1 << 31} {
				if _, err := other.OpenKept(t.Context(), kept, forged(kek)); !errors.Is(err, seal.ErrUnknownKEK) {
					t.Errorf("KEK %d: got %v, want ErrUnknownKEK", kek, err)
				}
			}
			if _, err := other.OpenRow(t.Context(), stored); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, record.ErrDamaged) {
				t.Errorf("a record: got %v, want ErrUnavailable and no damage", err)
			}
		})
	}
}

// countedGet is an engine whose reads are counted.
type countedGet struct {
	store.Engine
	state []byte
	gets  int
}

func (c *countedGet) Get(context.Context, ...[]byte) ([]store.Record, error) {
	c.gets++
	return []store.Record{{Ver: 1, Body: c.state}, {}}, nil
}

// A thousand forged tokens cost the store a read a second, and nobody waits for longer than that.
func TestForgedTokensCostLittle(t *testing.T) {
	ring := open(t).Ring()
	synctest.Test(t, func(t *testing.T) {
		engine := &countedGet{state: ring.State()}
		b := record.Open(engine, ring, 10)
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 1001*time.Millisecond)
				defer cancel()
				if _, err := b.OpenKept(ctx, kept, forged(2)); !errors.Is(err, seal.ErrUnknownKEK) {
					t.Errorf("got %v, want ErrUnknownKEK within a second", err)
				}
			})
			time.Sleep(3 * time.Millisecond) // of the bubble: none of it passes
		}
		wait.Wait()
		if engine.gets > 4 {
			t.Errorf("got %d reads in three seconds, want 4 at most", engine.gets)
		}
	})
}

// An outbox row that goes while its page is being sealed again does not come back: another node would take it for one
// whose node is dead, and write its record a second time.
func TestResealBringsNoOutboxRowBack(t *testing.T) {
	f := open(t)
	c := f.Change()
	c.Insert(record.OfKey(account, region, "a"), &recordpb.Key{})
	if err := f.Commit(t.Context(), c, "event", []byte("line")); err != nil {
		t.Fatal(err)
	}
	f.Delivered("event")
	f.token()
	fence, err := f.engine.Claim(t.Context(), "reseal", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	under := func(context.Context) (store.Fence, error) { return fence, f.Tidy(t.Context()) }
	for w := (record.Resealing{}); !w.Ended; {
		if err := f.Reseal(t.Context(), &w, under); err != nil {
			t.Fatal(err)
		}
	}
	if lines, err := f.Undelivered(t.Context(), time.Time{}); err != nil || len(lines) != 0 {
		t.Errorf("got %q, %v, want none", lines, err)
	}
}

// Who has looked at a store is no node of it.
func TestVerifyLeavesNoNode(t *testing.T) {
	f := open(t)
	f.insert("a")
	if _, err := f.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if peers, err := f.engine.Peers(t.Context()); err != nil || len(peers) != 0 {
		t.Errorf("got %d nodes, %v, want none", len(peers), err)
	}
}
