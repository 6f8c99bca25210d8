package coherence

import (
	"encoding/json"
	"fmt"
	"time"
)

// Info is what a node says of itself to people, and to whoever asks whether nodes agree. Nothing depends
// on it.
type Info struct {
	Host    string        // the name of its machine
	Version string        // of the program
	Bound   time.Duration // its staleness bound, which should be that of all; 0: not said
	Log     string        // the name of its audit log, which no other's should have
}

// info is Info as JSON: a time is text, for whoever reads the table.
type info struct {
	Host    string `json:"host,omitempty"`
	Version string `json:"version,omitempty"`
	Bound   string `json:"bound,omitempty"`
	Log     string `json:"log,omitempty"`
}

// String is Info as Config.Info wants it.
func (i Info) String() string {
	text := info{Host: i.Host, Version: i.Version, Log: i.Log}
	if i.Bound > 0 {
		text.Bound = i.Bound.String()
	}
	b, _ := json.Marshal(text) // of strings
	return string(b)
}

// ParseInfo reads what String wrote, here or in another version: fields it does not know are passed over.
func ParseInfo(s string) (Info, error) {
	var text info
	if err := json.Unmarshal([]byte(s), &text); err != nil {
		return Info{}, fmt.Errorf("coherence: what a node says of itself: %w", err)
	}
	i := Info{Host: text.Host, Version: text.Version, Log: text.Log}
	if text.Bound == "" {
		return i, nil
	}
	bound, err := time.ParseDuration(text.Bound)
	if err != nil || bound <= 0 {
		return Info{}, fmt.Errorf("coherence: what a node says of itself: a staleness bound of %q", text.Bound)
	}
	i.Bound = bound
	return i, nil
}
