package restore

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// An Outcome is what became of one event.
type Outcome struct {
	Result  Result    `json:"result"`
	Event   string    `json:"event"`
	EventID string    `json:"eventID"` // of the audit record
	Time    time.Time `json:"time"`
	About   string    `json:"about"`
	Why     string    `json:"why,omitempty"`

	// ByTime says that several logs tell of the same within a minute, so that clocks decided which was the last
	// word, or where they cannot, what takes most away.
	ByTime bool `json:"byTime,omitempty"`
}

// A Result is how an Outcome came out.
type Result string

const (
	Again     Result = "done again"
	NotNeeded Result = "not needed" // what it took away is not in the backup
	ToDo      Result = "to do"      // by the operator
)

// Findings are what was found in the audit logs from after the backup.
type Findings struct {
	Outcomes []Outcome `json:"events"` // in the order of the log; of several, by time

	// LostKeys were made after the backup: nothing opens what was encrypted under them.
	LostKeys []LostKey `json:"lostKeys"`

	// LostAccessKeys likewise; their holders are refused from now on.
	LostAccessKeys []string `json:"lostAccessKeys"`

	// Other counts what else was changed and is not any more, by name of the event.
	Other map[string]int `json:"otherChanges"`
}

// A LostKey is a KMS key that is not in the backup.
type LostKey struct {
	ARN  string `json:"arn"`
	Uses int    `json:"uses"` // audit records of requests that used it
}

func (f *Findings) count(r Result) (n int) {
	for _, o := range f.Outcomes {
		if o.Result == r {
			n++
		}
	}
	return n
}

// A chosen event is one with a rule that nothing later has superseded.
type chosen struct {
	*event
	rule
	what   string
	place  int // among all events
	byTime bool
}

// choose picks, in the order of the log, what ends something and the last word on everything else. Who
// disabled a key and enabled it again wants it enabled, as it was in the backup.
//
// When an identity is deleted all that was said before about what had its name is done: the next words are
// about another.
func choose(events []*event) (out []chosen) {
	words := map[string][]chosen{} // by what they are about
	shared := map[string]bool{}
	lives := map[string]int{}
	for i, e := range events {
		r, known := ruleOf(e)
		if !known || e.ReadOnly || e.Shared != "" && shared[e.Shared] { // the copy of a record for another account
			continue
		}
		shared[e.Shared] = true
		c := chosen{event: e, rule: r, what: r.about(e), place: i}
		if r.effect == ends {
			lives[c.what]++
			out = append(out, c)
			continue
		}
		life := strings.Repeat("\x00", lives[whom(e)]) + c.what
		words[life] = append(words[life], c)
	}
	for _, all := range words {
		out = append(out, lastWord(all))
	}
	slices.SortFunc(out, func(a, b chosen) int { return cmp.Compare(a.place, b.place) })
	return out
}

// tally counts what no rule is about.
func (f *Findings) tally(events []*event) {
	f.Other = map[string]int{}
	for _, e := range events {
		if _, known := ruleOf(e); !known && !e.ReadOnly && !e.early && e.Name != "RestoreStore" && e.Name != "BackupStore" {
			f.Other[e.Name]++
		}
	}
}

func byUses(a, b LostKey) int { return cmp.Or(cmp.Compare(b.Uses, a.Uses), cmp.Compare(a.ARN, b.ARN)) }
