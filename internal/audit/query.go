package audit

import (
	"encoding/json"
	"strings"
)

// A Query chooses records; zero fields choose all.
type Query struct {
	Event     string // operation name, or event id
	Key       string // part of the ARN of a key touched, such as its id, or of the requested keyId
	Principal string // part of the caller's ARN or access key id, or the account
	Error     string // exception name; "any": every failure
	Since     string // as in the records, 2026-01-02T03:04:05Z, or a beginning of that
	Until     string // likewise; the records before it
}

// Match reports whether a line is a record that q chooses.
func (q Query) Match(line []byte) bool {
	var rec struct {
		EventTime, EventName, EventID, ErrorCode string
		UserIdentity                             struct{ ARN, AccountID, AccessKeyID, UserName string }
		Resources                                []struct{ ARN string }
		RequestParameters                        struct{ KeyID string }
	}
	if json.Unmarshal(line, &rec) != nil {
		return false
	}
	who := rec.UserIdentity
	touched := strings.Contains(rec.RequestParameters.KeyID, q.Key)
	for _, r := range rec.Resources {
		touched = touched || strings.Contains(r.ARN, q.Key)
	}
	return (q.Event == "" || q.Event == rec.EventName || q.Event == rec.EventID) &&
		(q.Key == "" || touched) &&
		(q.Principal == "" || strings.Contains(who.ARN, q.Principal) || strings.Contains(who.AccessKeyID, q.Principal) || q.Principal == who.AccountID || q.Principal == who.UserName) &&
		(q.Error == "" || q.Error == rec.ErrorCode || q.Error == "any" && rec.ErrorCode != "") &&
		rec.EventTime >= q.Since && (q.Until == "" || rec.EventTime < q.Until)
}
