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

// Findings are what the policies say of a question, before grants are looked at.
type Findings struct {
	q        *Question
	deny     Ref
	identity Ref

	owner Reach  // of the statements of key policy or trust policy that allow
	first [4]Ref // of them in each way

	noBoundary, noSession bool // there is one, and it does not allow
	undecided             bool // it was given up
}

// Consult asks the policies.
func Consult(q *Question, s *Sources) Findings {
	q.begin()
	f := Findings{q: q}
	switch {
	case q.Key && s.Key != nil:
		f.consultOwner(s.Key, KeyPolicy)
	case q.Trust && s.Trust != nil:
		f.consultOwner(s.Trust, TrustPolicy)
	}
	if q.Identity != nil {
		defer func(owners Context) { q.Context = owners }(q.Context)
		q.Context = q.Identity
	}
	f.identity = f.consultAll(s.Identity, IdentityPolicy)
	if s.Boundary != nil && f.consult(s.Boundary, Ref{Source: Boundary}).Source == NoSource {
		f.noBoundary = true
	}
	if len(s.Session) > 0 && f.consultAll(s.Session, SessionPolicy).Source == NoSource {
		f.noSession = true
	}
	f.undecided = q.work > maxWork
	return f
}

// consultOwner collects the ways in which the policy of the resource allows, and the first denial.
func (f *Findings) consultOwner(p *Policy, source Source) {
	for i := range p.statements {
		s := &p.statements[i]
		ways := s.reaches(f.q.Principal)
		if ways == 0 || !s.about(f.q) {
			continue
		}
		by := Ref{Source: source, Statement: i, Sid: s.sid}
		switch {
		case s.deny && f.deny.Source == NoSource:
			f.deny = by
		case !s.deny:
			for i := range f.first {
				if way := Reach(1) << i; ways&^f.owner&way != 0 {
					f.first[i] = by
				}
			}
			f.owner |= ways
		}
	}
}

// credit is the first statement of the resource's policy that allows in one of some ways.
func (f *Findings) credit(ways Reach) (by Ref) {
	for i := range f.first {
		if way := Reach(1) << i; ways&f.owner&way != 0 && (by.Source == NoSource || f.first[i].Statement < by.Statement) {
			by = f.first[i]
		}
	}
	return by
}

// consultAll returns the first statement of any of all that allows, and notes the first denial.
func (f *Findings) consultAll(all []*Policy, source Source) (allow Ref) {
	for i, p := range all {
		if by := f.consult(p, Ref{Source: source, Policy: i}); allow.Source == NoSource {
			allow = by
		}
	}
	return allow
}

// consult does so for one policy.
func (f *Findings) consult(p *Policy, by Ref) (allow Ref) {
	for i := range p.statements {
		s := &p.statements[i]
		if !s.about(f.q) {
			continue
		}
		by.Statement, by.Sid = i, s.sid
		switch {
		case s.deny && f.deny.Source == NoSource:
			f.deny = by
		case !s.deny && allow.Source == NoSource:
			allow = by
		}
	}
	return allow
}

// Decide is access.md §4.3, and of a role that is to be assumed the same with its trust policy in the place of
// the key policy (§2.4); there are no grants on roles.
func (f *Findings) Decide(g Grant) Decision {
	p := f.q.Principal
	if !f.q.Key {
		g = NoGrant
	}
	switch {
	case p.Kind < Root || p.Kind > WebIdentity, p.Kind == WebIdentity && !f.q.Trust, f.q.Key && f.q.Trust:
		return Decision{Reason: UnknownPrincipal} // or nothing that may be asked
	case f.undecided:
		return Decision{Reason: NotDecided}
	case f.deny.Source != NoSource:
		return Decision{Reason: ExplicitDeny, By: f.deny}
	case !f.q.Key && !f.q.Trust:
		return f.byIdentity(f.identity)
	case p.Kind == Service, p.Kind == WebIdentity:
		return f.byName(g)
	case p.Account == f.q.Owner:
		return f.within(g)
	}
	return f.across(g)
}

// byIdentity is the caller's own side, which a root user always has; by is what gets the credit.
func (f *Findings) byIdentity(by Ref) Decision {
	switch {
	case f.q.Principal.Kind == Root:
		return Decision{Allowed: true, Reason: Allowed, By: by}
	case f.identity.Source == NoSource:
		return Decision{Reason: NoIdentityPolicy}
	}
	return f.limited(by)
}

// limited lets boundary and session policy have their say.
func (f *Findings) limited(by Ref) Decision {
	switch {
	case f.noSession:
		return Decision{Reason: NoSessionPolicy}
	case f.noBoundary:
		return Decision{Reason: NoBoundary}
	}
	return Decision{Allowed: true, Reason: Allowed, By: by}
}

// byName: services and web identities are nobody's; everyone does not mean them, and they have no side of
// their own.
func (f *Findings) byName(g Grant) Decision {
	switch {
	case f.owner&AsItself != 0:
		return Decision{Allowed: true, Reason: Allowed, By: f.credit(AsItself)}
	case g != NoGrant:
		return Decision{Allowed: true, Reason: Allowed, By: Ref{Source: AGrant}}
	}
	return f.silent()
}

// silent: the owner's side says nothing.
func (f *Findings) silent() Decision {
	if f.q.Trust {
		return Decision{Reason: NoTrustPolicy}
	}
	return Decision{Reason: NoKeyPolicy}
}

// within: a key or a role of the caller's own account. Whoever its policy names needs nothing else; a boundary
// or a session limits what a role, the account or a grant gives.
func (f *Findings) within(g Grant) Decision {
	if f.owner&(AsItself|AsEveryone) != 0 {
		return Decision{Allowed: true, Reason: Allowed, By: f.credit(AsItself | AsEveryone)}
	}
	d := f.silent()
	if f.owner&AsAccount != 0 {
		d = f.byIdentity(f.credit(AsAccount))
	}
	if !d.Allowed && f.owner&AsRole != 0 {
		d = f.limited(f.credit(AsRole))
	}
	switch {
	case d.Allowed || g == NoGrant:
	case g == GrantedItself:
		d = Decision{Allowed: true, Reason: Allowed, By: Ref{Source: AGrant}}
	case g == GrantedAccount:
		d = f.byIdentity(Ref{Source: AGrant})
	default:
		d = f.limited(Ref{Source: AGrant})
	}
	return d
}

// across: another account's key or role. Its account must let the caller use it, and the caller's own account
// must let them too: by a policy of theirs, or by having created the grant itself.
func (f *Findings) across(g Grant) Decision {
	if f.owner == 0 && g == NoGrant || !f.q.CrossAccount && !f.q.Trust {
		return Decision{Reason: OutsideTheAccount}
	}
	by := Ref{Source: AGrant}
	if f.owner != 0 {
		by = f.credit(f.owner)
	}
	d := f.byIdentity(by)
	if !d.Allowed && g == GrantedOwn {
		d = f.limited(by)
	}
	if !d.Allowed {
		return Decision{Reason: OutsideTheAccount}
	}
	return d
}
