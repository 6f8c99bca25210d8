package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Report is what Verify found.
type Report struct {
	Records     uint64     // read
	Checkpoints int        // whose signature holds
	Newest      Checkpoint // the last of them; Size 0 when there is none
	Unsigned    uint64     // records after the newest checkpoint: whole, and not proven by anything yet
	Retired     uint64     // records from 0 up to this one were removed by the service, as the newest checkpoint says
	Unread      uint64     // records from 0 up to this one were moved away: their hashes lead to what was signed, their lines were not read
	Last        Entry      // the newest record
	Problems    []Problem  // in the order of the log; none: every record read is the one that was signed
}

// A Problem is one thing that is not as it was written.
type Problem struct {
	What        Change
	First, Last uint64 // the numbers of the records concerned
	Segment     string // the file; empty when it is about none
	Line        int    // in the file, from 1: where the first of them is, or should be
	Detail      string
}

// A Change is what happened to a place in the log.
type Change string

const (
	Altered    Change = "altered"     // the line is not the one that was signed
	Missing    Change = "missing"     // no line has this number
	Moved      Change = "moved"       // the line is a record's, and not at its place
	Added      Change = "added"       // the line is no record of the log
	Truncated  Change = "truncated"   // the log ends before a checkpoint that was kept elsewhere
	Rewritten  Change = "rewritten"   // the log is not the one that a checkpoint kept elsewhere is of
	BadHashes  Change = "hashes"      // a file of hashes does not lead to what was signed
	BadHistory Change = "checkpoints" // the file of checkpoints is not as it was written
	Unreadable Change = "unreadable"  // a file could not be read
)

// said is what each change is in a sentence about records.
var said = map[Change]string{
	Altered: "altered", Missing: "missing", Moved: "out of place", Truncated: "cut off", BadHashes: "without their hashes",
}

func (p Problem) String() string {
	text := "the log is not the one of the checkpoint"
	switch verb, is := said[p.What]; {
	case is && p.First == p.Last:
		text = fmt.Sprintf("record %d is %s", p.First, verb)
	case is:
		text = fmt.Sprintf("records %d to %d are %s", p.First, p.Last, verb)
	case p.What == Added:
		text = "a line that is no record"
	case p.What == BadHistory:
		text = "checkpoint is not as it was written"
	case p.What == Unreadable:
		text = "cannot be read"
	}
	if p.Segment != "" {
		text = fmt.Sprintf("%s line %d: %s", p.Segment, p.Line, text)
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return text
}

// found adds a problem, or makes the one before longer when it goes on in the next record.
func (r *Report) found(p Problem) {
	if n := len(r.Problems); n > 0 {
		last := &r.Problems[n-1]
		if last.What == p.What && last.Segment == p.Segment && last.Last+1 == p.First && last.Detail == p.Detail {
			last.Last = p.Last
			return
		}
	}
	r.Problems = append(r.Problems, p)
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Line, b.Line))
	})
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
