package record_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
)

const keyID = "1234abcd-12ab-34cd-56ef-1234567890ab"

func someGrant() *recordpb.Grant {
	return &recordpb.Grant{
		Id: strings.Repeat("ab", 32), Account: account, Region: region, KeyId: keyID, Name: "n",
		Grantee: "arn:aws:iam::111122223333:user/alice", Retiring: "arn:aws:iam::444455556666:root",
		Operations: []string{"Encrypt", "Decrypt"}, IssuingAccount: account,
		ContextEquals: map[string]string{"a": "b", "c": "d"},
	}
}

// Every record of a grant is in its key's shard, so that a change of the one cannot pass the other by,
// and none of their keys tells whom the grant is for.
func TestGrantIndex(t *testing.T) {
	b := open(t)
	g := someGrant()
	g.Fingerprint = b.GrantFingerprint(g)
	keys := append(b.GrantIndex(g),
		record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), record.OfGrantCount(g.Account, g.Region, g.KeyId))
	if len(keys) != 5 {
		t.Fatalf("got %d records, want 5", len(keys))
	}
	shard := record.OfKey(account, region, keyID).Shard()
	for _, k := range keys {
		if got := k.Shard(); got != shard {
			t.Errorf("%v: got shard %d, want the key's, %d", k, got, shard)
		}
	}
	c := b.Change()
	for _, k := range keys {
		c.Insert(k, &recordpb.GrantRef{})
	}
	b.commit(c)
	stored, _, err := b.engine.List(t.Context(), nil, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range stored {
		if bytes.Contains(r.Key, []byte("alice")) || bytes.Contains(r.Key, []byte("444455556666")) {
			t.Errorf("got a principal in the key %q", r.Key)
		}
	}
	for name, prefix := range map[string]record.Key{
		"of the key":                    record.GrantsOf(account, region, keyID),
		"to the grantee":                b.GrantsTo(account, region, keyID, g.Grantee),
		"like it":                       b.GrantsLike(account, region, keyID, g.Fingerprint),
		"retired by the one who may do": b.GrantsRetiredBy(region, g.Retiring),
	} {
		if page, _, err := record.Scan[recordpb.GrantRef](t.Context(), b.Book, prefix, record.Key{}, 10); err != nil || len(page) != 1 {
			t.Errorf("%s: got %d grants, %v, want 1", name, len(page), err)
		}
	}
	for name, prefix := range map[string]record.Key{
		"to the one who may retire it": b.GrantsTo(account, region, keyID, g.Retiring),
		"retired by the grantee":       b.GrantsRetiredBy(region, g.Grantee),
		"in another region":            b.GrantsRetiredBy("eu-west-1", g.Retiring),
		"of a key with a longer id":    record.GrantsOf(account, region, keyID+"0"),
	} {
		if page, _, err := record.Scan[recordpb.GrantRef](t.Context(), b.Book, prefix, record.Key{}, 10); err != nil || len(page) != 0 {
			t.Errorf("%s: got %d grants, %v, want none", name, len(page), err)
		}
	}
}

// The fingerprint tells apart what differs in any parameter, and nothing else.
func TestGrantFingerprint(t *testing.T) {
	b := open(t)
	of := func(change func(*recordpb.Grant)) string {
		g := someGrant()
		change(g)
		return string(b.GrantFingerprint(g))
	}
	plain := of(func(*recordpb.Grant) {})
	for name, change := range map[string]func(*recordpb.Grant){
		"order of operations": func(g *recordpb.Grant) { g.Operations = []string{"Decrypt", "Encrypt"} },
		"id":                  func(g *recordpb.Grant) { g.Id = "" },
		"time":                func(g *recordpb.Grant) { g.Created = 1 },
	} {
		if of(change) != plain {
			t.Errorf("%s: got another fingerprint", name)
		}
	}
	seen := map[string]string{plain: "the grant itself"}
	for name, change := range map[string]func(*recordpb.Grant){
		"name":                    func(g *recordpb.Grant) { g.Name = "m" },
		"name into grantee":       func(g *recordpb.Grant) { g.Name, g.Grantee = "", "n"+g.Grantee },
		"grantee":                 func(g *recordpb.Grant) { g.Grantee += "2" },
		"grantee as a service":    func(g *recordpb.Grant) { g.Grantee, g.GranteeService = "", g.Grantee },
		"no retiring principal":   func(g *recordpb.Grant) { g.Retiring = "" },
		"retiring as a service":   func(g *recordpb.Grant) { g.Retiring, g.RetiringService = "", g.Retiring },
		"issuer":                  func(g *recordpb.Grant) { g.IssuingAccount = "444455556666" },
		"source":                  func(g *recordpb.Grant) { g.SourceArn = "arn:aws:s3:::bucket" },
		"fewer operations":        func(g *recordpb.Grant) { g.Operations = g.Operations[:1] },
		"joined operations":       func(g *recordpb.Grant) { g.Operations = []string{"DecryptEncrypt"} },
		"a pair less":             func(g *recordpb.Grant) { delete(g.ContextEquals, "c") },
		"pairs cut elsewhere":     func(g *recordpb.Grant) { g.ContextEquals = map[string]string{"a": "bc", "": "d"} },
		"the other context kind":  func(g *recordpb.Grant) { g.ContextEquals, g.ContextSubset = nil, g.ContextEquals },
		"constraint and no other": func(g *recordpb.Grant) { g.ContextEquals = nil },
	} {
		f := of(change)
		if was, same := seen[f]; same {
			t.Errorf("%s: got the fingerprint of %s", name, was)
		}
		seen[f] = name
	}
}

// A grant token opens in its own region only, is never the same twice, and still opens once the KEK
// has been rotated.
func TestGrantToken(t *testing.T) {
	b := open(t)
	g := someGrant()
	one, err := b.GrantToken(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.GrantToken(g, nil)
	if err != nil || one == two {
		t.Errorf("got the same token twice, %v", err)
	}
	want := &recordpb.GrantToken{Account: account, KeyId: keyID, GrantId: g.Id}
	opens := func(when string) {
		t.Helper()
		for _, token := range []string{one, two} {
			if got, err := b.OpenGrantToken(region, token); err != nil || !proto.Equal(got, want) {
				t.Errorf("%s: got %v, %v, want %v", when, got, err, want)
			}
		}
	}
	opens("at once")
	if _, err := b.OpenGrantToken("eu-west-1", one); !errors.Is(err, seal.ErrToken) {
		t.Errorf("in another region: got %v, want %v", err, seal.ErrToken)
	}
	for _, token := range []string{"", "x", one + "A", one[1:]} {
		if _, err := b.OpenGrantToken(region, token); !errors.Is(err, seal.ErrToken) {
			t.Errorf("%.20q: got %v, want %v", token, err, seal.ErrToken)
		}
	}
	next, err := b.Ring().RotateKEK(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	before := b.GrantsTo(account, region, keyID, g.Grantee)
	if _, err := b.SwapRing(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	opens("after the KEK was rotated")
	if b.GrantsTo(account, region, keyID, g.Grantee) != before {
		t.Error("got another index key after the KEK was rotated")
	}
}
