package policy

// A Supposition lets a question be decided of which not everything is known: of a request that nobody has made yet.
// What hangs on something unknown is taken to be as Generous says. A question is decided twice, therefore: what is
// refused to a generous supposition is refused whatever the request will say, what is allowed to one that is not is
// allowed whatever it will say, and the rest depends.
//
// That holds because each statement works in one direction: one that allows, and applies, never makes a decision
// worse, and one that denies never makes it better.
type Supposition struct {
	Unknown  func(name string) bool // by condition key, folded
	Generous bool

	asked bool // for something unknown, since this was last set to false
}

// Over returns a Context that answers what is known as c does, for Question.Context and Question.Identity.
func (s *Supposition) Over(c Context) Context { return supposed{c, s} }

type supposed struct {
	Context
	*Supposition
}

// Values implements Context.
func (s supposed) Values(name string) []string {
	if s.Unknown(name) {
		s.asked = true
		return nil
	}
	return s.Context.Values(name)
}

// about is that of a statement which is about the action: a condition known not to hold settles it, whatever is not known
// beside it.
func (s *Supposition) about(st *statement, q *Question) bool {
	unknown, holds := s.try(func() bool { return st.aboutResource(q) })
	for i := 0; i < len(st.conditions) && (unknown || holds); i++ {
		asked, met := s.try(func() bool { return st.conditions[i].holds(q) })
		if !asked && !met {
			return false
		}
		unknown = unknown || asked
	}
	if unknown {
		return s.Generous != st.deny
	}
	return holds
}

// try reports whether a test asked for something unknown, and what it found.
func (s *Supposition) try(test func() bool) (unknown, holds bool) {
	s.asked = false
	holds = test()
	return s.asked, holds
}
