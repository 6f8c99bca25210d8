package webidentity

import (
	"context"
	"crypto"
	"errors"
	"sync"
	"time"

	"qkms/internal/fault"
)

// How long keys are believed, and how often a provider is asked.
const (
	// fresh is how long keys are used without asking: how long, at most, a key that its provider has
	// withdrawn still verifies.
	fresh = 15 * time.Minute

	// stale is how long they are used when the provider cannot be asked. Whoever can keep us from it
	// prolongs the life of a withdrawn key by as much.
	stale = 6 * time.Hour

	// pause is the least time between two attempts with one provider, whatever the first came to. It
	// bounds what strangers can make us ask with tokens that name keys nobody has, and how often
	// requests wait for a provider that hangs.
	pause = 10 * time.Second
)

// A source is one issuer with the keys it had when asked last.
type source struct {
	issuer string
	used   uint64 // guarded by the Verifier's mutex: when, in the order of uses

	mu      sync.Mutex // guards all below
	keys    []key
	fetched time.Time     // when the attempt began that keys are of
	tried   time.Time     // when the last attempt ended; zero: never
	err     error         // what it ended with
	flight  chan struct{} // closed when the attempt under way ends; nil: none is
}

// keys returns the keys of issuer that may have signed a token with header h: at least one.
func (v *Verifier) keys(ctx context.Context, issuer string, h header) ([]crypto.PublicKey, error) {
	s := v.source(issuer)
	if flight := v.due(s, h); flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, fault.ProviderUnreachable(issuer).Because(ctx.Err())
		}
	}
	return s.find(v.now(), h)
}

// source returns that of issuer. The one that has not been used for longest makes room for it.
func (v *Verifier) source(issuer string) *source {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sources[issuer]
	if s == nil {
		if len(v.sources) >= v.remember {
			v.forgetLocked()
		}
		s = &source{issuer: issuer}
		v.sources[issuer] = s
	}
	v.clock++
	s.used = v.clock
	return s
}

func (v *Verifier) forgetLocked() {
	var oldest *source
	for _, s := range v.sources {
		if oldest == nil || s.used < oldest.used {
			oldest = s
		}
	}
	delete(v.sources, oldest.issuer)
}

// due returns the attempt to wait for before a token with header h can be judged, or nil. It begins one
// when it is time. All who wait for a provider wait for the same attempt, and none of them, by giving
// up, ends it for the others.
func (v *Verifier) due(s *source, h header) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := v.now()
	if within(now, s.fetched, fresh) && len(match(s.keys, h)) > 0 {
		return nil
	}
	if s.flight == nil && !within(now, s.tried, pause) {
		s.flight = make(chan struct{})
		v.flights.Go(func() { v.refresh(s, now) })
	}
	return s.flight
}

// refresh is one attempt.
func (v *Verifier) refresh(s *source, began time.Time) {
	ctx, cancel := context.WithTimeout(v.ctx, v.timeout)
	defer cancel()
	keys, err := v.fetch(ctx, s.issuer)
	if err != nil {
		err = brief{errors.Join(err, ctx.Err())} // of the latter the library tells in text alone
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keys, s.fetched = keys, began
	}
	s.tried, s.err = v.now(), err
	close(s.flight)
	s.flight = nil
}

// find judges with what there is.
func (s *source) find(now time.Time, h header) ([]crypto.PublicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if within(now, s.fetched, stale) {
		if found := match(s.keys, h); len(found) > 0 {
			return found, nil
		}
	}
	if s.err != nil && unreachable(s.err) {
		return nil, fault.ProviderUnreachable(s.issuer).Because(s.err)
	}
	return nil, fault.NoVerificationKey().Because(s.err)
}

// within tells whether t is less than d before now. After now is not within: a clock that was set back
// must not keep keys for longer.
func within(now, t time.Time, d time.Duration) bool {
	age := now.Sub(t)
	return !t.IsZero() && age >= 0 && age < d
}
