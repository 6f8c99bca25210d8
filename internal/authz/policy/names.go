package policy

// The words that audit records and explanations use; docs/formats/audit-record.md lists them.

var sources = [...]string{
	KeyPolicy: "KeyPolicy", IdentityPolicy: "IdentityPolicy", Boundary: "PermissionsBoundary",
	SessionPolicy: "SessionPolicy", AGrant: "Grant", TrustPolicy: "TrustPolicy",
}

// String returns one word, and nothing for NoSource.
func (s Source) String() string { return sources[s] }

var reasons = [...]string{
	Allowed: "Allowed", ExplicitDeny: "ExplicitDeny", NoKeyPolicy: "NoKeyPolicy", NoIdentityPolicy: "NoIdentityPolicy",
	NoBoundary: "NoPermissionsBoundary", NoSessionPolicy: "NoSessionPolicy", OutsideTheAccount: "OutsideTheAccount",
	UnknownPrincipal: "UnknownPrincipal", NoTrustPolicy: "NoTrustPolicy", NotDecided: "NotDecided",
}

// String returns one word.
func (r Reason) String() string { return reasons[r] }
