package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Target is where records go.
type Target struct {
	Name string // as given, without query: what logs say, and what the cursor is found by
	to   sender
}

// A sender brings records to one place. One goroutine calls it.
type sender interface {
	// send returns nil once the receiver has taken all lines, in this order. After any error all of
	// them are sent again, so it may have taken some. errTooMuch asks for fewer, a busyError for time.
	send(ctx context.Context, lines [][]byte) error
	close() error
}

// errTooMuch is returned by a sender whose receiver wants less at a time.
var errTooMuch = errors.New("the receiver takes less at a time")

// A busyError is a failure whose receiver says when to come again.
type busyError struct {
	error
	wait time.Duration // 0: it does not say
}

// Kinds is what an operator can write, in words for a person.
const Kinds = "stdout:, file:///PATH, syslog:///dev/log, syslog+udp://HOST:PORT, syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, https://…, otlp+https://HOST/v1/logs"

// Parse understands the URL of a target, and reads the files that it names. Errors quote no query:
// a receiver's URL may have a token in it. A target "stdout:" writes to stdout.
func Parse(text string, stdout io.Writer) (*Target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("audit sink: not a URL: %w", errors.Unwrap(err)) // without the text
	}
	name := *u
	name.RawQuery, name.ForceQuery, name.Fragment, name.User = "", false, "", nil
	t := &Target{Name: name.String()}
	if u.User != nil {
		return nil, fmt.Errorf("audit sink %s: a user or password in the URL would be seen in the list of processes: token-file=FILE is where a token goes", t.Name)
	}
	if u.Fragment != "" {
		return nil, fmt.Errorf("audit sink %s: what follows # has no meaning here", t.Name)
	}
	o := &options{given: u.Query()}
	switch u.Scheme {
	case "stdout":
		t.to, err = newStdout(u, stdout)
	case "file":
		t.to, err = newFile(u, o)
	case "syslog", "syslog+udp", "syslog+tcp", "syslog+tls":
		t.to, err = newSyslog(u, o)
	case "https", "http":
		t.to, err = newWebhook(u, o)
	case "otlp+https", "otlp+http":
		t.to, err = newOTLP(u, o)
	default:
		err = fmt.Errorf("there is no such kind; there are %s", Kinds)
	}
	if err == nil {
		err = o.leftOver()
	}
	if err != nil {
		return nil, fmt.Errorf("audit sink %s: %w", t.Name, err)
	}
	return t, nil
}

// onlyPath refuses what a URL of a place on this machine cannot have.
func onlyPath(u *url.URL) error {
	if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return fmt.Errorf("write %s:///ABSOLUTE/PATH, with three slashes", u.Scheme)
	}
	return nil
}

// options are the parameters of a target's URL. The first error stays.
type options struct {
	given url.Values
	err   error
}

// take returns a parameter and removes it; empty: it is not given.
func (o *options) take(name string) string {
	v := o.given[name]
	delete(o.given, name)
	if len(v) > 1 {
		o.err = errors.Join(o.err, fmt.Errorf("%s is given twice", name))
	}
	return strings.Join(v, "")
}

// number takes a whole number from least to most; 0 digits: preset.
func (o *options) number(name string, preset, least, most int) int {
	text := o.take(name)
	if text == "" {
		return preset
	}
	n := 0
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || fmt.Sprint(n) != text || n < least || n > most {
		o.err = errors.Join(o.err, fmt.Errorf("%s is a number from %d to %d", name, least, most))
	}
	return n
}

// oneOf takes one of the choices; the first is the preset.
func (o *options) oneOf(name string, choices ...string) string {
	text := o.take(name)
	if text == "" {
		return choices[0]
	}
	if !slices.Contains(choices, text) {
		o.err = errors.Join(o.err, fmt.Errorf("%s is %s", name, strings.Join(choices, " or ")))
	}
	return text
}

// leftOver is the first error, or one about a parameter that means nothing: a mistyped one must not
// leave a webhook without its signature.
func (o *options) leftOver() error {
	for name := range o.given {
		o.err = errors.Join(o.err, fmt.Errorf("there is no parameter %q here", name))
	}
	return o.err
}
