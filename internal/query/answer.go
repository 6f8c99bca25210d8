package query

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"time"

	"qkms/internal/fault"
	"qkms/internal/wire"
)

// A List is written with its element even when it is empty: clients take a missing one for a broken answer.
type List[T any] struct {
	Member []T `xml:"member"`
}

// ListOf returns a List of members.
func ListOf[T any](members []T) List[T] { return List[T]{members} }

// A Time is written in UTC to the second; the zero Time is left out.
type Time struct{ time.Time }

// At is the Time of milliseconds since 1970; 0 is the zero Time.
func At(millis int64) Time {
	if millis == 0 {
		return Time{}
	}
	return Time{time.UnixMilli(millis)}
}

// MarshalXML implements xml.Marshaler.
func (t Time) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if t.IsZero() {
		return nil
	}
	return e.EncodeElement(t.UTC().Format("2006-01-02T15:04:05Z"), start)
}

// An answer is <NameResponse><NameResult>…</NameResult><ResponseMetadata>…, without a result where the
// operation has none.
type answer struct {
	message   *Message
	out       any
	requestID string
}

func (a answer) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	name := a.message.Operation()
	root := xml.StartElement{Name: xml.Name{Space: a.message.Service.Namespace, Local: name + "Response"}}
	metadata := struct {
		RequestID string `xml:"RequestId"`
	}{a.requestID}
	err := e.EncodeToken(root)
	if a.out != nil {
		err = errors.Join(err, e.EncodeElement(a.out, xml.StartElement{Name: xml.Name{Local: name + "Result"}}))
	}
	return errors.Join(err,
		e.EncodeElement(metadata, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}),
		e.EncodeToken(root.End()))
}

// Answer sends a success: out is what Request.Run returned.
func Answer(w http.ResponseWriter, requestID string, m *Message, out any) {
	if m.Service.JSON {
		sendJSON(w, requestID, out)
		return
	}
	send(w, requestID, http.StatusOK, answer{m, out, requestID})
}

type refusal struct {
	XMLName   xml.Name
	Type      string `xml:"Error>Type"`
	Code      string `xml:"Error>Code"`
	Message   string `xml:"Error>Message"`
	RequestID string `xml:"RequestId"`
}

// Refuse sends err as the caller may see it, in the XML of whichever service was asked, or else of the last.
func Refuse(w http.ResponseWriter, requestID string, m *Message, services []*Service, err error) {
	s := m.Service
	if s == nil {
		s = services[len(services)-1]
	}
	if s.JSON {
		wire.Refuse(w, requestID, err)
		return
	}
	f := wire.Fault(err)
	code, status := Code(f)
	kind, text := "Sender", f.Text
	if status >= 500 {
		kind = "Receiver"
	}
	if status == http.StatusInternalServerError {
		code, text = s.Failure, "The request processing has failed because of an unknown error, exception or failure."
	}
	send(w, requestID, status, refusal{
		XMLName: xml.Name{Space: s.Namespace, Local: "ErrorResponse"}, Type: kind, Code: code, Message: text, RequestID: requestID,
	})
}

// Code is what f is called in this protocol, with its HTTP status. What it has no name for is nothing that
// a caller could have caused: that has no code, and status 500.
func Code(f *fault.Error) (code string, status int) {
	c, known := codes[f.Code]
	if !known {
		return "", http.StatusInternalServerError
	}
	return c.code, c.status
}

// codes are the names and statuses that IAM and STS have for what KMS calls otherwise, or does not know
// (access.md §1.6, §2.4 [M]).
var codes = map[fault.Code]struct {
	code   string
	status int
}{
	fault.AccessDenied:        {"AccessDenied", 403},
	fault.DependencyTimeout:   {"ServiceUnavailable", 503},
	fault.ExpiredToken:        {"ExpiredToken", 403},
	fault.IncompleteSignature: {"IncompleteSignature", 400},
	fault.InvalidAction:       {"InvalidAction", 400},
	fault.InvalidSignature:    {"SignatureDoesNotMatch", 403},
	fault.LimitExceeded:       {"LimitExceeded", 409},
	fault.MalformedPolicy:     {"MalformedPolicyDocument", 400},
	fault.MissingToken:        {"MissingAuthenticationToken", 403},
	fault.RequestTooLarge:     {"RequestEntityTooLarge", 413},
	fault.Throttling:          {"Throttling", 400},
	fault.UnrecognizedClient:  {"InvalidClientTokenId", 403},
	fault.Validation:          {"ValidationError", 400},

	fault.DeleteConflict:      {"DeleteConflict", 409},
	fault.EntityExists:        {"EntityAlreadyExists", 409},
	fault.IDPCommunication:    {"IDPCommunicationError", 400},
	fault.IDPRejected:         {"IDPRejectedClaim", 403},
	fault.InvalidIdentity:     {"InvalidIdentityToken", 400},
	fault.InvalidInput:        {"InvalidInput", 400},
	fault.InvalidParameter:    {"InvalidParameterValue", 400},
	fault.MalformedInput:      {"MalformedInput", 400},
	fault.NoSuchEntity:        {"NoSuchEntity", 404},
	fault.PackedPolicy:        {"PackedPolicyTooLarge", 400},
	fault.TokenExpired:        {"ExpiredTokenException", 400},
	fault.UnmodifiableEntity:  {"UnmodifiableEntity", 400},
	fault.PolicyNotAttachable: {"PolicyNotAttachable", 400},
}

func send(w http.ResponseWriter, requestID string, status int, v any) {
	var b bytes.Buffer
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		panic("query: internal error: " + err.Error()) // of structs of texts, numbers and times
	}
	defer clear(b.Bytes()) // a secret access key may be in it
	write(w, requestID, status, "text/xml", b.Bytes())
}

func sendJSON(w http.ResponseWriter, requestID string, out any) {
	if out == nil {
		out = struct{}{}
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic("query: internal error: " + err.Error()) // as above
	}
	defer clear(body)
	write(w, requestID, http.StatusOK, "application/json", body)
}

func write(w http.ResponseWriter, requestID string, status int, media string, body []byte) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", requestID)
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate, private")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; its request is done and recorded all the same
}
