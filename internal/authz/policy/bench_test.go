package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
)

// Twenty statements of which the last allows.
func BenchmarkDecide(b *testing.B) {
	var statements []string
	for i := range 19 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"%s","Principal":{"AWS":"arn:aws:iam::111122223333:role/r%d"},"Action":["kms:Enc*","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:App":"a%d"}}}`,
			[]string{"Allow", "Deny"}[i%2], i, i))
	}
	s := &policy.Sources{Key: keyPolicy(b, strings.Join(append(statements, root), ","))}
	q := ask(rootUser, "kms:Encrypt", said{"kms:encryptioncontext:app": {"orders"}})
	b.ReportAllocs()
	for b.Loop() {
		if !decide(q, s).Allowed {
			b.Fatal("refused")
		}
	}
}

// twenty is a session under a key policy that delegates, twenty statements of its role's policy, a boundary and
// a session policy: each statement is about the action and fails by its condition, but for the last.
func twenty(t testing.TB) (*policy.Sources, *policy.Question) {
	var statements []string
	for i := range 19 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"%s","Action":["kms:Enc*","kms:Decrypt"],"Resource":"arn:aws:kms:*:111122223333:key/*","Condition":{"StringEquals":{"kms:EncryptionContext:App":"a%d"}}}`,
			[]string{"Allow", "Deny"}[i%2], i))
	}
	all := `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	d, err := policy.Parse(`{"Version":"2012-10-17","Statement":[`+root+`]}`, "aws")
	if err != nil {
		t.Fatal(err)
	}
	return &policy.Sources{
		Key:      d.Bind(nil),
		Identity: []*policy.Policy{identityPolicy(t, strings.Join(append(statements, all), ","))},
		Boundary: identityPolicy(t, all),
		Session:  []*policy.Policy{identityPolicy(t, all)},
	}, ask(session, "kms:Encrypt", said{"kms:encryptioncontext:app": {"orders"}})
}

func BenchmarkSession(b *testing.B) {
	s, q := twenty(b)
	b.ReportAllocs()
	for b.Loop() {
		if !decide(q, s).Allowed {
			b.Fatal("refused")
		}
	}
}

// Time grows with the value and with the pattern, not with what a hostile author makes of it: ns/byte is of what
// grows.
func BenchmarkHostileWildcards(b *testing.B) {
	run := func(name, pattern, value string, grows int) {
		b.Run(name, func(b *testing.B) {
			s := &policy.Sources{Key: stringLike(b, pattern)}
			q := ask(rootUser, "kms:Encrypt", said{"x:k": {value}})
			for b.Loop() {
				if decide(q, s).Allowed {
					b.Fatal("allowed")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(grows), "ns/byte")
		})
	}
	for _, n := range []int{1 << 9, 1 << 11, 1 << 13, 1 << 15} {
		run(fmt.Sprintf("value=%d", n), "*"+strings.Repeat("a", 8000)+"?b*", strings.Repeat("a", n), n)
		run(fmt.Sprintf("pattern=%d", n), "*"+strings.Repeat("a", n-256)+"?b*", strings.Repeat("a", 1<<15), n)
		run(fmt.Sprintf("stars=%d", n/4), strings.Repeat("a*", n/4)+"b", strings.Repeat("a", n), n)
	}
}
