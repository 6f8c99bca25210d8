package wire

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"qkms/internal/fault"
	"qkms/internal/wire/shape"
)

const contentType = "application/x-amz-json-1.1"

// An Encoder is a response that can write itself; see package shape.
type Encoder = shape.Encoder

// Answer sends a success. out is nil, not a nil pointer, for operations without an output.
func Answer(w http.ResponseWriter, requestID string, out Encoder) {
	b := bufferOf(bufferSize)
	defer b.release()
	if out != nil {
		b.bytes = out.AppendJSON(b.bytes)
	}
	send(w, requestID, http.StatusOK, jsonMedia, b.bytes)
}

// Refuse sends err as the caller may see it: see Fault.
func Refuse(w http.ResponseWriter, requestID string, err error) {
	if stray, ok := errors.AsType[*strayError](err); ok {
		send(w, requestID, stray.status, xmlMedia, []byte(stray.xml))
		return
	}
	f := Fault(err)
	b := bufferOf(bufferSize)
	defer b.release()
	b.bytes = appendFault(b.bytes, f)
	send(w, requestID, f.Status(), jsonMedia, b.bytes)
}

// Fault is what the caller is told about err: the *fault.Error in its chain if there is one; that a
// dependency took too long if the request ran out of time; else an internal error without detail, with
// err as its cause for the operator.
func Fault(err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	// A canceled request is one whose client left. It reads no answer, and is no fault of ours.
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.StoreBusy().Because(err)
	}
	return fault.InternalError().Because(err)
}

// appendFault appends the error envelope (operations.md §1.4).
func appendFault(dst []byte, f *fault.Error) []byte {
	dst = append(dst, `{"__type":`...)
	dst = shape.AppendString(dst, string(f.Code))
	if f.Text != "" {
		member := `,"message":`
		if f.Code == fault.AccessDenied {
			member = `,"Message":` // the only exception spelled so [P]
		}
		dst = shape.AppendString(append(dst, member...), f.Text)
	}
	return append(dst, '}')
}

// Headers of every answer (operations.md §1.3 [R2]). They may hold keys, so no cache may keep them.
var (
	cacheControl = []string{"no-cache, no-store, must-revalidate, private"}
	expires      = []string{"0"}
	pragma       = []string{"no-cache"}

	jsonMedia = []string{contentType}
	xmlMedia  = []string{"application/xml"} // [U]
)

// counted is how long an answer may be, in bytes, for net/http to know its length before it sends the header, and to
// say it by itself.
const counted = 2000

func send(w http.ResponseWriter, requestID string, status int, media []string, body []byte) {
	h := w.Header()
	h["X-Amzn-Requestid"] = []string{requestID}
	h["Cache-Control"] = cacheControl
	h["Expires"] = expires
	h["Pragma"] = pragma
	h["Content-Type"] = media
	if n := len(body); n == 0 || n > counted {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; its request is done and recorded all the same
}
