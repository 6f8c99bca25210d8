package authz_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// counted is a store that counts how often it is read.
type counted struct {
	store.Engine
	reads atomic.Int64
}

func (c *counted) Get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	c.reads.Add(1)
	return c.Engine.Get(ctx, keys...)
}

func (c *counted) List(ctx context.Context, from, to []byte, limit int) ([]store.Record, bool, error) {
	c.reads.Add(1)
	return c.Engine.List(ctx, from, to, limit)
}

type fixture struct {
	authz.Rules
	store *counted
	key   *key.Key
	t     testing.TB
}

func open(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	engine, err := sqlite.Open(t.Context(), filepath.Join(dir, "qkms.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	path := filepath.Join(dir, "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Init(t.Context(), seal.KeyFile(path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := record.InitState(t.Context(), engine, ring.State()); err != nil {
		t.Fatal(err)
	}
	naming := key.Naming{Partition: "aws", Style: key.StyleAWS}
	c := &counted{Engine: engine}
	book := record.Open(c, ring, 16<<20)
	const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
	return &fixture{
		Rules: authz.Rules{Naming: naming, Book: book, Identities: identity.New(book, "aws"), Defaults: new(authz.Defaults)}, store: c, t: t,
		key: (&key.Resolver{Naming: naming}).Of(&recordpb.Key{Account: owner, Region: "us-east-1", Id: id}, 1),
	}
}

func (f *fixture) commit(c *record.Change) {
	f.t.Helper()
	if err := f.Book.Commit(context.Background(), c, "", nil); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) at() record.Key { return record.OfPolicy(f.key.Account, f.key.Region, f.key.Id) }

// policy stores a key policy over version ver.
func (f *fixture) policy(ver uint64, statements ...string) {
	f.t.Helper()
	d, err := policy.Parse(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`, "aws")
	if err != nil {
		f.t.Fatal(err)
	}
	c := f.Book.Change()
	c.Replace(f.at(), ver, &recordpb.Policy{Text: d.Format()})
	f.commit(c)
}

// grant adds n grants of operation, # of the grantee being the number of each, and returns the change that revokes the last.
func (f *fixture) grant(n int, grantee, operation string) (revoke *record.Change) {
	f.t.Helper()
	c := f.Book.Change()
	for i := range n {
		g := &recordpb.Grant{
			Id: fmt.Sprintf("%064x", i+1), Account: f.key.Account, Region: f.key.Region, KeyId: f.key.Id,
			Grantee: strings.Replace(grantee, "#", fmt.Sprintf("%012d", i), 1), Operations: []string{operation}, IssuingAccount: owner,
		}
		at, to := record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), f.Book.GrantIndex(g)[0]
		c.Insert(at, g)
		c.Insert(to, &recordpb.GrantRef{})
		if i%25 == 24 || i == n-1 {
			f.commit(c)
			c = f.Book.Change()
		}
		revoke = f.Book.Change()
		revoke.Remove(at, 1)
		revoke.Discard(to)
	}
	return revoke
}

func (f *fixture) may(account, action string) error {
	req := &authz.Request{Caller: root(account), Says: authz.SayerFunc(func(string) []string { return nil })}
	need := key.Need{Action: action, KeyID: f.key.ARN, CrossAccount: true}
	return f.Check(context.Background(), req, []key.Need{need}, []*key.Key{f.key})
}

// What was decided once is decided again without the store, by the policy that is not there, by one that
// is, and by grants; and a change has effect at once.
func TestWarmDecisionsReadNoStore(t *testing.T) {
	f := open(t)
	warm := func(what, account string, allowed bool) {
		t.Helper()
		for i := range 2 {
			before := f.store.reads.Load()
			if err := f.may(account, "kms:Encrypt"); (err == nil) != allowed {
				t.Fatalf("%s: got %v, want allowed: %t", what, err, allowed)
			}
			if reads := f.store.reads.Load() - before; i == 1 && reads != 0 {
				t.Errorf("%s: got %d reads, want none", what, reads)
			}
		}
	}
	const all = `{"Effect":"Allow","Principal":{"AWS":"` + owner + `"},"Action":"kms:*","Resource":"*"}`
	warm("the default policy", owner, true)
	warm("no grant", other, false)
	f.policy(0, `{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`, all)
	warm("the first policy of its own", owner, false)
	f.policy(1, all)
	warm("the next", owner, true)
	revoke := f.grant(1, "arn:aws:iam::"+other+":root", "Encrypt")
	warm("a grant", other, true)
	if err := f.may(other, "kms:Decrypt"); err == nil {
		t.Error("an operation that the grant has not: got no error")
	}
	f.commit(revoke)
	warm("a grant that was revoked", other, false)
	gone := f.Book.Change()
	gone.Discard(f.at())
	f.commit(gone)
	warm("the default policy again", owner, true)
}

// A policy that cannot be read allows nothing, and is no mistake of the caller's.
func TestUnreadablePolicy(t *testing.T) {
	f := open(t)
	c := f.Book.Change()
	c.Insert(f.at(), &recordpb.Policy{Text: `{"Statement":"nonsense"}`})
	f.commit(c)
	if err := f.may(owner, "kms:Encrypt"); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	} else if _, is := errors.AsType[*fault.Error](err); is {
		t.Errorf("got %v, which would be told to the caller", err)
	}
}

// A caller of a kind that has no rights yet has none, whatever the key policy says to everyone.
func TestUnknownKindsOfCallers(t *testing.T) {
	f := open(t)
	f.policy(0, `{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}`)
	caller := root(owner)
	caller.Kind = "IAMUser"
	req := &authz.Request{Caller: caller}
	for name, need := range map[string]key.Need{
		"a key": {Action: "kms:Encrypt", KeyID: f.key.ARN}, "no key": {Action: "kms:CreateKey"}, "an alias": {Action: "kms:CreateAlias", Alias: "alias/x"},
		"a list": {Action: "kms:ListAliases", KeyID: f.key.ARN, Listing: true},
	} {
		err := f.Check(t.Context(), req, []key.Need{need}, []*key.Key{f.key})
		if denied, is := errors.AsType[*fault.Error](err); !is || denied.Code != fault.AccessDenied {
			t.Errorf("%s: got %v, want AccessDenied", name, err)
		}
	}
}

// grantTo adds a grant of Encrypt to the principal with a unique id.
func (f *fixture) grantTo(id, arn string) {
	f.t.Helper()
	g := &recordpb.Grant{
		Id: fmt.Sprintf("%064s", id), Account: f.key.Account, Region: f.key.Region, KeyId: f.key.Id,
		Grantee: arn, GranteeId: id, Operations: []string{"Encrypt"}, IssuingAccount: owner,
	}
	c := f.Book.Change()
	c.Insert(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), g)
	c.Insert(f.Book.GrantIndex(g)[0], &recordpb.GrantRef{})
	f.commit(c)
}
