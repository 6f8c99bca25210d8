package policy

// A Question is whether a principal may do one thing.
type Question struct {
	Principal *Principal
	Action    string // "kms:Encrypt"
	Resource  string // its ARN; "*" of what is about nothing in particular
	Context   Context

	// Key says that the resource is a KMS key, and Owner whose, by account. For anything else only the
	// policies of the principal's own identity decide.
	Key   bool
	Owner string

	// CrossAccount says that another account's key policy can allow the action at all (access.md §4.2).
	CrossAccount bool

	action string // folded
}

// Sources are the policies that have a say. Those that are nil do not exist; a root user has none of the
// last three, and its own side always allows.
type Sources struct {
	Key      *Policy
	Identity []*Policy
	Boundary *Policy
	Session  *Policy
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
)

// A Ref is one statement: in which policy, which there (from 0), and what its author calls it.
type Ref struct {
	Source    Source
	Statement int
	Sid       string
}

// A Grant says what grants contribute. A grant never denies.
type Grant int

const (
	NoGrant    Grant = iota
	Granted          // one permits the request
	GrantedOwn       // one does that the caller's own account created: the key policy's word suffices (§4.3)
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
	OutsideTheAccount        // another account's key, and one of the two sides is missing
	UnknownPrincipal         // no kind of principal that may do anything
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
	keyBy    Ref
	key      reach // of the statements that allow
	identity Ref
	limit    Reason // what of boundary and session policy does not allow; 0: nothing
}

// Consult asks the policies.
func Consult(q *Question, s *Sources) Findings {
	q.action = lower(q.Action)
	f := Findings{q: q}
	if s.Key != nil && q.Key {
		f.consultKey(s.Key)
	}
	for _, p := range s.Identity {
		if by := f.consult(p, IdentityPolicy); by.Source != NoSource && f.identity.Source == NoSource {
			f.identity = by
		}
	}
	if s.Boundary != nil && f.consult(s.Boundary, Boundary).Source == NoSource {
		f.limit = NoBoundary
	}
	if s.Session != nil && f.consult(s.Session, SessionPolicy).Source == NoSource {
		f.limit = NoSessionPolicy
	}
	return f
}

// consultKey collects the ways in which the key policy allows, and the first denial.
func (f *Findings) consultKey(p *Policy) {
	for i := range p.statements {
		s := &p.statements[i]
		ways := s.reaches(f.q.Principal)
		if ways == 0 || !s.about(f.q) {
			continue
		}
		by := Ref{KeyPolicy, i, s.sid}
		switch {
		case s.deny && f.deny.Source == NoSource:
			f.deny = by
		case !s.deny:
			if f.key == 0 {
				f.keyBy = by
			}
			f.key |= ways
		}
	}
}

// consult returns the first statement that allows, and notes the first denial.
func (f *Findings) consult(p *Policy, source Source) (allow Ref) {
	for i := range p.statements {
		s := &p.statements[i]
		if !s.about(f.q) {
			continue
		}
		by := Ref{source, i, s.sid}
		switch {
		case s.deny && f.deny.Source == NoSource:
			f.deny = by
		case !s.deny && allow.Source == NoSource:
			allow = by
		}
	}
	return allow
}

// Decide is access.md §4.3.
func (f *Findings) Decide(g Grant) Decision {
	p := f.q.Principal
	switch {
	case p.Kind < Root || p.Kind > Service:
		return Decision{Reason: UnknownPrincipal}
	case f.deny.Source != NoSource:
		return Decision{Reason: ExplicitDeny, By: f.deny}
	case !f.q.Key:
		return f.byIdentity(f.identity)
	case p.Kind == Service:
		return f.toService(g)
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
	if f.limit != 0 {
		return Decision{Reason: f.limit}
	}
	return Decision{Allowed: true, Reason: Allowed, By: by}
}

func (f *Findings) toService(g Grant) Decision {
	switch {
	case f.key&asItself != 0:
		return Decision{Allowed: true, Reason: Allowed, By: f.keyBy}
	case g != NoGrant:
		return Decision{Allowed: true, Reason: Allowed, By: Ref{Source: AGrant}}
	}
	return Decision{Reason: NoKeyPolicy}
}

// within: a key of the caller's own account. Whoever the key policy names needs nothing else; a boundary or
// a session limits what a role, the account or a grant gives.
func (f *Findings) within(g Grant) Decision {
	if f.key&(asItself|asEveryone) != 0 {
		return Decision{Allowed: true, Reason: Allowed, By: f.keyBy}
	}
	d := Decision{Reason: NoKeyPolicy}
	if f.key&asAccount != 0 {
		d = f.byIdentity(f.keyBy)
	}
	if !d.Allowed && f.key&asRole != 0 {
		d = f.limited(f.keyBy)
	}
	if !d.Allowed && g != NoGrant {
		d = f.limited(Ref{Source: AGrant})
	}
	return d
}

// across: another account's key. Its account must let the caller use it, and the caller's own account must
// let them too: by a policy of theirs, or by having created the grant itself.
func (f *Findings) across(g Grant) Decision {
	by := f.keyBy
	if by.Source == NoSource && g != NoGrant {
		by = Ref{Source: AGrant}
	}
	d := f.byIdentity(by)
	if !d.Allowed && g == GrantedOwn {
		d = f.limited(by)
	}
	if !d.Allowed || by.Source == NoSource || !f.q.CrossAccount {
		return Decision{Reason: OutsideTheAccount}
	}
	return d
}
