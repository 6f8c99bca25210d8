package sink

import "encoding/json"

// An event is what of a record goes beside it.
type event struct {
	Seq                                                          uint64
	EventTime, EventName, EventID, ErrorCode, RecipientAccountID string
}

// parse reads a record; what is none gives the zero event.
func parse(line []byte) event {
	var e event
	_ = json.Unmarshal(line, &e)
	return e
}
