package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"qkms/internal/authn/sigv4"
	"qkms/internal/oversight"
)

// A client sends requests to the pipeline, as any SDK would but for the network.
type client struct {
	api http.Handler
	now func() time.Time
}

// A Refusal is an answer that is none.
type Refusal struct {
	Status    int
	Code      string
	Message   string
	RequestID string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// status is that of a page which shows r: KMS has 400 for most, and browsers more words.
func (r *Refusal) status() int {
	switch r.Code {
	case "AccessDeniedException", "AccessDenied":
		return http.StatusForbidden
	case "NotFoundException", "NoSuchEntity":
		return http.StatusNotFound
	}
	return r.Status
}

// over reports whether the credentials are not good any more.
func (r *Refusal) over() bool {
	switch r.Code {
	case "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch":
		return true
	}
	return false
}

// An Exchange is a signed request and its answer, for those who want to see both.
type Exchange struct {
	Request *http.Request
	Sent    []byte
	Status  int
	Header  http.Header
	Got     []byte
}

// header is that of a request for an operation of KMS, before it is signed.
func header(operation string) http.Header {
	return http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService." + operation}}
}

// kms sends one operation of KMS with a body of JSON.
func (c client) kms(by *session, from *http.Request, operation string, body []byte) (*Exchange, error) {
	return c.send(by, from, "kms", header(operation), body)
}

// versions are those of the APIs that are asked by forms, by what requests to them are signed for.
var versions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15", oversight.Signing: oversight.Version}

// query sends one operation of another service.
func (c client) query(by *session, from *http.Request, service, action string, form url.Values) (*Exchange, error) {
	all := url.Values{"Action": {action}, "Version": {versions[service]}}
	for name, values := range form {
		all[name] = values
	}
	return c.send(by, from, service, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(all.Encode()))
}

// signed is a request, ready to be sent: by nobody, if by is nil. Its address and its TLS are those of from, for the audit record.
func (c client) signed(by *session, from *http.Request, service string, header http.Header, body []byte) (*http.Request, error) {
	hr, err := http.NewRequestWithContext(from.Context(), http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	hr.Header = header
	hr.Host, hr.RequestURI, hr.RemoteAddr, hr.TLS = from.Host, "/", from.RemoteAddr, from.TLS
	hr.Header.Set("User-Agent", "qkms-console "+strings.TrimSpace(from.UserAgent()))
	if by == nil {
		return hr, nil
	}
	sigv4.Credentials{AccessKeyID: by.AccessKeyID, Secret: by.Secret, Token: by.Token}.Sign(hr, body, by.Region, service, c.now())
	return hr, nil
}

// send signs a request and has it answered.
func (c client) send(by *session, from *http.Request, service string, header http.Header, body []byte) (*Exchange, error) {
	hr, err := c.signed(by, from, service, header, body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: http.StatusOK, header: http.Header{}}
	c.api.ServeHTTP(a, hr)
	return &Exchange{Request: hr, Sent: body, Status: a.status, Header: a.header, Got: a.body.Bytes()}, nil
}

// An answer is what the pipeline writes into.
type answer struct {
	status  int
	header  http.Header
	body    bytes.Buffer
	written bool
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if !a.written {
		a.status, a.written = status, true
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.written = true
	return a.body.Write(b)
}

// Refusal is what the answer says is wrong; nil of a success.
func (e *Exchange) Refusal() *Refusal {
	if e.Status == http.StatusOK {
		return nil
	}
	var said struct {
		Type    string `json:"__type" xml:"Error>Code"`
		Message string `json:"message" xml:"Error>Message"` // KMS writes "Message" sometimes; encoding/json does not mind
	}
	if strings.Contains(e.Header.Get("Content-Type"), "json") {
		_ = json.Unmarshal(e.Got, &said) // what cannot be read says nothing
	} else {
		_ = xml.Unmarshal(e.Got, &said)
	}
	return &Refusal{
		Status: e.Status, Code: cmp.Or(said.Type, "UnknownError"),
		Message:   cmp.Or(said.Message, fmt.Sprintf("The service answered %d without saying why.", e.Status)),
		RequestID: e.Header.Get("X-Amzn-Requestid"),
	}
}

// read takes the answer into out, JSON or XML as it came; its error is a *Refusal when it is one.
func (e *Exchange) read(out any) error {
	if r := e.Refusal(); r != nil {
		return r
	}
	if out == nil || len(e.Got) == 0 {
		return nil
	}
	if strings.Contains(e.Header.Get("Content-Type"), "json") {
		return json.Unmarshal(e.Got, out)
	}
	return xml.Unmarshal(e.Got, out)
}

// refusalOf is err when the pipeline refused, and nil when it is another error, or none.
func refusalOf(err error) *Refusal {
	r, _ := errors.AsType[*Refusal](err)
	return r
}
