package query

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"qkms/internal/fault"
)

const (
	// maxBody is in bytes: a policy of 131,072 characters, the most the model allows, may need six for
	// each of them.
	maxBody = 1 << 20
	// maxParameters is far more than any operation has, and keeps a body of ampersands from costing more
	// memory than it has bytes.
	maxParameters = 1000
)

// Asked reports whether hr speaks this protocol: a form, or a query in the address, as what is presigned
// has it.
func Asked(hr *http.Request) bool {
	path, _, _ := strings.Cut(hr.RequestURI, "?")
	if path != "/" || len(hr.Header["X-Amz-Target"]) > 0 {
		return false
	}
	media, _, _ := strings.Cut(hr.Header.Get("Content-Type"), ";")
	form := strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded")
	return hr.Method == http.MethodPost && form || hr.Method == http.MethodGet && strings.Contains(hr.URL.RawQuery, "Action=")
}

// A Message is one request as it arrived.
type Message struct {
	Service *Service // that the version names; nil if none
	Row     Row      // the operation; nil if there is none
	Form    url.Values
	Body    []byte // what was signed
}

// Operation is the name of the operation, or "".
func (m *Message) Operation() string {
	if m.Row == nil {
		return ""
	}
	return m.Row.Operation()
}

// Read reads a request to one of services. If it is refused the Message is still returned, with what is
// known so far.
func Read(w http.ResponseWriter, hr *http.Request, services []*Service) (*Message, error) {
	m := new(Message)
	var err error
	if m.Body, err = io.ReadAll(http.MaxBytesReader(w, hr.Body, maxBody)); err != nil {
		if _, over := errors.AsType[*http.MaxBytesError](err); over {
			return m, fault.BodyTooLarge(maxBody).Because(err)
		}
		if _, refused := errors.AsType[*fault.Error](err); refused { // by who counts large bodies
			return m, fault.RateExceeded()
		}
		return m, fault.MalformedForm("The request body could not be read to its end.").Because(err)
	}
	text := hr.URL.RawQuery
	if hr.Method == http.MethodPost {
		text = string(m.Body)
	}
	if m.Form, err = parse(text); err != nil {
		return m, err
	}
	return m, m.address(services)
}

// parse reads a form in which no name may occur twice: two readers would believe two different requests.
func parse(text string) (url.Values, error) {
	if strings.Count(text, "&") >= maxParameters {
		return nil, fault.MalformedForm("The request has too many parameters.")
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, fault.MalformedForm("The request is no form.").Because(err)
	}
	for name, values := range form {
		switch {
		case name == "Action" && len(values) > 1:
			return nil, fault.NoAction()
		case len(values) > 1:
			return nil, fault.MalformedForm("A parameter occurs more than once.")
		case !utf8.ValidString(name) || !utf8.ValidString(values[0]):
			return nil, fault.MalformedForm("A parameter is not UTF-8.")
		}
	}
	return form, nil
}

// address finds whom the request is for.
func (m *Message) address(services []*Service) error {
	action, version := m.Form.Get("Action"), m.Form.Get("Version")
	if action == "" {
		return fault.NoAction()
	}
	for _, s := range services {
		if s.Version == version {
			m.Service, m.Row = s, s.Row(action)
		}
	}
	if m.Row == nil {
		return fault.UnknownAction(action, version)
	}
	return nil
}
