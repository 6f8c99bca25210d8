package policy_test

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/authz/policy"
)

// drawn makes random numbers of what rapid draws, so that it can look for the smallest world that fails.
type drawn struct{ t *rapid.T }

func (d drawn) Uint64() uint64 { return rapid.Uint64().Draw(d.t, "bits") }

// somewhere is a world for a property to hold in.
func somewhere(t *rapid.T) (*world, *rand.Rand) {
	r := rand.New(drawn{t})
	return randomWorld(r), r
}

// documents are all that have a say in a world.
func (w *world) documents() []object {
	all := append([]object{w.owner}, w.identity...)
	if w.boundary != nil {
		all = append(all, w.boundary)
	}
	return append(all, w.session...)
}

// The order of statements and of policies never matters.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := somewhere(rt)
		was := w.decision(t)
		for _, d := range w.documents() {
			s := d["Statement"].([]any)
			r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		}
		for _, all := range [][]object{w.identity, w.session} {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		if got := w.decision(t); got.Allowed != was.Allowed || got.Reason != was.Reason {
			rt.Fatalf("in another order: got %+v, want %+v", got, was)
		}
	})
}

// A Deny more, in whichever policy, allows nothing; nor does one statement that allows fewer, a grant fewer, or
// one limit more.
func TestLessNeverAllows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := somewhere(rt)
		was := w.decision(t)
		if was.Allowed {
			return
		}
		check := func(what string) {
			if got := w.decision(t); got.Allowed {
				rt.Fatalf("%s: got %+v, want %+v", what, got, was)
			}
		}
		all := w.documents()
		i := r.IntN(len(all))
		is := ofIdentity
		switch {
		case i == 0 && w.q.Trust:
			is = ofRole
		case i == 0:
			is = ofKey
		}
		deny := randomStatement(r, is)
		deny["Effect"] = "Deny"
		before := all[i]["Statement"].([]any)
		all[i]["Statement"] = append([]any{deny}, before...)
		check("a Deny more")
		all[i]["Statement"] = before

		for _, d := range all {
			s := d["Statement"].([]any)
			for j := range s {
				if len(s) > 1 && s[j].(object)["Effect"] == "Allow" {
					d["Statement"] = append(append([]any{}, s[:j]...), s[j+1:]...)
					check("an Allow less")
				}
			}
			d["Statement"] = s
		}
		w.grant = policy.NoGrant
		check("a grant less")
		if w.boundary == nil && w.q.Principal.Kind != policy.Root {
			w.boundary = randomDocument(r, ofIdentity)
			check("a boundary more")
		}
	})
}

// A principal who was deleted and made anew has nothing by the name of the old one: whatever a saved policy
// gives them, it gives to one of another name too.
func TestNamesGiveNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, r := somewhere(rt)
		if w.ids == nil {
			w.bind(r)
		}
		p := *w.q.Principal
		if p.Kind != policy.User && p.Kind != policy.Session {
			return
		}
		p.ID = "AIDANEWNEWNEWNEWNEWN" // nobody's
		w.q.Principal = &p
		if !w.decision(t).Allowed {
			return
		}
		other := p
		other.ARN, other.Role = p.ARN+"x", p.Role+"x"
		w.q.Principal = &other
		if got := w.decision(t); !got.Allowed {
			rt.Fatalf("by another name: got %+v, want allowed", got)
		}
	})
}
