// Package fault holds errors as the caller of the service sees them.
//
// Everything that reaches a client is an *Error made by a function of this package; whatever else comes
// out of the program is an operator's business and reaches the client as KMSInternalException with
// no detail. Start with New and text.go: the fixed sentences are there, and by subject in the files beside it.
package fault

import "fmt"

// Code is an exception name of the API model, or one of the protocol's own (access.md §1.6). It is
// what goes on the wire as "__type".
type Code string

// An Error is a failure as the caller sees it. Code and Text go on the wire and into the audit
// record. The cause goes to the operator's log and nowhere else.
type Error struct {
	Code Code
	Text string // empty: the wire body has no message member at all (operations.md §1.4)

	cause  error
	denial Denial
}

// New returns an Error whose text is formatted like fmt.Sprintf. Never pass plaintext, key bytes,
// tokens or signatures: a value is safe to quote when the caller could have logged it.
func New(code Code, format string, args ...any) *Error {
	if len(args) == 0 {
		return &Error{Code: code, Text: format}
	}
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Bare returns an Error without a message member.
func Bare(code Code) *Error { return &Error{Code: code} }

// Because returns a copy of e that carries cause for the operator's log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

func (e *Error) Error() string {
	if e.Text == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Text
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.cause }

// Status is the HTTP status of the answer: 500 for the three faults of the model, 413 for a body over
// the limit, 404 for what is no request of this API, and 400 for every mistake of the caller;
// NotFound and AccessDenied are no exceptions (operations.md §1.4 [R]).
func (e *Error) Status() int {
	switch e.Code {
	case DependencyTimeout, Internal, KeyUnavailable:
		return 500
	case RequestTooLarge:
		return 413
	}
	return 400
}
