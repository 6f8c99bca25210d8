package policy_test

import (
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/authz/policy"
)

// Whatever of a request is not known, a generous supposition allows what the request is allowed, and one that is not
// allows nothing else.
func TestSuppositionsBoundDecisions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := somewhere(rt)
		was := w.decision(t)
		hidden := map[string]bool{}
		for _, name := range []string{"x:s", "x:m", "x:n", "x:none", "x:ip", "x:arn", "x:d", "x:star", "kms:encryptioncontext:app", "aws:resourcetag/t"} {
			hidden[name] = r.IntN(2) == 0
		}
		context, identity := w.q.Context, w.q.Identity
		for _, generous := range []bool{false, true} {
			s := &policy.Supposition{Unknown: func(name string) bool { return hidden[name] }, Generous: generous}
			w.q.Suppose, w.q.Context = s, s.Over(context)
			if identity != nil {
				w.q.Identity = s.Over(identity)
			}
			if got := w.decision(t); got.Allowed != was.Allowed && got.Allowed != generous {
				rt.Fatalf("generous %t, unknown %v: got %+v, want %+v", generous, hidden, got, was)
			}
		}
	})
}

// With nothing unknown, there is nothing to suppose.
func TestSuppositionOfNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := somewhere(rt)
		was := w.decision(t)
		s := &policy.Supposition{Unknown: func(string) bool { return false }, Generous: r.IntN(2) == 0}
		w.q.Suppose, w.q.Context = s, s.Over(w.q.Context)
		if w.q.Identity != nil {
			w.q.Identity = s.Over(w.q.Identity)
		}
		if got := w.decision(t); got != was {
			rt.Fatalf("got %+v, want %+v", got, was)
		}
	})
}
