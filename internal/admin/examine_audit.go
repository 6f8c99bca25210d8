package admin

import (
	"fmt"
	"time"

	"qkms/internal/audit/sink"
)

// spoolCheck says how full the audit log's room is: when it is, nothing is answered.
func (c *call) spoolCheck() Check {
	const what = "audit spool"
	used, limit, err := c.Audit.Spool()
	if err != nil {
		return Check{what, Problem, err.Error()}
	}
	text := fmt.Sprintf("%d of %d MiB, %d%% full", used>>20, limit>>20, used*100/limit)
	switch err := c.Audit.Room(); {
	case err != nil:
		return Check{what, Problem, err.Error()}
	case used >= limit/5*4:
		return Check{what, Notice, text + ": when it is full every request is refused; move its oldest segments away"}
	}
	return Check{what, Fine, text}
}

// late is how old a record may be that a sink has not delivered.
const late = 15 * time.Minute

// sinkChecks says of each audit sink how far it is behind: of those delivered to now, and of those that
// left a cursor. A verb that opens the store itself delivers to none.
func (c *call) sinkChecks() []Check {
	const what = "audit sink"
	left, err := sink.Left(c.Audit.Dir(), c.Audit.Flushed())
	if err != nil {
		return []Check{{what, Problem, err.Error()}}
	}
	var checks []Check
	running := map[string]bool{}
	for _, st := range c.Sinks.Status() {
		running[st.Name] = true
		checks = append(checks, Check{what, c.sinkVerdict(st), st.Name + " " + c.lag(st)})
	}
	for _, st := range left {
		if !running[st.Name] {
			checks = append(checks, Check{what, Notice, st.Name + " " + c.lag(st) + ", and is not being delivered to now"})
		}
	}
	return checks
}

func (c *call) sinkVerdict(st sink.Status) Verdict {
	if st.LastError != "" || st.Behind > 0 && c.Now().Sub(st.Oldest) > late {
		return Problem
	}
	return Fine
}

func (c *call) lag(st sink.Status) string {
	text := "has every record"
	if st.Behind > 0 {
		text = fmt.Sprintf("is %d records (%d KiB) behind, the oldest of %s", st.Behind, (st.Bytes+1023)>>10, st.Oldest.UTC().Format(time.RFC3339))
	}
	if st.LastError != "" {
		text += "; last error: " + st.LastError
	}
	return text
}
