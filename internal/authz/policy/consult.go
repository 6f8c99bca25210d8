package policy

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

// Work is how much the comparing took, in the unit of what one decision may take at most (MostWork).
func (f *Findings) Work() int { return f.q.work }

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
