package metrics

import (
	"time"

	"qkms/internal/fault"
)

// A Stage is how far a request came.
type Stage uint8

const (
	Read         Stage = iota // the bytes
	Authenticate              // who
	Decode                    // what
	Authorize                 // names to keys, may they
	Run                       // state, usage, the work
	Commit                    // the change and its record
)

// A Request is one request that was answered.
type Request struct {
	Operation string       // as the client wrote it
	Reached   Stage        // where it ended
	Told      *fault.Error // nil: success
	Took      time.Duration
}

// Begin says that a request has come; Done follows.
func (m *Metrics) Begin() { m.begun.add(here(), 0, 1) }

// Done counts a request. It allocates nothing and takes no lock.
func (m *Metrics) Done(r Request) {
	at := here()
	m.ended.add(at, 0, 1)
	op := m.operations[r.Operation] // 0: unknown
	code := m.code(r.Told)
	m.requests.inc(at, op*len(m.authn.values)+code)
	m.took.observe(at, op, r.Took)
	switch {
	case r.Reached == Authenticate:
		m.authn.inc(at, code)
	case r.Reached > Authenticate:
		m.authn.inc(at, succeeded)
	}
	switch {
	case r.Reached >= Authorize && r.Told != nil && r.Told.Code == fault.AccessDenied:
		m.authz.inc(at, m.denials[r.Told.Denial()])
	case r.Reached > Authorize:
		m.authz.inc(at, 0)
	}
}

func (m *Metrics) code(told *fault.Error) int {
	if told == nil {
		return succeeded
	}
	return m.codes[told.Code] // 0: other
}
