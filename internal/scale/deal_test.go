package scale_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

const (
	retireEvery = 10  // of a key's grants one can be retired by the account
	dealtTo     = 100 // keys in a row begin with a grantee each
)

// A dealer makes grants. Ten million are more than memory holds, so they are made anew for every space that has
// records of them, and forgotten as soon as these are sealed.
type dealer struct {
	ids   []string // of the keys, in order
	users []*recordpb.User
	of    size
	book  *record.Book
	tray  *tray
}

// deal is the records of all grants, sealed, in the order of their keys. It seals while whoever ranges over it writes.
func deal(ctx context.Context, ring *seal.Ring, ids []string, users []*recordpb.User, of size) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		t := &tray{}
		d := &dealer{ids, users, of, record.Open(t, ring, 0), t}
		hands := make(chan []store.Placed, 256)
		var failed error
		go func() {
			defer close(hands)
			failed = d.all(ctx, hands)
		}()
		for hand := range hands {
			for _, r := range hand {
				if !yield(r, nil) {
					return
				}
			}
		}
		if failed != nil {
			yield(store.Placed{}, failed)
		}
	}
}

// all has one hand after the other: what one key has in one space.
func (d *dealer) all(ctx context.Context, hands chan<- []store.Placed) error {
	for _, put := range []func(*record.Book, *record.Change, *recordpb.Grant){putGrant, nil, putBy, putTo, putRetiring} {
		for i, id := range d.ids {
			hand, err := d.hand(ctx, i, id, put)
			if err != nil {
				return err
			}
			select {
			case hands <- hand:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// hand is the records of one space of a key's grants; of no put it is the number of them.
func (d *dealer) hand(ctx context.Context, i int, id string, put func(*record.Book, *record.Change, *recordpb.Grant)) ([]store.Placed, error) {
	n := d.of.each
	if i == 0 {
		n = d.of.grants
	}
	c := d.book.Change()
	if put == nil && n > 0 {
		c.Insert(record.OfGrantCount(kmstest.Account, kmstest.Region, id), &recordpb.GrantCount{Grants: uint32(n)})
	}
	for j := 0; put != nil && j < n; j++ {
		put(d.book, c, d.grant(i, id, j))
		if c.Size()+2 > store.MaxOps-1 { // one check is added
			if err := d.book.Commit(ctx, c, "", nil); err != nil {
				return nil, err
			}
			c = d.book.Change()
		}
	}
	err := d.book.Commit(ctx, c, "", nil)
	return d.tray.take(), err
}

// grant is the j-th on the i-th key.
func (d *dealer) grant(i int, id string, j int) *recordpb.Grant {
	u := d.users[(i%dealtTo+j)%len(d.users)]
	g := &recordpb.Grant{
		Id: fmt.Sprintf("%064x", (uint64(i)<<32|uint64(j)+1)*0x9e3779b97f4a7c15), Account: kmstest.Account, Region: kmstest.Region, KeyId: id, Name: fmt.Sprint("grant-", j),
		Grantee: "arn:aws:iam::" + u.Account + ":user/" + u.Name, GranteeId: u.Id, Operations: []string{"GenerateDataKey", "Decrypt"},
		IssuingAccount: kmstest.Account, Created: time.Now().UnixMilli(),
	}
	if j%retireEvery == 0 {
		g.Retiring = "arn:aws:iam::" + kmstest.Account + ":root"
	}
	return g
}

func putGrant(b *record.Book, c *record.Change, g *recordpb.Grant) {
	g.Fingerprint = b.GrantFingerprint(g)
	c.Insert(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), g)
}

func putBy(b *record.Book, c *record.Change, g *recordpb.Grant) {
	c.Ensure(b.GrantsLike(g.Account, g.Region, g.KeyId, b.GrantFingerprint(g)).With(g.Id))
}

func putTo(b *record.Book, c *record.Change, g *recordpb.Grant) {
	c.Ensure(b.GrantsTo(g.Account, g.Region, g.KeyId, record.Subject(g.Grantee, g.GranteeId)).With(g.Id))
}

func putRetiring(b *record.Book, c *record.Change, g *recordpb.Grant) {
	if g.Retiring != "" {
		c.Ensure(b.GrantsRetiredBy(g.Region, g.Retiring).With(g.Account, g.KeyId, g.Id))
	}
}

// A tray is a store.Engine that has what was committed to it until it is taken. What is committed is new, so no check
// can fail; other methods it does not have, and its callers do not call.
type tray struct {
	store.Engine
	records []store.Placed
}

func (t *tray) Commit(_ context.Context, txn store.Txn) ([]store.Position, error) {
	if _, err := txn.Vet(); err != nil {
		return nil, err
	}
	for _, p := range txn.Puts {
		t.records = append(t.records, store.Placed{Record: store.Record{Key: p.Key, Ver: p.Ver, Body: p.Body}, Shard: p.Shard})
	}
	return nil, nil
}

// take empties it, in the order of keys.
func (t *tray) take() []store.Placed {
	records := t.records
	t.records = nil
	slices.SortFunc(records, func(a, b store.Placed) int { return bytes.Compare(a.Key, b.Key) })
	return records
}

// A store is loaded in the order of keys, with the records that the product would give every grant.
func TestDealIsInOrder(t *testing.T) {
	rootKey := filepath.Join(t.TempDir(), "root.key")
	if err := seal.NewKeyFile(rootKey); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Init(t.Context(), seal.KeyFile(rootKey), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	of := size{keys: 3, grants: 130, each: 11}
	ids := []string{"a", "b", "c"}
	users := []*recordpb.User{{Account: kmstest.Account, Name: "u", Id: "AIDAU"}, {Account: kmstest.Account, Name: "v", Id: "AIDAV"}}
	var got, want [][]byte
	for r, err := range deal(t.Context(), ring, ids, users, of) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Key)
	}
	d := &dealer{ids, users, of, nil, &tray{}}
	d.book = record.Open(d.tray, ring, 0)
	for i, id := range ids {
		n := map[bool]int{true: of.grants, false: of.each}[i == 0]
		c := d.book.Change()
		c.Insert(record.OfGrantCount(kmstest.Account, kmstest.Region, id), &recordpb.GrantCount{Grants: uint32(n)})
		commit(t, d.book, c)
		for j := range n {
			g := d.grant(i, id, j)
			g.Fingerprint = d.book.GrantFingerprint(g)
			c := d.book.Change()
			for _, k := range append(d.book.GrantIndex(g), record.OfGrant(g.Account, g.Region, g.KeyId, g.Id)) {
				c.Insert(k, g)
			}
			commit(t, d.book, c)
		}
	}
	for _, r := range d.tray.take() {
		want = append(want, r.Key)
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %d records, want %d: those of every grant, in order", len(got), len(want))
	}
}
