package oversight

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

// What one LookupEvents is worth at most. A go of 16 MiB takes some hundredths of a second, a busy hour is some GiB.
const (
	mostEvents   = 50
	eventsText   = 1 << 20
	eventsLooked = 16 << 20
)

type lookupEventsIn struct {
	Event     string `is:"eventFilter"` // an operation's name, or the id of one event
	Key       string `is:"eventFilter"` // as audit.Query has it, like the rest
	Principal string `is:"eventFilter"`
	Error     string `is:"eventFilter"`
	Since     string `is:"moment"`
	Until     string `is:"moment"`

	// HideConsoleReads leaves out what this API was asked and answered, this operation included: who watches the log
	// makes records by watching.
	HideConsoleReads bool

	From     int    `is:"sequence"` // only records from this number on: one more than Newest was, for what came since
	MaxItems int    `is:"eventCount"`
	Marker   string `is:"marker"`
}

// EventsFound are records of the caller's account, newest first.
type EventsFound struct {
	Events []Event

	// Log names the log that was looked at: nodes that share a store have one each. Shared: there may be others.
	Log    string
	Shared bool

	// LookedBackTo is how far, and Marker goes on from there; "" when there is nothing before.
	LookedBackTo time.Time
	Marker       string `json:",omitempty"`

	// Newest is the greatest number among the records looked at.
	Newest uint64
}

// An Event is a record, and what stands out of it.
type Event struct {
	Sequence     uint64
	EventId      string
	EventTime    time.Time
	EventName    string
	EventSource  string
	Principal    string // its ARN, or what there is of it
	AccessKeyId  string
	SourceIP     string
	ErrorCode    string
	ErrorMessage string
	Resources    []string // ARNs
	Record       string   // JSON, as it stands in the log
}

// lookupEvents finds audit records of the caller's account in the log of the node that is asked. A copy that the account
// got as owner of a key that others use is its own.
func (d *Deps) lookupEvents() query.Row {
	return &query.Op[lookupEventsIn, EventsFound]{
		Name: "LookupEvents",
		Check: func(c *query.Call, _ *lookupEventsIn) error {
			if c.Caller.Account == "" {
				return fault.LookupOfService()
			}
			return nil
		},
		Needs: needs[lookupEventsIn]("LookupEvents"),
		Run: inTurn(d.Turns, func(_ context.Context, c *query.Call, in *lookupEventsIn) (*EventsFound, *record.Change, error) {
			out, err := d.events(c, in)
			return out, nil, err
		}),
		ReadOnly: true,
	}
}

func (d *Deps) events(c *query.Call, in *lookupEventsIn) (*EventsFound, error) {
	q := audit.Query{Event: in.Event, Key: in.Key, Principal: in.Principal, Error: in.Error, Since: in.Since, Until: in.Until}
	page, err := c.Page("LookupEvents", fmt.Sprintf("%q %t", q, in.HideConsoleReads), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &EventsFound{Log: d.Audit.Name(), Shared: d.Shared, Events: []Event{}}
	before, err := placeIn(page.After, out.Log)
	if err != nil {
		return nil, err
	}
	found, err := audit.Search{
		Query: q, Account: c.Caller.Account, From: uint64(in.From), Quiet: in.HideConsoleReads,
		Most: min(page.Items, mostEvents), Text: eventsText, Bytes: eventsLooked,
	}.Back(d.Audit.Dir(), before)
	if err != nil {
		return nil, err
	}
	for _, line := range found.Lines {
		out.Events = append(out.Events, eventOf(line))
	}
	out.LookedBackTo, out.Newest = found.Oldest, found.Newest
	if found.More {
		out.Marker = page.Marker(fmt.Sprintf("%d %d %s", found.Next.Segment, found.Next.Offset, out.Log))
	}
	return out, nil
}

// placeIn reads the place in a marker, which this service has sealed.
func placeIn(marker, log string) (audit.Position, error) {
	if marker == "" {
		return audit.End, nil
	}
	var p audit.Position
	var of string
	if _, err := fmt.Sscanf(marker, "%d %d %s", &p.Segment, &p.Offset, &of); err != nil {
		return p, err
	}
	if of != log {
		return p, fault.OtherLog()
	}
	return p, nil
}

// eventOf is a line for people. A line of a log is JSON.
func eventOf(line []byte) Event {
	var rec struct {
		Seq                                                                       uint64
		EventID, EventName, EventSource, ErrorCode, ErrorMessage, SourceIPAddress string
		EventTime                                                                 time.Time
		UserIdentity                                                              struct{ Type, ARN, PrincipalID, AccountID, AccessKeyID, InvokedBy string }
		Resources                                                                 []struct{ ARN string }
	}
	_ = json.Unmarshal(line, &rec)
	who := rec.UserIdentity
	e := Event{
		Sequence: rec.Seq, EventId: rec.EventID, EventTime: rec.EventTime, EventName: rec.EventName, EventSource: rec.EventSource,
		AccessKeyId: who.AccessKeyID, SourceIP: rec.SourceIPAddress, ErrorCode: rec.ErrorCode, ErrorMessage: rec.ErrorMessage, Record: string(line),
	}
	for _, text := range []string{who.ARN, who.InvokedBy, who.PrincipalID, who.AccountID, who.Type} {
		if e.Principal == "" {
			e.Principal = text
		}
	}
	for _, r := range rec.Resources {
		e.Resources = append(e.Resources, r.ARN)
	}
	return e
}
