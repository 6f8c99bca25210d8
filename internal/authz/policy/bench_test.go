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

// Stars cost no more the more there are: time grows with the text, not with what a hostile author adds.
func BenchmarkHostileWildcards(b *testing.B) {
	b.Run("almost everywhere", func(b *testing.B) {
		pattern := "*" + strings.Repeat("a", 8000) + "?b*"
		s := &policy.Sources{Key: keyPolicy(b, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"x:k":"`+pattern+`"}}}`)}
		q := ask(rootUser, "kms:Encrypt", said{"x:k": {strings.Repeat("a", 65536)}})
		for b.Loop() {
			if decide(q, s).Allowed {
				b.Fatal("allowed")
			}
		}
	})
	for _, stars := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("stars=%d", stars), func(b *testing.B) {
			pattern := strings.Repeat("a*", stars) + "b"
			s := &policy.Sources{Key: keyPolicy(b, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"x:k":"`+pattern+`"}}}`)}
			q := ask(rootUser, "kms:Encrypt", said{"x:k": {strings.Repeat("a", 8192)}})
			for b.Loop() {
				if decide(q, s).Allowed {
					b.Fatal("allowed")
				}
			}
		})
	}
}
