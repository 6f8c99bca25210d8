package scale_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/store/sqlite"
	"qkms/internal/wire/shape"
)

const (
	grantees    = 1000 // who have the grants
	spareGrants = 20   // that the quota leaves
)

// full is how many keys a full store has, as given or as QKMS_KEYS says, and how many grants one of them has: five
// times as many, up to the quota of 50,000.
func full(t testing.TB, keys int) (_, grants int) {
	t.Helper()
	if text := os.Getenv("QKMS_KEYS"); text != "" {
		keys = number(t, text)
	}
	return keys, min(5*keys, op.DefaultQuota.GrantsPerKey)
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("QKMS_KEYS=%s: want a number of keys", text)
	}
	return n
}

// A deployment is a data directory with the store that belongs to it.
type deployment struct {
	kmstest.Options
	ids     []string       // of the keys, in order
	granted string         // the first, which has the grants
	user    *recordpb.User // one who has some of them
}

// engines are where stores can be.
var engines = []struct {
	name string
	url  func(testing.TB) string // "": in the data directory
}{
	{"sqlite", func(testing.TB) string { return "" }},
	{"postgres", pgtest.URL},
}

// fill makes a deployment with so many keys, written and sealed by what serves CreateKey and CreateGrant, and
// loaded as `qkms move` loads a store. The first key in order has the grants.
func fill(t testing.TB, url string, keys, grants int) *deployment {
	t.Helper()
	d := &deployment{Options: kmstest.Options{Dir: t.TempDir(), Store: url, Quota: op.Quota{Keys: keys + 100, GrantsPerKey: grants + spareGrants}}}
	rootKey := filepath.Join(d.Dir, "root.key")
	if err := seal.NewKeyFile(rootKey); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Init(t.Context(), seal.KeyFile(rootKey), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	all := newPile()
	if err := record.InitState(t.Context(), all, ring.State()); err != nil {
		t.Fatal(err)
	}
	book := record.Open(all, ring, 0)
	d.ids = makeKeys(t, book, keys)
	d.granted = d.ids[0]
	d.user = makeGrants(t, book, d.granted, grants)
	load(t, d, all.snap())
	return d
}

// makeKeys makes symmetric keys in one account and Region, and returns their ids in order.
func makeKeys(t testing.TB, book *record.Book, n int) []string {
	t.Helper()
	deps := &op.Deps{Book: book, Maker: node.Materials(book), Quota: op.Quota{Keys: n}}
	ids := make([]string, n)
	var wg sync.WaitGroup
	const makers = 2
	for w := range makers {
		wg.Go(func() {
			for i := w; i < n; i += makers {
				ids[i] = key.NewID(false)
				change, err := op.Fresh(t.Context(), deps, &recordpb.Key{
					Account: kmstest.Account, Region: kmstest.Region, Id: ids[i], Created: time.Now().UnixMilli(), State: key.Enabled,
					Spec: string(shape.KeySpecSymmetricDefault), Usage: string(shape.KeyUsageTypeEncryptDecrypt), Origin: string(shape.OriginTypeAwsKms),
				}, nil)
				if err == nil {
					err = book.Commit(t.Context(), change, "", nil)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.Sort(ids)
	return ids
}

// makeGrants gives grants on a key to users, in turn, and returns the first of them.
func makeGrants(t testing.TB, book *record.Book, id string, n int) *recordpb.User {
	t.Helper()
	var users [grantees]*recordpb.User
	for i := range users {
		users[i] = &recordpb.User{Account: kmstest.Account, Path: "/", Name: fmt.Sprint("integration-", i), Id: identity.NewID("AIDA"), Created: time.Now().UnixMilli()}
		c := book.Change()
		c.Insert(record.OfUser(users[i].Account, users[i].Name), users[i])
		commit(t, book, c)
	}
	for i := range n {
		u := users[i%grantees]
		g := &recordpb.Grant{
			Id: fmt.Sprintf("%064x", uint64(i)*0x9e3779b97f4a7c15), Account: kmstest.Account, Region: kmstest.Region, KeyId: id, Name: fmt.Sprint("grant-", i),
			Grantee: "arn:aws:iam::" + u.Account + ":user/" + u.Name, GranteeId: u.Id, Operations: []string{"GenerateDataKey", "Decrypt"},
			IssuingAccount: kmstest.Account, Created: time.Now().UnixMilli(),
		}
		g.Fingerprint = book.GrantFingerprint(g)
		c := book.Change()
		c.Insert(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), g)
		for _, ref := range book.GrantIndex(g) {
			c.Insert(ref, &recordpb.GrantRef{})
		}
		commit(t, book, c)
	}
	c := book.Change()
	c.Insert(record.OfGrantCount(kmstest.Account, kmstest.Region, id), &recordpb.GrantCount{Grants: uint32(n)})
	commit(t, book, c)
	return users[0]
}

func commit(t testing.TB, book *record.Book, c *record.Change) {
	t.Helper()
	if err := book.Commit(t.Context(), c, "", nil); err != nil {
		t.Fatal(err)
	}
}

// load puts a snapshot into the empty store of d.
func load(t testing.TB, d *deployment, s store.Snapshot) {
	t.Helper()
	var to interface {
		store.Engine
		store.Loader
	}
	var err error
	if d.Store == "" {
		to, err = sqlite.Open(t.Context(), node.Database(d.Dir), sqlite.Options{})
	} else {
		to, err = postgres.Open(t.Context(), d.Store, postgres.Options{Make: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Load(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}
