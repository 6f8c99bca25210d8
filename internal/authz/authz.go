// Package authz decides whether a caller may do what a request needs.
//
// It is the one place where that is decided. The rule today: the root user of an account may do
// everything with what its account owns, and nobody may do anything else. Users, roles, policies and
// grants will be decided here too.
package authz

import (
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
	case n.OnKey() && (k == nil || k.Account != caller.Account):
		return elsewhere(caller, n)
	case caller.Kind != authn.KindRoot: // deny when unsure: no other kind has rights yet
		return fault.DeniedByIdentity(caller.ARN, n.Action, r.resource(caller, n, k))
	}
	return nil
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
	}
	return "*"
}
