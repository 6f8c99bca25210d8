package fault

// A Denial is the kind of rule behind an AccessDeniedException, for counting.
type Denial string

const (
	ExplicitDeny     Denial = "explicit_deny"      // a policy says Deny
	NoIdentityPolicy Denial = "no_identity_policy" // the caller's own policies do not allow it
	NoResourcePolicy Denial = "no_resource_policy" // the key's policy and grants do not allow it
	NoBoundary       Denial = "no_boundary"        // the caller's permissions boundary does not allow it
	NoSessionPolicy  Denial = "no_session_policy"  // the policy of the caller's session does not allow it
	NotHere          Denial = "not_here"           // another account's key, or none
	OtherDenial      Denial = "other"
)

// Denials are all of them.
var Denials = []Denial{ExplicitDeny, NoIdentityPolicy, NoResourcePolicy, NoBoundary, NoSessionPolicy, NotHere, OtherDenial}

// Denial is why access was denied; empty when e is another error.
func (e *Error) Denial() Denial {
	if e.Code == AccessDenied && e.denial == "" {
		return OtherDenial
	}
	return e.denial
}

// by says what kind of rule e came from.
func (e *Error) by(d Denial) *Error {
	e.denial = d
	return e
}

// silent are the denials by the kind of policy that does not allow.
var silent = map[string]Denial{
	"identity-based policy": NoIdentityPolicy,
	"resource-based policy": NoResourcePolicy,
	"permissions boundary":  NoBoundary,
	"session policy":        NoSessionPolicy,
}
