package policy

import "strings"

// A Question is whether a principal may do one thing.
type Question struct {
	Principal *Principal
	Action    string // "kms:Encrypt"
	Resource  string // its ARN; "*" of what is about nothing in particular
	Context   Context

	// Identity answers the policies of the caller's own side instead of Context, when it is not nil: some
	// conditions are theirs alone (access.md §5.2).
	Identity Context

	// Key says that the resource is a KMS key, Trust that it is a role which is to be assumed (never both),
	// and Owner whose it is, by account. For anything else only the policies of the principal's own identity decide.
	Key, Trust bool
	Owner      string

	// CrossAccount says that another account's key policy can allow the action at all (access.md §4.2). A
	// role's trust policy always can.
	CrossAccount bool

	// Suppose, when it is not nil, is how what is not known is taken; Context and Identity are then from its Over.
	Suppose *Supposition

	split [arnParts]string
	parts []string // of Resource, in split
	work  int      // that comparing has taken so far
}

// begin readies the question for the policies.
func (q *Question) begin() {
	q.work = 0
	rest, n, more := q.Resource, 0, true
	for ; more && n < arnParts-1; n++ {
		q.split[n], rest, more = strings.Cut(rest, ":")
	}
	if more {
		q.split[n] = rest
		n++
	}
	q.parts = q.split[:n]
}

// maxWork is how much of it one decision may take, about a tenth of a second. Policies and encryption
// contexts that anybody would write take a thousandth of that. Without a limit, whoever owns one key keeps a
// processor busy for many seconds with each request: a policy made of patterns, a context made of names.
const maxWork = 1 << 24

// MostWork is the same for who decides many questions about one policy.
const MostWork = maxWork

// spend says whether a value and a text of a policy may still be compared, which takes time that grows with
// both, and where ? is searched for with a 64th of their product. When one may not be, nothing is decided.
func (q *Question) spend(value, text int) bool {
	q.work += value + text + value*text/64
	return q.work <= maxWork
}

// Sources are the policies that have a say. Those that are nil do not exist; a root user has none of the
// last three, and its own side always allows. Nor has a service or a web identity, which have no such side.
type Sources struct {
	Key      *Policy   // of a key
	Trust    *Policy   // of a role
	Identity []*Policy // of the caller, attached or of a group
	Boundary *Policy
	Session  []*Policy // that the session was made with: what one of them allows it may
}

// A Source is a kind of policy.
type Source int

const (
	NoSource Source = iota
	KeyPolicy
	IdentityPolicy
	Boundary
	SessionPolicy
	AGrant
	TrustPolicy
)

// A Ref is one statement: in which policy, which there (from 0), and what its author calls it.
type Ref struct {
	Source    Source
	Policy    int // which of Sources.Identity or Sources.Session; 0 where there is one policy
	Statement int
	Sid       string
}

// A Grant says what grants contribute. A grant never denies.
type Grant int

const (
	NoGrant    Grant = iota
	Granted          // one permits the request
	GrantedOwn       // one does that the caller's own account created: the key policy's word suffices (§4.3)

	// GrantedItself: one permits the request to this very session, which no boundary and no session policy
	// limits (operations.md §5.2 [R2]); to a role's sessions they do.
	GrantedItself

	// GrantedAccount: one permits the request to the caller's account, whose own policies say who of it may.
	GrantedAccount
)

// A Reason is why a decision is what it is.
type Reason int

const (
	Allowed           Reason = 1 + iota
	ExplicitDeny             // a statement denies, whatever else allows
	NoKeyPolicy              // neither key policy nor grant allows
	NoIdentityPolicy         // the key policy, if any, leaves it to the account; its policies say nothing
	NoBoundary               // allowed, but not by the permissions boundary
	NoSessionPolicy          // allowed, but not by the session policy
	OutsideTheAccount        // another account's key or role, and one of the two sides is missing
	UnknownPrincipal         // no kind of principal that may do anything
	NoTrustPolicy            // the trust policy does not allow
	NotDecided               // the policies and the request are such that it would take too long: an evaluation error
)

// A Decision is whether, why, and by which statement: the one that allows or denies. By has no source when
// it is the lack of a statement that decides, or that a root user's own side allows.
type Decision struct {
	Allowed bool
	Reason  Reason
	By      Ref
}
