package front

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An answer is the http.ResponseWriter of one request after the other. It keeps what is written until the handler has returned,
// and sends it with one write: how long it is, is always known, and said. So there is no Flush, no Hijack and no
// informational answer; nothing that the service serves over a connection of this package has use for one.
type answer struct {
	header http.Header
	status int // 0: not said yet
	out    *output

	close, dated, typed bool // what the header said when the status was
}

// begin makes ready for the next request.
func (a *answer) begin() {
	if a.header == nil {
		a.header = make(http.Header, 8)
	}
	clear(a.header)
	a.status, a.close = 0, false
	a.out = outputs.Get().(*output)
}

// end wipes what is left of the answer.
func (a *answer) end() {
	if a.out != nil {
		a.out.release()
		a.out = nil
	}
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter. What the header says then is what is sent.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	a.status = status
	a.close = a.header.Get("Connection") == "close"
	a.dated = len(a.header["Date"]) > 0
	a.typed = len(a.header["Content-Type"]) > 0 || len(a.header["Content-Encoding"]) > 0
	h := append(a.out.head[:0], "HTTP/1.1 "...)
	h = strconv.AppendInt(h, int64(status), 10)
	h = append(append(h, ' '), reason(status)...)
	a.out.head = a.appendFields(append(h, "\r\n"...))
}

func reason(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "status code " + strconv.Itoa(status) // as net/http has it
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !bodyAllowed(a.status) {
		return 0, http.ErrBodyNotAllowed
	}
	a.out.write(p)
	return len(p), nil
}

// bodyAllowed is RFC 9110 §6.4.1.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// finish returns the answer as it is sent, good until end. The last of its connection says so.
func (a *answer) finish(now time.Time, last bool) []byte {
	a.WriteHeader(http.StatusOK)
	body := a.out.body[room:]
	h := a.out.head
	if !a.dated {
		h = append(appendDate(append(h, "Date: "...), now), "\r\n"...)
	}
	if bodyAllowed(a.status) {
		h = strconv.AppendInt(append(h, "Content-Length: "...), int64(len(body)), 10)
		h = append(h, "\r\n"...)
		if !a.typed && len(body) > 0 {
			h = append(append(append(h, "Content-Type: "...), http.DetectContentType(body)...), "\r\n"...)
		}
	}
	if last && !a.close {
		h = append(h, "Connection: close\r\n"...)
		a.close = true
	}
	h = append(h, "\r\n"...)
	a.out.head = h
	if len(h) > room { // of nothing of ours
		a.out.head = append(h, body...)
		return a.out.head
	}
	return a.out.body[room-copy(a.out.body[room-len(h):room], h):]
}

// appendFields appends what the handler has said, in the order of names, but for what is known better here.
func (a *answer) appendFields(h []byte) []byte {
	var few [16]string
	names := few[:0]
	for name := range a.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !a.says(name) {
			continue
		}
		for _, value := range a.header[name] {
			h = append(append(h, name...), ": "...)
			h = append(appendValue(h, value), "\r\n"...)
		}
	}
	return h
}

// says reports whether the field with this name is sent as the handler has it. The length of what is sent is what was written:
// a handler that is wrong about it would have the client take the rest for the next answer.
func (a *answer) says(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Trailer":
		return false
	case "Content-Type":
		return a.status != http.StatusNotModified
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return name != ""
}

// appendValue appends a value that cannot end the field (response splitting, CWE-113).
func appendValue(h []byte, value string) []byte {
	if strings.IndexByte(value, '\r') >= 0 || strings.IndexByte(value, '\n') >= 0 {
		value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	}
	return append(h, strings.Trim(value, " \t")...)
}
