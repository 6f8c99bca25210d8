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
func (m *Metrics) Begin() { m.flying.Add(1) }

// Done counts a request. It allocates nothing and takes no lock.
func (m *Metrics) Done(r Request) {
	m.flying.Add(-1)
	op := m.operations[r.Operation] // 0: unknown
	code := m.code(r.Told)
	m.requests.inc(op*len(m.authn.n) + code)
	m.took[op]().Observe(r.Took.Seconds())
	switch {
	case r.Reached == Authenticate:
		m.authn.inc(code)
	case r.Reached > Authenticate:
		m.authn.inc(succeeded)
	}
	switch {
	case r.Reached >= Authorize && r.Told != nil && r.Told.Code == fault.AccessDenied:
		m.authz.inc(m.denials[r.Told.Denial()])
	case r.Reached > Authorize:
		m.authz.inc(0)
	}
}

func (m *Metrics) code(told *fault.Error) int {
	if told == nil {
		return succeeded
	}
	return m.codes[told.Code] // 0: other
}
