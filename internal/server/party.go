package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authn/sigv4"
	"qkms/internal/coherence"
	"qkms/internal/key"
	"qkms/internal/op"
	"qkms/internal/store"
)

// A party is who sent a request, and the use of this node's memory that the knowledge rests on
// (docs/coherence.md). It belongs to the goroutine that serves the request.
type party struct {
	caller *authn.Caller // nil of a request without a signature
	at     time.Time     // when it was met: the time of the request, for all that is decided about it

	signed   sigv4.Request // the bytes that came
	verifier *authn.Verifier
	use      coherence.Use
	first    authn.Caller // that caller points to, until the party is met again

	changed []store.Position // where the change that was made for it stands
}

// meet finds out who sent a request. That it is asked again when something has changed meanwhile is why p keeps the bytes
// that came.
func (s *Server) meet(ctx context.Context, p *party) (err error) {
	p.at = s.now()
	if p.use, err = s.lease.Begin(); err != nil || p.verifier == nil { // the use begins before anything is read
		return err
	}
	caller := &p.first
	if p.caller != nil {
		caller = new(authn.Caller) // another: what was done for the former is compared with it
	}
	if *caller, err = p.verifier.Verify(ctx, &p.signed); err == nil {
		p.caller = caller
	}
	return err
}

// anew is meet for the i-th time. What conflicts twice may be what another node has changed and this one has yet to
// hear of: it is waited for, a little.
func (s *Server) anew(ctx context.Context, p *party, i int) error {
	if i > 1 {
		soon, cancel := context.WithTimeout(ctx, hearing)
		defer cancel()
		_ = s.lease.Fresh(soon) // if not, the request is tried with what is known
	}
	return s.meet(ctx, p)
}

// hearing is how long a request waits to hear of other nodes' changes.
const hearing = 2 * time.Second

// attempts is how often a request is decided anew when what it relied on changed meanwhile.
const attempts = 8

// attempt acts until nothing gets in the way, or attempts are used up. Who collided with others waits for a turn, and nobody
// for longer than a request may take.
func attempt[T any](s *Server, x *exchange, act func() (T, error)) (out T, err error) {
	defer s.turns.leave(x)
	for i := range attempts {
		if !s.turns.take(x) {
			return *new(T), err // of the last time that it was tried
		}
		if i > 0 {
			if err = s.anew(x, &x.from, i); err != nil {
				break
			}
		}
		out, err = act()
		if err == nil || !overtaken(err) {
			return out, err
		}
	}
	return *new(T), err
}

// overtaken reports whether a request failed because something it relied on was changed meanwhile.
func overtaken(err error) bool {
	_, conflict := errors.AsType[*store.Conflict](err)
	return conflict || errors.Is(err, coherence.ErrChanged)
}

// hear waits until this node has heard of the grants that a request brings tokens of: a grant is in force at once for
// whoever has its token, also where it was not made (docs/coherence.md, rule 11). One that stays unknown is the
// decision's to refuse.
func (s *Server) hear(ctx context.Context, region string, req op.Request, needs []key.Need) {
	if !s.lease.Shared() {
		return
	}
	tokens := req.Tokens()
	for _, n := range needs {
		if n.Grant != nil && n.Grant.Token != "" {
			tokens = append(slices.Clone(tokens), n.Grant.Token)
		}
	}
	if len(tokens) == 0 {
		return
	}
	soon, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	for _, token := range tokens {
		t, err := s.ops.Book.OpenGrantToken(region, token)
		if err == nil && t.Rev > 0 {
			_ = s.lease.Await(soon, store.Position{Shard: int(t.Shard), Rev: t.Rev})
		}
	}
}
