package policy

import (
	"cmp"
	"math/bits"
	"slices"
)

// A Change is one thing that could be otherwise for a request to be allowed. Those to one's own policies come
// before those to somebody else's.
type Change int

const (
	NoDeny            Change = iota // no statement that denies applies; Trace shows which do
	IdentityAllows                  // a policy of the caller, attached or of a group, allows it
	BoundaryAllows                  // its permissions boundary allows it
	SessionAllows                   // a policy its session was made with allows it
	AGrantAllows                    // a grant does, if it is an operation that grants can give
	OwnerNamesCaller                // the policy of the key or role allows it to the caller
	OwnerNamesRole                  // … to the role of the caller's session
	OwnerNamesAccount               // … to the account of the caller
	changes
)

// A Remedy is what together would suffice.
type Remedy []Change

// Remedies returns what would allow a request that Decide refuses, given what grants contribute: each as
// little as suffices, the smallest first; none when it is allowed or nothing helps.
//
// It tries every combination, and asks Decide itself: so it cannot promise what would be refused.
func (f *Findings) Remedies(g Grant) []Remedy {
	if f.Decide(g).Allowed {
		return nil
	}
	var enough []uint // sets of changes, as bits
	for _, set := range bySize() {
		more := func(less uint) bool { return set&less == less }
		if !slices.ContainsFunc(enough, more) && f.allowedAfter(set, g) {
			enough = append(enough, set)
		}
	}
	var all []Remedy
	for _, set := range enough {
		var r Remedy
		for c := range changes {
			if set&(1<<c) != 0 {
				r = append(r, c)
			}
		}
		all = append(all, r)
	}
	return all
}

// bySize returns all sets of changes but the empty one, small ones first.
func bySize() []uint {
	var all []uint
	for set := range uint(1) << changes {
		all = append(all, set)
	}
	slices.SortStableFunc(all, func(a, b uint) int { return cmp.Compare(bits.OnesCount(a), bits.OnesCount(b)) })
	return all[1:]
}

// allowedAfter says whether the request were allowed if the changes were made. None that cannot be made is
// among them: the root user goes by its account's name, and only sessions have a role.
func (f *Findings) allowedAfter(set uint, g Grant) bool {
	after := *f
	has := func(c Change) bool { return set&(1<<c) != 0 }
	kind := f.q.Principal.Kind
	for c, way := range map[Change]Reach{OwnerNamesCaller: AsItself, OwnerNamesRole: AsRole, OwnerNamesAccount: AsAccount} {
		if has(c) {
			after.owner |= way
		}
	}
	if has(OwnerNamesCaller) && kind == Root || has(OwnerNamesRole) && kind != Session || has(OwnerNamesAccount) && kind >= Service {
		return false
	}
	if has(NoDeny) {
		after.deny = Ref{}
	}
	if has(IdentityAllows) {
		after.identity.Source = IdentityPolicy
	}
	if has(AGrantAllows) {
		g = max(g, Granted)
	}
	after.noBoundary = f.noBoundary && !has(BoundaryAllows)
	after.noSession = f.noSession && !has(SessionAllows)
	return after.Decide(g).Allowed
}
