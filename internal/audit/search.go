package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"time"
)

// A Search looks through a log from its end to its beginning for the records of one account. Its work is bounded: a log
// of many GB is searched in as many goes as it takes.
type Search struct {
	Query
	Account string // whose records: those with this recipientAccountId
	From    uint64 // none with a lower number
	Quiet   bool   // leave out what the API of the console read, and was not refused

	Most  int   // records in one go
	Text  int64 // bytes of them, of which there is one at least
	Bytes int64 // that one go looks at
}

// Found is what one go of a Search came to.
type Found struct {
	Lines  [][]byte  // newest first, as they stand in the log
	Next   Position  // where to go on
	More   bool      // there may be records before Next
	Looked uint64    // records looked at, of every account
	Oldest time.Time // of the oldest of them
	Newest uint64    // the greatest number among them
}

// slack is by how much times in a log are taken to be out of order: a record has the time of its request, and one that
// there was no room for is written later.
const slack = time.Hour

// Back looks at the records before a place of the log in dir, while it may be written to.
func (s Search) Back(dir string, before Position) (Found, error) {
	f := Found{Next: before}
	seen, text := int64(0), int64(0)
	since, until := s.edge(s.Since, -slack), s.edge(s.Until, slack)
	err := back(dir, before, func(seg segmentFile) bool { return until != "" && firstTime(seg.path) >= until }, func(line []byte, at Position) bool {
		seq, is := seqOf(line)
		if len(f.Lines) >= s.Most || seen >= s.Bytes || text >= s.Text {
			f.More = true
			return false
		}
		f.Next, seen = at, seen+int64(len(line))
		if !is {
			return true // damage is for Verify to find
		}
		if stamp := timeIn(line); seq < s.From || stamp != "" && stamp < since {
			return false
		} else if t, err := time.Parse(timeLayout, stamp); err == nil {
			f.Oldest = t
		}
		f.Looked, f.Newest = f.Looked+1, max(f.Newest, seq)
		if s.chooses(line) {
			f.Lines, text = append(f.Lines, bytes.Clone(line)), text+int64(len(line))
		}
		return true
	})
	return f, err
}

// edge is a time of a query, which may be the beginning of one, moved by d; "" of none.
func (s Search) edge(stamp string, d time.Duration) string {
	const rest = "0000-01-01T00:00:00Z"
	if stamp == "" || len(stamp) > len(rest) {
		return ""
	}
	t, err := time.Parse(timeLayout, stamp+rest[len(stamp):])
	if err != nil {
		return ""
	}
	return t.Add(d).Format(timeLayout)
}

// chooses is Match for the account. The quick looks decide for nothing: a request may have members of these names.
func (s Search) chooses(line []byte) bool {
	event := appendString(nil, s.Event)
	if !bytes.Contains(line, []byte(`"recipientAccountId":"`+s.Account+`"`)) || !bytes.Contains(line, event[1:len(event)-1]) {
		return false
	}
	var rec struct {
		EventSource, ErrorCode, RecipientAccountID string
		ReadOnly                                   bool
	}
	if json.Unmarshal(line, &rec) != nil || rec.RecipientAccountID != s.Account {
		return false
	}
	if s.Quiet && rec.EventSource == SourceOversight && rec.ReadOnly && rec.ErrorCode == "" {
		return false
	}
	return s.Match(line)
}

var eventTimeMember = []byte(`"eventTime":"`)

// timeIn is the time of a record. Who sent a request has a say in what stands before it, and none in a quote there.
func timeIn(line []byte) string {
	_, after, _ := bytes.Cut(line, eventTimeMember)
	stamp, _, _ := bytes.Cut(after[:min(len(after), len(timeLayout)+1)], []byte(`"`))
	return string(stamp)
}

// firstTime is the time of the first record of a segment; "" when it cannot be read.
func firstTime(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, 16<<10) // userIdentity, which stands before, is shorter
	n, _ := f.ReadAt(b, 0)
	line, _, _ := bytes.Cut(b[:n], []byte{'\n'})
	return timeIn(line)
}
