package authz_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A play is one random world: a key, who asks, what they have, and what they ask for.
type play struct {
	*fixture
	t       *rapid.T
	account string // of the caller
	key     *key.Key
	names   []string // that statements of the key policy may have
	asks    key.Need

	keyPolicy, own, session []string // statements
	kind                    string
}

var (
	actions  = []string{"kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"}
	contexts = []map[string]string{nil, {"App": "a"}, {"App": "b"}, {"App": "a", "Env": "p"}, {"app": "a"}}
)

func newPlay(t *rapid.T, f *fixture, account string) *play {
	p := &play{fixture: f, t: t, account: account, kind: rapid.SampledFrom([]string{authn.KindRoot, authn.KindUser, authn.KindSession}).Draw(t, "kind")}
	id := key.NewID(false)
	p.key = (&key.Resolver{Naming: f.Naming}).Of(&recordpb.Key{Account: owner, Region: "us-east-1", Id: id, Tags: []*recordpb.Tag{{Key: "Team", Value: "red"}}}, 1)
	p.names = []string{`"*"`, `{"AWS":"` + account + `"}`, `{"AWS":"` + owner + `"}`, `{"AWS":"` + p.arn("user") + `"}`, `{"AWS":"` + p.arn("role") + `"}`}
	p.asks = key.Need{Action: rapid.SampledFrom(actions).Draw(t, "action"), KeyID: p.key.ARN, CrossAccount: true, Context: rapid.SampledFrom(contexts).Draw(t, "context")}
	for range rapid.IntRange(0, 3).Draw(t, "key statements") {
		p.keyPolicy = append(p.keyPolicy, p.statement(true, ""))
	}
	for range rapid.IntRange(0, 2).Draw(t, "own statements") {
		p.own = append(p.own, p.statement(false, ""))
	}
	if p.kind == authn.KindSession && rapid.Bool().Draw(t, "session policy") {
		p.session = append(p.session, p.statement(false, ""))
	}
	return p
}

func (p *play) arn(kind string) string { return "arn:aws:iam::" + p.account + ":" + kind + "/x" }

func (p *play) statement(named bool, effect string) string {
	if effect == "" {
		effect = rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(p.t, "effect")
	}
	s := fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":"*"`, effect, rapid.SampledFrom(append([]string{"kms:*"}, actions...)).Draw(p.t, "of"))
	if named {
		s += `,"Principal":` + rapid.SampledFrom(p.names).Draw(p.t, "whom")
	}
	return s + rapid.SampledFrom([]string{"", `,"Condition":{"StringEquals":{"kms:EncryptionContext:App":"a"}}`, `,"Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"}}`}).Draw(p.t, "if") + "}"
}

func document(statements []string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// decide stores the world and asks, about the key or about none that is there.
func (p *play) decide(k *key.Key) (*authz.Request, error) {
	p.t.Helper()
	c := p.Book.Change()
	var inline []*recordpb.NamedPolicy
	if len(p.own) > 0 {
		inline = []*recordpb.NamedPolicy{{Name: "p", Text: document(p.own)}}
	}
	trust := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + p.account + `"},"Action":"sts:AssumeRole"}]}`
	put(p, c, record.OfUser(p.account, "x"), &recordpb.User{Account: p.account, Path: "/", Name: "x", Id: "AIDAX", Inline: inline})
	put(p, c, record.OfRole(p.account, "x"), &recordpb.Role{Account: p.account, Path: "/", Name: "x", Id: "AROAX", Inline: inline, Trust: trust})
	if len(p.keyPolicy) > 0 {
		put(p, c, p.key.Policy(), &recordpb.Policy{Text: document(p.keyPolicy), Bound: map[string]string{p.arn("user"): "AIDAX", p.arn("role"): "AROAX"}})
	}
	p.commit(c)
	req := &authz.Request{Caller: p.caller(), Now: time.Now(), Says: authz.SayerFunc(func(string) []string { return nil })}
	return req, p.Check(p.fixture.t.Context(), req, []key.Need{p.asks}, []*key.Key{k})
}

func put(p *play, c *record.Change, at record.Key, m proto.Message) {
	plain, ver, err := p.Book.Take(p.fixture.t.Context(), at)
	if err != nil {
		p.t.Fatal(err)
	}
	clear(plain)
	c.Replace(at, ver, m)
}

func (p *play) caller() *authn.Caller {
	ctx := p.fixture.t.Context()
	c := &authn.Caller{Kind: p.kind, Account: p.account, Region: "us-east-1", ARN: authn.RootARN("aws", p.account)}
	u, err := p.Identities.User(ctx, p.account, "x")
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := p.Identities.Role(ctx, p.account, "x")
	if err != nil {
		p.t.Fatal(err)
	}
	switch p.kind {
	case authn.KindUser:
		c.User, c.ARN = u, u.ARN
	case authn.KindSession:
		c.Role, c.ARN = r, p.Identities.SessionARN(r, "s1")
		c.Session = &authn.Session{Session: &recordpb.Session{}, Issued: time.Now(), Tags: identity.Tags{}}
		if len(p.session) > 0 {
			d, err := policy.ParseIdentity(document(p.session), "aws")
			if err != nil {
				p.t.Fatal(err)
			}
			c.Session.Policy = d.Compile()
		}
	}
	return c
}

// granted adds a grant to the caller, and returns what its constraint lets through.
func (p *play) granted() (operations []string, passes func(map[string]string) bool) {
	pairs := rapid.SampledFrom(contexts[1:]).Draw(p.t, "pairs")
	operations = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Encrypt", "Decrypt"}), 1, 2, rapid.ID[string]).Draw(p.t, "operations")
	c := p.caller()
	g := &recordpb.Grant{Id: key.NewID(false), Account: owner, Region: "us-east-1", KeyId: p.key.Id, Grantee: c.ARN, Operations: operations, IssuingAccount: p.account}
	switch p.kind {
	case authn.KindUser:
		g.GranteeId = "AIDAX"
	case authn.KindSession:
		g.GranteeId, g.Grantee = "AROAX", p.arn("role")
	}
	lower := func(m map[string]string) map[string]string {
		out := map[string]string{}
		for k, v := range m {
			out[strings.ToLower(k)] = v
		}
		return out
	}
	if rapid.Bool().Draw(p.t, "equals") {
		g.ContextEquals = pairs
		passes = func(m map[string]string) bool { return maps.Equal(lower(m), lower(pairs)) }
	} else {
		g.ContextSubset = pairs
		passes = func(m map[string]string) bool {
			all := lower(m)
			maps.Copy(all, lower(pairs))
			return maps.Equal(all, lower(m))
		}
	}
	change := p.Book.Change()
	change.Insert(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), g)
	change.Insert(p.Book.GrantIndex(g)[0], &recordpb.GrantRef{})
	p.commit(change)
	return operations, passes
}

// Nobody is let in by one more Deny, wherever it is.
func TestADenyNeverAllows(t *testing.T) {
	f := open(t)
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, f, rapid.SampledFrom([]string{owner, other}).Draw(t, "account"))
		if _, err := p.decide(p.key); err == nil {
			return
		}
		if rapid.Bool().Draw(t, "granted") {
			p.granted()
			if _, err := p.decide(p.key); err == nil {
				return
			}
		}
		refused++
		switch where := rapid.SampledFrom([]string{"key", "own", "session"}).Draw(t, "where"); {
		case where == "key" && len(p.keyPolicy) > 0: // a key without a policy of its own has the default one, which a first statement would replace
			p.keyPolicy = append(p.keyPolicy, p.statement(true, "Deny"))
		case where == "session" && len(p.session) > 0:
			p.session = append(p.session, p.statement(false, "Deny"))
		default:
			p.own = append(p.own, p.statement(false, "Deny"))
		}
		if _, err := p.decide(p.key); err == nil {
			t.Fatalf("got it allowed by a Deny: key %s, own %s, session %s", p.keyPolicy, p.own, p.session)
		}
	})
	if refused == 0 {
		t.Error("nothing was refused, which proves nothing")
	}
}

// What is allowed by a grant and by nothing else is what its operations and its constraint let through.
func TestAGrantGivesNoMore(t *testing.T) {
	f := open(t)
	both := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, f, rapid.SampledFrom([]string{owner, other}).Draw(t, "account"))
		p.keyPolicy, p.own, p.session = []string{`{"Effect":"Allow","Principal":"*","Action":"kms:ListGrants","Resource":"*"}`}, nil, nil
		if _, err := p.decide(p.key); err == nil {
			t.Fatal("got it allowed by nothing")
		}
		operations, passes := p.granted()
		want := slices.Contains(operations, strings.TrimPrefix(p.asks.Action, "kms:")) && passes(p.asks.Context)
		if _, err := p.decide(p.key); (err == nil) != want {
			t.Fatalf("got %v, want it allowed: %t", err, want)
		}
		both[want]++
	})
	if both[true] == 0 || both[false] == 0 {
		t.Errorf("got %v, which proves little", both)
	}
}

// Another account is refused alike, byte for byte, what is there and what is not, whatever the key says.
func TestWhatIsThereIsNotTold(t *testing.T) {
	f := open(t)
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, f, other)
		p.asks.CrossAccount = rapid.Bool().Draw(t, "crosses")
		if rapid.Bool().Draw(t, "by ciphertext") {
			p.asks.Cipher, p.asks.KeyID = p.key.Id, ""
		}
		req, there := p.decide(p.key)
		if there == nil {
			return
		}
		blind, not := p.decide(nil)
		if there.Error() != not.Error() {
			t.Fatalf("got %v where it is there, and %v where it is not", there, not)
		}
		_, told, tell, _ := req.Of(other, 0)
		_, toldNot, tellNot, _ := blind.Of(other, 0)
		if told != toldNot || tell != tellNot {
			t.Fatalf("records tell %+v where it is there, and %+v where it is not", told, toldNot)
		}
	})
}
