package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
)

func stringLike(t testing.TB, patterns ...string) *policy.Policy {
	return keyPolicy(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringLike":{"x:k":["`+strings.Join(patterns, `","`)+`"]}}}`)
}

// patterns returns some that match nothing below, so that all are tried.
func patterns(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("*%d", i%1000))
	}
	return all
}

func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%xz", i))
	}
	return all
}

// What a policy and a request cost together has a limit, beyond which nothing is decided, and so nothing
// allowed; what anybody would write is far from it.
func TestLimitOfWork(t *testing.T) {
	deny := `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringLike":{"x:k":["` + strings.Join(patterns(2000), `","`) + `"]}}}`
	for _, row := range []struct {
		name   string
		policy *policy.Policy
		values []string
		want   policy.Reason
	}{
		{"many patterns, many names", stringLike(t, patterns(4600)...), names(100_000), policy.NotDecided},
		{"many patterns, some names", stringLike(t, patterns(4600)...), names(50), policy.NoKeyPolicy},
		{"some patterns, many names", stringLike(t, patterns(20)...), names(10_000), policy.NoKeyPolicy},
		{"a Deny of many patterns behind an Allow", keyPolicy(t, root+","+deny), names(100_000), policy.NotDecided},
		{"one long pattern that almost matches everywhere", stringLike(t, "*"+strings.Repeat("a", 30_000)+"?b*"), []string{strings.Repeat("a", 8192)}, policy.NoKeyPolicy},
		{"… and one much longer value", stringLike(t, "*"+strings.Repeat("a", 30_000)+"?b*"), []string{strings.Repeat("a", 1<<20)}, policy.NotDecided},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := ask(user, "kms:Encrypt", said{"x:k": row.values})
			if got := decide(q, &policy.Sources{Key: row.policy}); got.Reason != row.want || got.Allowed {
				t.Errorf("got %+v, want reason %d", got, row.want)
			}
			q.Context = said{"x:k": {"999"}} // another request is another decision
			if got := decide(q, &policy.Sources{Key: row.policy}); got.Reason == policy.NotDecided {
				t.Errorf("an ordinary request: got %+v", got)
			}
		})
	}
}

// A variable that is repeated makes no copies beyond the length of what it is compared with, and matches what it
// did.
func TestRepeatedVariables(t *testing.T) {
	long := strings.Repeat("b", 4096)
	for _, row := range []struct {
		name, pattern string
		variable      string
		value         string
		want          bool
	}{
		{"as long as the value", "${x:v}${x:v}*", "ab", "abab", true},
		{"shorter, with stars", "*${x:v}**${x:v}*", "ab", "ababc", true},
		{"longer", "${x:v}${x:v}", long, "b", false},
		{"bytes that are no text", "${x:v}", "\xff\xfe\xfd\xff", "\ufffd", true},
		{"characters of several bytes", "?${x:v}", "é", "üé", true},
		{"thousands", strings.Repeat("${x:v}", 5000), long, long, false},
		{"thousands of nothing", strings.Repeat("${x:v}", 4000) + "a", "", "a", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := said{"x:k": {row.value}, "x:v": {row.variable}}
			if got := decide(ask(user, "kms:Encrypt", c), &policy.Sources{Key: stringLike(t, row.pattern)}).Allowed; got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}

// Deciding allocates nothing.
func TestAllocations(t *testing.T) {
	s, q := twenty(t)
	if got := testing.AllocsPerRun(100, func() {
		found := policy.Consult(q, s)
		if !found.Decide(policy.NoGrant).Allowed {
			t.Error("refused")
		}
	}); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
