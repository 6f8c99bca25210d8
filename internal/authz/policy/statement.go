package policy

import (
	"slices"

	"qkms/internal/footprint"
)

// A Policy is a document made ready to decide. It may be used concurrently.
type Policy struct {
	statements []statement
	takes      int64 // bytes of memory
}

type statement struct {
	sid  string
	deny bool
	void bool // without Action or Resource: it may be saved, and is about nothing (access.md §3.1)

	whom    []whom // of a key policy or a trust policy
	notWhom bool   // whom lists whom the statement is not about

	actions    []action
	notActions bool

	resources    []resourceTest
	notResources bool

	conditions []condition
}

// Compile returns the policy of a document that names nobody who could be deleted: of an identity, or the
// default one of a key. Entries for users, roles and sessions it takes for whoever has that name when they
// ask; a policy that is stored is for Bind.
func (d *Document) Compile() *Policy { return d.compile(naming{partition: d.partition}) }

func (d *Document) compile(n naming) *Policy {
	version, _ := d.root.get("Version")
	speak := dialect{variables: version != nil && version.scalar == "2012-10-17", ofKey: d.grammar == ofKey, tally: new(tally)}
	p := &Policy{statements: make([]statement, len(d.statements))}
	for i, s := range d.statements {
		c := compileStatement(speak, n, s)
		c.void = !has(s, "Action", "NotAction") || d.grammar != ofRole && !has(s, "Resource", "NotResource")
		if d.grammar == ofRole {
			c.resources = []resourceTest{speak.resource("*")} // that very role
		}
		speak.tally.statement(&c)
		p.statements[i] = c
	}
	p.takes = footprint.Room(sizeOf[Policy]()) + footprint.Room(len(p.statements)*sizeOf[statement]()) + speak.tally.bytes
	return p
}

func compileStatement(speak dialect, n naming, v *value) (s statement) {
	for _, m := range v.members {
		texts, _ := m.texts()
		switch m.name {
		case "Sid":
			s.sid = m.scalar
		case "Effect":
			s.deny = m.scalar == "Deny"
		case "Principal", "NotPrincipal":
			s.whom, s.notWhom = n.whoms(&m.value), m.name == "NotPrincipal"
		case "Action", "NotAction":
			s.notActions = m.name == "NotAction"
			s.actions = make([]action, 0, len(texts))
			for _, t := range texts {
				s.actions = append(s.actions, action(lower(t)))
			}
		case "Resource", "NotResource":
			s.notResources = m.name == "NotResource"
			s.resources = make([]resourceTest, 0, len(texts))
			for _, t := range texts {
				s.resources = append(s.resources, speak.resource(t))
			}
		case "Condition":
			s.conditions = speak.conditions(&m.value)
		}
	}
	if s.notWhom && !s.deny {
		s.leaveOut()
	}
	return s
}

// leaveOut: a statement that allows everyone but some leaves these out by name as well. Who deletes a user and
// makes another of that name has not let anybody in.
func (s *statement) leaveOut() {
	for i := range s.whom {
		switch w := &s.whom[i]; w.bound {
		case byID:
			w.bound = byEither
		case byBoth:
			w.bound = byName
		}
	}
}

// about says whether the statement is about the question, whoever asks it.
func (s *statement) about(q *Question) bool {
	switch {
	case s.void || !s.aboutAction(q):
		return false
	case q.Suppose != nil:
		return q.Suppose.about(s, q)
	case !s.aboutResource(q):
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(q) {
			return false
		}
	}
	return true
}

func (s *statement) aboutAction(q *Question) bool {
	return slices.ContainsFunc(s.actions, func(a action) bool { return a.match(q.Action) }) != s.notActions
}

func (s *statement) aboutResource(q *Question) bool {
	return slices.ContainsFunc(s.resources, func(r resourceTest) bool { return r(q) }) != s.notResources
}

// reaches says in which ways a statement that names principals means p.
func (s *statement) reaches(p *Principal) (all Reach) {
	for i := range s.whom {
		all |= s.whom[i].match(p)
	}
	if !s.notWhom {
		return all
	}
	if all != 0 {
		return 0
	}
	return AsEveryone
}
