// Package authz decides whether a caller may do what a request needs.
//
// It is the one place where that is decided. The rule today: the root user of an account may do
// everything with what its account owns, may retire the grants that access.md §6.6 lets it retire, and
// nobody may do anything else. Users, roles, policies and the rights that grants give will be decided
// here too.
package authz

import (
	"slices"

	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/key"
)

// Rules decides. Its methods may be called concurrently.
type Rules struct{ Naming key.Naming }

// Check returns nil when caller may do all of needs, keys being what they resolved to, and
// AccessDeniedException otherwise. It runs before any state or usage is looked at, so that a refused
// caller learns nothing; a key of another account is refused in the same words whether it exists.
func (r Rules) Check(caller *authn.Caller, needs []key.Need, keys []*key.Key) error {
	for i, n := range needs {
		if err := r.check(caller, n, keys[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r Rules) check(caller *authn.Caller, n key.Need, k *key.Key) error {
	switch {
	case n.Grant != nil:
		return retire(caller, n, k)
	case n.Principal != "" && !r.own(caller, n.Principal):
		return fault.DeniedByIdentity(caller.ARN, n.Action, n.Principal)
	case n.OnKey() && (k == nil || k.Account != caller.Account):
		return elsewhere(caller, n)
	case caller.Kind != authn.KindRoot: // deny when unsure: no other kind has rights yet
		return fault.DeniedByIdentity(caller.ARN, n.Action, r.resource(caller, n, k))
	}
	return nil
}

// retire lets a grant be retired by its retiring principal, by its grantee when RetireGrant is among
// its operations, and by the accounts that issued it and that own its key (access.md §6.6). Key policies
// have no say in it. Whoever may not learns as little as about any key of another account.
func retire(caller *authn.Caller, n key.Need, k *key.Key) error {
	g := n.Grant.Found
	if k == nil || g == nil || caller.Kind != authn.KindRoot {
		return elsewhere(caller, n)
	}
	switch {
	case caller.Account == k.Account, caller.Account == g.IssuingAccount, caller.ARN == g.Retiring:
		return nil
	case caller.ARN == g.Grantee && slices.Contains(g.Operations, "RetireGrant"):
		return nil
	}
	return elsewhere(caller, n)
}

// own reports whether a principal is of the caller's account. What names no principal at all passes: it
// is refused as that, and tells nobody anything.
func (r Rules) own(caller *authn.Caller, principal string) bool {
	p, err := authn.ParsePrincipal(r.Naming.Partition, principal)
	return err != nil || p.Account == caller.Account
}

func elsewhere(caller *authn.Caller, n key.Need) error {
	if n.Cipher != "" {
		return fault.DeniedCiphertext(caller.ARN, n.Action)
	}
	return fault.DeniedElsewhere(caller.ARN, n.Action)
}

// resource is what the need is about, as a refusal to a member of the owning account prints it.
func (r Rules) resource(caller *authn.Caller, n key.Need, k *key.Key) string {
	switch {
	case k != nil:
		return k.ARN
	case n.Alias != "":
		return r.Naming.Alias(caller.Account, caller.Region, n.Alias)
	case n.Principal != "":
		return n.Principal
	}
	return "*"
}
