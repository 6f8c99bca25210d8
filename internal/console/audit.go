package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"qkms/internal/oversight"
)

// An eventFilter is what a visitor looks for in the audit log.
type eventFilter struct {
	Event, Key, Principal, Error, Since, Until string
	Reads                                      bool // show also what the console itself has read
}

// A logPage is a stretch of the account's audit log.
type logPage struct {
	Filter  eventFilter
	Refusal *Refusal // of what was filled in
	Found   oversight.EventsFound
	Older   string // address of the page of what was before; "" when nothing was
	Live    bool   // the page begins with the newest record, and is kept up to date
}

func (v *visit) auditPage() error {
	q := v.hr.URL.Query()
	text := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f := eventFilter{
		Event: text("event"), Key: text("key"), Principal: text("principal"), Error: text("error"), Since: moment(text("since")), Until: moment(text("until")), Reads: q.Get("reads") != "",
	}
	p := logPage{Filter: f, Live: q.Get("marker") == ""}
	err := v.query(oversight.Signing, "LookupEvents", &p.Found, f.parameters(q.Get("marker"))...)
	if p.Refusal = refusalOf(err); err != nil && p.Refusal == nil {
		return err
	}
	if p.Found.Marker != "" {
		q.Set("marker", p.Found.Marker)
		p.Older = "/console/audit?" + q.Encode()
	}
	status := http.StatusOK
	if p.Refusal != nil {
		status, p.Live = p.Refusal.status(), false
	}
	v.show(status, "audit", "Audit log", p)
	return nil
}

// parameters are f as LookupEvents takes it.
func (f eventFilter) parameters(marker string) []string {
	all := []string{
		"Event", f.Event, "Key", f.Key, "Principal", f.Principal, "Error", f.Error, "Since", f.Since, "Until", f.Until,
		"HideConsoleReads", strconv.FormatBool(!f.Reads),
	}
	if marker != "" {
		all = append(all, "Marker", marker)
	}
	return all
}

// moment is a time as browsers write it, like 2026-01-02T03:04, as records have it; what is written otherwise stays as it is.
func moment(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339)
		}
	}
	return text
}

// Local is a time of the filter as an input of a form has it, which knows no zone: UTC, as the label says.
func (f eventFilter) Local(stamp string) string { return strings.TrimSuffix(stamp, "Z") }

// Any reports whether something was filled in.
func (f eventFilter) Any() bool { f.Reads = false; return f != eventFilter{} }

// eventPage shows one record.
func (v *visit) eventPage() error {
	var e oversight.EventShown
	if err := v.query(oversight.Signing, "GetEvent", &e, "Sequence", v.hr.PathValue("seq")); err != nil {
		return err
	}
	return v.page("audit-event", "Audit record "+v.hr.PathValue("seq"), e)
}

// eventProof is a file that proves one record.
func (v *visit) eventProof() error {
	seq, err := strconv.ParseUint(v.hr.PathValue("seq"), 10, 62)
	if err != nil {
		return v.nowhere()
	}
	var p oversight.EventProof
	if err := v.query(oversight.Signing, "ProveEvent", &p, "Sequence", strconv.FormatUint(seq, 10)); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="audit-record-%d.proof"`, seq))
	_, _ = v.w.Write([]byte(p.Proof)) // the browser is gone
	return nil
}

// auditLogPage says how the log of the node is, for operators.
func (v *visit) auditLogPage() error {
	var s oversight.AuditState
	if err := v.query(oversight.Signing, "AuditState", &s); err != nil {
		return err
	}
	return v.page("audit-log", "How the audit log is", s)
}

func (v *visit) verifyAudit() error {
	var out oversight.Verification
	if err := v.query(oversight.Signing, "VerifyAudit", &out); err != nil {
		return err
	}
	said := "The log was verified."
	if out.Running {
		said = "The verification goes on. This page shows its outcome when there is one."
	}
	return v.done("/console/audit/log", said)
}
