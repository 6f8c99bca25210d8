package scale_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
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
	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/wire/shape"
)

const (
	grantees    = 1000 // who have the grants
	spareGrants = 20   // that the quota leaves
)

// A size is how much a store has.
type size struct {
	keys   int
	grants int // on the first key in order
	each   int // on every other key
}

// full is the size of a full store: as many keys as given or as QKMS_KEYS says; five times as many grants on one of
// them, up to the quota of 50,000; two on each of the others, or as many as QKMS_GRANTS in all has room for.
func full(t testing.TB, keys int) size {
	t.Helper()
	keys = number(t, "QKMS_KEYS", keys)
	s := size{keys, min(5*keys, op.DefaultQuota.GrantsPerKey), 2}
	if total := number(t, "QKMS_GRANTS", 0); total > 0 {
		s.grants = min(s.grants, total)
		s.each = (total - s.grants) / max(keys-1, 1)
	}
	return s
}

// number is what the environment says, or what is given.
func number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s: want a number, at least 1", name, text)
	}
	return n
}

// A deployment is a data directory with the store that belongs to it.
type deployment struct {
	kmstest.Options
	ids     []string       // of the keys, in order
	granted string         // the first, which has the most grants
	user    *recordpb.User // one who has some of them
	loaded  loaded
}

// engines are where stores can be.
var engines = []struct {
	name string
	url  func(testing.TB) string // "": in the data directory
}{
	{"sqlite", func(testing.TB) string { return "" }},
	{"postgres", pgtest.URL},
}

// fill makes a deployment of some size, written and sealed by what serves CreateKey and CreateGrant, and loaded as
// `qkms move` loads a store.
func fill(t testing.TB, url string, of size) *deployment {
	t.Helper()
	return fillIn(t, t.TempDir(), url, of)
}

func fillIn(t testing.TB, dir, url string, of size) *deployment {
	t.Helper()
	defer debug.FreeOSMemory() // to the system, that it may remember more of the file
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	d := &deployment{Options: kmstest.Options{Dir: dir, Store: url, Quota: op.Quota{Keys: of.keys + 100, GrantsPerKey: of.grants + spareGrants}}}
	all, ring := begun(t, d.Dir)
	book := record.Open(all, ring, 0)
	d.ids = makeKeys(t, book, of.keys)
	users := makeUsers(t, book)
	d.granted, d.user = d.ids[0], users[0]
	snap := all.snap()
	snap.Records = merged(snap.Records, deal(t.Context(), ring, d.ids, users, of))
	load(t, d, snap)
	return d
}

// begun is the beginning of a store, with the root key in dir.
func begun(t testing.TB, dir string) (*pile, *seal.Ring) {
	t.Helper()
	rootKey := filepath.Join(dir, "root.key")
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
	return all, ring
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

func granteeName(i int) string { return fmt.Sprint("integration-", i) }

// makeUsers makes those who have the grants.
func makeUsers(t testing.TB, book *record.Book) []*recordpb.User {
	t.Helper()
	users := make([]*recordpb.User, grantees)
	for i := range users {
		users[i] = &recordpb.User{Account: kmstest.Account, Path: "/", Name: granteeName(i), Id: identity.NewID("AIDA"), Created: time.Now().UnixMilli()}
		c := book.Change()
		c.Insert(record.OfUser(users[i].Account, users[i].Name), users[i])
		commit(t, book, c)
	}
	return users
}

func commit(t testing.TB, book *record.Book, c *record.Change) {
	t.Helper()
	if err := book.Commit(t.Context(), c, "", nil); err != nil {
		t.Fatal(err)
	}
}
