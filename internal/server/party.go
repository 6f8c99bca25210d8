package server

import (
	"errors"

	"qkms/internal/authn"
	"qkms/internal/coherence"
	"qkms/internal/store"
)

// A party is who sent a request, and the use of this node's memory that the knowledge rests on
// (docs/coherence.md). It belongs to the goroutine that serves the request.
type party struct {
	caller *authn.Caller // nil of a request without a signature
	verify func() (*authn.Caller, error)
	use    coherence.Use

	at []store.Position // of the change that was made for it
}

// meet finds out who sent a request; verify looks at the bytes that came, and may be called again.
func (s *Server) meet(verify func() (*authn.Caller, error)) (*party, error) {
	p := &party{verify: verify}
	return p, s.again(p)
}

// again is meet once more: what p was known by may have changed since. The use begins before anything is read.
func (s *Server) again(p *party) (err error) {
	if p.use, err = s.lease.Begin(); err == nil {
		p.caller, err = p.verify()
	}
	return err
}

// attempts is how often a request is decided anew when what it relied on changed meanwhile.
const attempts = 8

// attempt acts until nothing gets in the way. Who lost once waits for the others who lost: sixteen that
// all want a grant on one key would otherwise undo each other, and half of them give up.
func attempt[T any](s *Server, p *party, act func() (T, error)) (out T, err error) {
	for i := range attempts {
		if i == 1 {
			s.losers.Lock()
			defer s.losers.Unlock()
		}
		if i > 0 {
			if err = s.again(p); err != nil {
				break
			}
		}
		out, err = act()
		var conflict *store.Conflict
		if !errors.As(err, &conflict) && !errors.Is(err, coherence.ErrChanged) {
			return out, err
		}
	}
	return *new(T), err
}
