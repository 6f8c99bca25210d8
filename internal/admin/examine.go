package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qkms/internal/audit"
	"qkms/internal/node"
)

// A Verdict is how a Check came out.
type Verdict string

const (
	Fine    Verdict = "ok"
	Notice  Verdict = "note"    // works, and could be better
	Problem Verdict = "PROBLEM" // does not work, or will not for long
)

// A Check is one thing looked at.
type Check struct {
	What    string  `json:"what"`
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"` // what was found, and what to do about it
}

// Examine reads everything in the store and in the audit log.
var Examine = &Action[Nothing, []Check]{
	Name: "doctor", Event: "ExamineStore", ReadOnly: true,
	run: func(ctx context.Context, c *call, _ Nothing) ([]Check, error) {
		return slices.Concat([]Check{c.rootCheck(), c.kekCheck()}, c.storeChecks(ctx), []Check{
			c.recordsCheck(ctx), c.auditCheck(), c.spoolCheck(), c.outboxCheck(ctx),
		}, c.sinkChecks(), hardened()), nil
	},
}

func (c *call) rootCheck() Check {
	if c.KeyFile == "" {
		return Check{"root key", Fine, "opened by a credential or a passphrase"}
	}
	return Check{"root key", Fine, "opened by key file " + c.KeyFile}
}

func (c *call) kekCheck() Check {
	keks := c.Book.Ring().KEKs()
	current := keks[len(keks)-1]
	if len(keks) > 1 {
		return Check{"KEKs", Notice, fmt.Sprintf("%d versions: a rotation was interrupted, `qkms kek rotate` finishes it", len(keks))}
	}
	return Check{"KEKs", Fine, fmt.Sprintf("version %d of %s", current.ID, current.Created.Format(time.DateOnly))}
}

// recordsCheck opens every record. What changes while it is read looks like damage: only the same
// damage twice is believed.
func (c *call) recordsCheck(ctx context.Context) Check {
	var last string
	for range 5 {
		rep, err := c.Book.Verify(ctx, func(n int) { c.progress(Progress{Step: "records opened", Seen: n}) })
		switch {
		case err == nil && len(rep.Orphans) > 0 && last == rep.Orphans[0]:
			return Check{"records", Problem, fmt.Sprintf("%d materials belong to no key, the first to %s", len(rep.Orphans), rep.Orphans[0])}
		case err == nil && len(rep.Orphans) == 0:
			return Check{"records", Fine, fmt.Sprintf("%d open, as told by %d entries of the change log", rep.Records, rep.Notes)}
		case err == nil:
			last = rep.Orphans[0]
		case err.Error() == last:
			return Check{"records", Problem, last}
		default:
			last = err.Error()
		}
	}
	return Check{"records", Notice, "changed while they were read; stop the server to be sure: " + last}
}

// auditCheck holds the log against its checkpoints, from end to end. A record from the future means that
// the clock was, or is, wrong: signatures and deletion dates go by it.
func (c *call) auditCheck() Check {
	const what = "audit log"
	if err := c.Audit.Sign(); err != nil {
		return Check{what, Problem, err.Error()}
	}
	rep, err := audit.Verify(node.AuditDir(c.Dir), c.Audit.VerifierKey(), nil)
	if err != nil {
		return Check{what, Problem, err.Error()}
	}
	if n := len(rep.Problems); n > 0 {
		return Check{what, Problem, fmt.Sprintf("%v (%d in all; `qkms audit verify` lists them)", rep.Problems[0], n)}
	}
	if at := timeOf(rep.Last); at.After(c.Now().Add(5 * time.Minute)) {
		return Check{what, Problem, fmt.Sprintf("the newest record is of %s, the clock says %s: one of them was wrong", at.Format(time.RFC3339), c.Now().UTC().Format(time.RFC3339))}
	}
	text := fmt.Sprintf("%d records are those that were signed", rep.Records)
	switch {
	case rep.Retired > 0:
		text += fmt.Sprintf("; the first %d were retired", rep.Retired)
	case rep.Unread > 0:
		text += fmt.Sprintf("; the first %d were moved away", rep.Unread)
	}
	return Check{what, Fine, text}
}

func (c *call) outboxCheck(ctx context.Context) Check {
	left, err := c.Book.Undelivered(ctx, time.Time{})
	if err != nil {
		return Check{"audit outbox", Problem, err.Error()}
	}
	ids := make([]string, 0, len(left))
	for id := range left {
		ids = append(ids, id)
	}
	missing, err := c.Audit.Missing(ctx, ids...)
	if err == nil {
		missing, err = c.Audit.Missing(ctx, missing...) // what was on its way a moment ago has arrived
	}
	switch {
	case err != nil:
		return Check{"audit outbox", Problem, err.Error()}
	case len(missing) > 0:
		return Check{"audit outbox", Problem, fmt.Sprintf("%d records are not in the audit log yet; the server brings them there within a minute, if that has room", len(missing))}
	}
	return Check{"audit outbox", Fine, "every change has its record in the log"}
}

// timeOf is when an entry was written, or the zero time.
func timeOf(e audit.Entry) time.Time {
	var rec struct {
		EventTime time.Time `json:"eventTime"`
	}
	_ = json.Unmarshal(e.Line, &rec) // Scan has found it to be JSON
	return rec.EventTime
}
