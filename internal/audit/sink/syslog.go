package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A syslog sends each record as one message of RFC 5424: docs/formats/audit-sink.md §3.
type syslog struct {
	line
	host string
	most int // bytes of a message
}

// The priority of a message (RFC 5424 §6.2.1): facility 13, log audit.
const (
	infoPriority   = 13*8 + 6
	noticePriority = 13*8 + 5 // of what was refused or failed
)

func newSyslog(u *url.URL, o *options) (sender, error) {
	host, _ := os.Hostname()
	s := &syslog{host: printable(host, 255), most: o.number("max", 8192, 2048, 60<<10)}
	var err error
	if u.Scheme == "syslog" {
		err = onlyPath(u)
		s.line.dial = dialLocal(u.Path)
		return s, err
	}
	if u.Path != "" && u.Path != "/" {
		return nil, errors.New("a path means nothing to it: write HOST or HOST:PORT")
	}
	s.line.dial, err = dialRemote(u, o)
	return s, err
}

func (s *syslog) send(ctx context.Context, lines [][]byte) error {
	for _, ln := range lines {
		err := s.write(ctx, s.message(ln, s.most))
		if errors.Is(err, syscall.EMSGSIZE) { // the kernel's limit for datagrams is lower than ours
			err = s.write(ctx, s.message(ln, 0))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// message renders a record. One that is too long is replaced by its frame: half of a JSON object is none,
// and the rest is in the log under its eventID.
func (s *syslog) message(line []byte, most int) []byte {
	ev := parse(line)
	priority := infoPriority
	if ev.ErrorCode != "" {
		priority = noticePriority
	}
	head := fmt.Sprintf("<%d>1 %s %s qkms %d %s - ", priority, printable(ev.EventTime, 32), s.host, os.Getpid(), printable(ev.EventName, 32))
	if len(head)+len(line) > most {
		line = ev.frame(len(line))
	}
	return append([]byte(head), line...)
}

// frame is the record without what can be long.
func (e event) frame(size int) []byte {
	b, _ := json.Marshal(struct {
		Seq                uint64 `json:"seq"`
		EventTime          string `json:"eventTime"`
		EventName          string `json:"eventName"`
		ErrorCode          string `json:"errorCode,omitempty"`
		EventID            string `json:"eventID"`
		RecipientAccountID string `json:"recipientAccountId,omitempty"`
		Omitted            string `json:"omitted"`
	}{e.Seq, e.EventTime, printable(e.EventName, 128), printable(e.ErrorCode, 128), e.EventID, e.RecipientAccountID, strconv.Itoa(size) + " bytes"})
	return b
}

// printable is s as a field of a header (RFC 5424 §6): ASCII without spaces, cut to most bytes; "-" if
// there is nothing.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}
