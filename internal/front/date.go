package front

import (
	"net/http"
	"sync/atomic"
	"time"
)

// A date is the value of a Date field (RFC 9110 §6.6.1), which changes once a second.
type date struct {
	second int64
	text   string
}

var lastDate atomic.Pointer[date]

func appendDate(dst []byte, now time.Time) []byte {
	d := lastDate.Load()
	if d == nil || d.second != now.Unix() {
		d = &date{now.Unix(), now.UTC().Format(http.TimeFormat)}
		lastDate.Store(d)
	}
	return append(dst, d.text...)
}
