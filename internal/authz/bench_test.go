package authz_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// statements are n of a policy, none of which is about what the benchmarks ask, and last.
func statements(n int, principals bool, last string) (all []string) {
	for i := range n - 1 {
		who := ""
		if principals {
			who = fmt.Sprintf(`"Principal":{"AWS":"arn:aws:iam::%s:role/r%d"},`, owner, i)
		}
		all = append(all, fmt.Sprintf(`{"Effect":"%s",%s"Action":["kms:Enc*","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:App":"a%d"}}}`,
			[]string{"Allow", "Deny"}[i%2], who, i))
	}
	return append(all, last)
}

// staff makes a user with three managed policies of twenty statements in all, a role with the same, and one of
// each without any, and returns who would ask.
func (f *fixture) staff() map[string]*authn.Caller {
	f.t.Helper()
	var attached []string
	c := f.Book.Change()
	for i, n := range []int{7, 7, 6} {
		name := fmt.Sprintf("p%d", i)
		text := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements(n, false, `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`), ",") + `]}`
		c.Insert(record.OfManagedPolicy(owner, name), &recordpb.ManagedPolicy{
			Account: owner, Path: "/", Name: name, Default: 1, Newest: 1, Versions: []*recordpb.PolicyVersion{{Number: 1, Text: text}},
		})
		attached = append(attached, "arn:aws:iam::"+owner+":policy/"+name)
	}
	trust := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + owner + `"},"Action":"sts:AssumeRole"}]}`
	for i, policies := range [][]string{attached, nil} {
		name := fmt.Sprintf("n%d", i)
		c.Insert(record.OfUser(owner, name), &recordpb.User{Account: owner, Path: "/", Name: name, Id: "AIDA" + name, Attached: policies})
		c.Insert(record.OfRole(owner, name), &recordpb.Role{Account: owner, Path: "/", Name: name, Id: "AROA" + name, Attached: policies, Trust: trust})
	}
	f.commit(c)
	callers := map[string]*authn.Caller{"root": root(owner)}
	for i, suffix := range []string{"", " without policies"} {
		name := fmt.Sprintf("n%d", i)
		u, err := f.Identities.User(f.t.Context(), owner, name)
		if err != nil {
			f.t.Fatal(err)
		}
		r, err := f.Identities.Role(f.t.Context(), owner, name)
		if err != nil {
			f.t.Fatal(err)
		}
		callers["user"+suffix] = &authn.Caller{Kind: authn.KindUser, Account: owner, ARN: u.ARN, PrincipalID: u.Id, User: u}
		callers["session"+suffix] = &authn.Caller{
			Kind: authn.KindSession, Account: owner, ARN: f.Identities.SessionARN(r, "s1"), PrincipalID: r.Id + ":s1", Role: r,
			Session: &authn.Session{Session: &recordpb.Session{}, Issued: time.Now()},
		}
	}
	return callers
}

// BenchmarkCheck is a decision with twenty statements in the key policy, of which the last counts, and so many
// grants on the key: by policies for those who have some, by a grant for those who have none.
func BenchmarkCheck(b *testing.B) {
	for _, grants := range []int{0, 1000, 50_000} {
		f := open(b)
		f.policy(0, statements(20, true, `{"Effect":"Allow","Principal":{"AWS":"`+owner+`"},"Action":"kms:*","Resource":"*"}`)...)
		callers := f.staff()
		f.grant(grants, "arn:aws:iam::#:root", "Encrypt")
		f.grantTo("AIDAn1", callers["user without policies"].ARN)
		f.grantTo("AROAn1", "arn:aws:iam::"+owner+":role/n1")
		needs := []key.Need{{Action: "kms:Encrypt", KeyID: f.key.ARN, CrossAccount: true, Context: map[string]string{"App": "orders"}}}
		keys := []*key.Key{f.key}
		says := func(string) []string { return nil }
		for _, who := range []string{"root", "user", "session", "user without policies", "session without policies"} {
			b.Run(fmt.Sprintf("%d/%s", grants, strings.ReplaceAll(who, " ", "-")), func(b *testing.B) {
				caller := callers[who]
				b.ReportAllocs()
				for b.Loop() {
					if err := f.Check(b.Context(), &authz.Request{Caller: caller, Says: authz.SayerFunc(says)}, needs, keys); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
