package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"qkms/internal/reference"
	"qkms/internal/snippet"
)

// A tryPage is one operation to try out: the form, and once it was sent, what went over the wire.
type tryPage struct {
	*reference.Operation
	Fields []*field
	Raw    string // JSON instead of the fields
	Wrong  string // why it was not sent
	Asks   bool   // it takes something away: whoever sent it is asked first
	Body   string // the request as JSON, to be sent after that
	Keys   []suggestion
	Sent   *sent
	Code   []code
	Inner  string // Host behind a proxy that sends another than people type, as clients must not have it; "": there is none
}

// A suggestion is a name to type in where a key is wanted.
type suggestion struct{ Value, Label string }

// A code is the same call in the words of a client.
type code struct{ ID, Name, Text string }

func (v *visit) tryIndex() error {
	return v.page("try-index", "Try it out", reference.Operations())
}

// tryForm shows the form, filled with what the address brings: members by name, or a whole request as "raw".
func (v *visit) tryForm() error {
	p, err := v.tryPage()
	if err != nil {
		return err
	}
	q := v.hr.URL.Query()
	if raw := q.Get("raw"); raw != "" {
		p.take(raw)
	} else {
		_, _ = read(p.Fields, q)
	}
	p.Keys = v.suggestions()
	return v.page("try", p.Name, p)
}

func (v *visit) tryPage() (*tryPage, error) {
	op := reference.Find(v.hr.PathValue("operation"))
	if op == nil {
		return nil, &Refusal{Status: http.StatusNotFound, Code: "NoSuchOperation", Message: "AWS KMS has no such operation."}
	}
	return &tryPage{Operation: op, Fields: fieldsOf(op.Input, ""), Inner: v.renamed(v.hr)}, nil
}

// take fills the form with a request in JSON.
func (p *tryPage) take(raw string) (body map[string]any) {
	v, err := decode(raw)
	body, ok := v.(map[string]any)
	if err != nil || !ok {
		if p.Wrong = "The request is not a JSON object."; !takesPasswords(p.Input) {
			p.Raw = raw
		}
		return nil
	}
	if !fill(p.Fields, body) {
		if p.Raw = raw; takesPasswords(p.Input) {
			p.Raw = indented(masked(p.Input, body, isPassword))
		}
	}
	return body
}

// isPassword reports whether m is a secret that is typed, and is typed again rather than sent back to the browser.
func isPassword(m *reference.Member) bool { return m.Sensitive && m.Type == "string" }

// takesPasswords reports whether one may be among members.
func takesPasswords(members []reference.Member) bool {
	return slices.ContainsFunc(members, func(m reference.Member) bool { return isPassword(&m) || takesPasswords(m.Members) })
}

// suggestions are some keys by their aliases, if the visitor may list them.
func (v *visit) suggestions() (all []suggestion) {
	var out struct {
		Aliases []struct{ AliasName, TargetKeyId string }
	}
	if v.kms("ListAliases", map[string]any{"Limit": 50}, &out) != nil {
		return nil
	}
	for _, a := range out.Aliases {
		if a.TargetKeyId != "" {
			all = append(all, suggestion{a.AliasName, a.TargetKeyId})
		}
	}
	return all
}

// tryNow sends the request, or only shows it. What takes something away is asked about first.
func (v *visit) tryNow() error {
	p, err := v.tryPage()
	if err != nil {
		return err
	}
	p.Keys = v.suggestions()
	form := v.hr.PostForm
	body, ok := map[string]any(nil), true
	if raw := strings.TrimSpace(form.Get("raw")); raw != "" {
		body = p.take(raw)
		ok = body != nil
	} else if body, ok = read(p.Fields, form); !ok {
		p.Wrong = "Some of what you typed cannot be sent: see below."
	}
	if !ok {
		v.show(http.StatusBadRequest, "try", p.Name, p)
		return nil
	}
	text, err := compact(body)
	if err != nil {
		return err
	}
	p.Code = p.codes(v, body)
	p.Body = string(text)
	switch {
	case form.Get("do") == "show":
		p.Sent, err = v.unsent(p.Operation, text)
	case p.Destructive && form.Get("sure") != "yes":
		p.Asks = true
	default:
		p.Sent, err = v.sendIt(p.Operation, text)
	}
	if err != nil {
		return err
	}
	return v.page("try", p.Name, p)
}

// compact is JSON in one line, as SDKs send it. What cannot be seen is sent by its number, which means the same: so what is
// shown is what was signed, byte for byte, and reads as it is.
func compact(body map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return []byte(numbered(strings.TrimSuffix(b.String(), "\n"))), err
}

// codes is the call in all languages. Passwords are left out of what will be copied and kept.
func (p *tryPage) codes(v *visit, body map[string]any) (all []code) {
	shown := masked(p.Input, body, isPassword)
	call := snippet.Call{Operation: p.Operation, Body: shown, Endpoint: v.endpoint(), Region: v.session.Region}
	for _, l := range snippet.Languages {
		all = append(all, code{l.Code, l.Name, l.Write(call)})
	}
	return all
}

// hidden stands for a value that is not shown.
const hidden = "(hidden)"

// masked is body without the values of members that hide says.
func masked(members []reference.Member, body map[string]any, hide func(*reference.Member) bool) map[string]any {
	out := map[string]any{}
	for name, v := range body {
		out[name] = v
		i := slices.IndexFunc(members, func(m reference.Member) bool { return m.Name == name })
		if i < 0 {
			continue
		}
		if inner, ok := v.(map[string]any); ok {
			out[name] = masked(members[i].Members, inner, hide)
		}
		if hide(&members[i]) {
			out[name] = hidden
		}
	}
	return out
}

// A sent is a request on the wire and its answer.
type sent struct {
	Request, Response string // as HTTP/1.1 writes them, without what is secret; Response is empty of one that was only shown
	WholeRequest      string // with it, where there is any
	WholeResponse     string
	Refusal           *Refusal
	RequestID         string
	Record            string   // the audit record it made
	NoRecord          *Refusal // why that is not shown
}

func sensitive(m *reference.Member) bool { return m.Sensitive }

// unsent signs a request and goes no further.
func (v *visit) unsent(op *reference.Operation, body []byte) (*sent, error) {
	hr, err := v.client.signed(v.session, v.hr, "kms", header(op.Name), body)
	if err != nil {
		return nil, err
	}
	s := new(sent)
	s.request(op, &Exchange{Request: hr, Sent: body})
	return s, nil
}

func (v *visit) sendIt(op *reference.Operation, body []byte) (*sent, error) {
	e, err := v.client.kms(v.session, v.hr, op.Name, body)
	if err != nil {
		return nil, err
	}
	refusal := e.Refusal()
	if refusal != nil && refusal.over() {
		return nil, refusal
	}
	s := &sent{Refusal: refusal, RequestID: e.Header.Get("X-Amzn-Requestid")}
	s.request(op, e)
	s.response(op, e)
	s.Record, s.NoRecord, err = v.recordOf(op.Name, s.RequestID)
	return s, err
}

// tokenHeader is not shown at once: whoever reads over a shoulder learns the rest of the signature's parts anyway.
const tokenHeader = "X-Amz-Security-Token"

func (s *sent) request(op *reference.Operation, e *Exchange) {
	head := func(token string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%s / HTTP/1.1\nHost: %s\nContent-Length: %d\n", e.Request.Method, e.Request.Host, len(e.Sent))
		writeHeader(&b, e.Request.Header, token)
		return b.String()
	}
	s.WholeRequest = head("") + "\n" + string(e.Sent)
	s.Request = head(hidden) + "\n" + hide(op.Input, e.Sent)
}

func (s *sent) response(op *reference.Operation, e *Exchange) {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\n", e.Status, http.StatusText(e.Status))
	writeHeader(&b, e.Header, "")
	whole, shown := indented(string(e.Got)), hide(op.Output, e.Got)
	s.Response = b.String() + "\n" + indented(shown)
	if shown != string(e.Got) {
		s.WholeResponse = b.String() + "\n" + whole
	}
}

func writeHeader(b *strings.Builder, h http.Header, token string) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := strings.Join(h[name], ", ")
		if name == tokenHeader && token != "" {
			value = token
		}
		fmt.Fprintf(b, "%s: %s\n", name, value)
	}
}

// hide is JSON without its sensitive members; JSON that has none, as it is.
func hide(members []reference.Member, text []byte) string {
	v, err := decode(string(text))
	body, ok := v.(map[string]any)
	if err != nil || !ok {
		return string(text)
	}
	out := masked(members, body, sensitive)
	shown, err := compact(out)
	whole, failed := compact(body)
	if err != nil || failed != nil || bytes.Equal(shown, whole) {
		return string(text)
	}
	return string(shown)
}
