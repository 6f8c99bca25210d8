package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"qkms/internal/reference"
	"qkms/internal/snippet"
)

// A docsOperation is the page of one operation.
type docsOperation struct {
	*reference.Operation
	Request, Response []docsMember
	Shown             []docsExample
}

// A docsMember is a row: a member, or one inside of it.
type docsMember struct {
	ID   string   // of the row, to link to
	Path []string // Tags[]. and TagKey: a line may end between them
	Type string   // with its bounds
	reference.Member
}

// A docsExample is an example in the words of this deployment.
type docsExample struct {
	*reference.Example
	ID              string
	HTTP, Curl, CLI string
	Answer          string
}

func (v *visit) docsOperation() error {
	o := reference.Find(v.hr.PathValue("operation"))
	if o == nil {
		return v.docsNowhere()
	}
	page := docsOperation{Operation: o, Request: rows("request", "", o.Input), Response: rows("response", "", o.Output)}
	for i := range o.Examples {
		e, err := v.example(o, &o.Examples[i])
		if err != nil {
			return err
		}
		e.ID = fmt.Sprintf("example-%d", i+1)
		page.Shown = append(page.Shown, e)
	}
	return v.page("docs-operation", o.Name, page)
}

// rows are the rows of members, those of structures after them.
func rows(of, within string, members []reference.Member) (all []docsMember) {
	for _, m := range members {
		path := within + m.Name
		all = append(all, docsMember{of + "-" + strings.NewReplacer(".", "-", "[]", "").Replace(path), strings.SplitAfter(path, "."), typeOf(m), m})
		switch {
		case m.Type == "structure":
			all = append(all, rows(of, path+".", m.Members)...)
		case m.Type == "list" && m.Element.Type == "structure":
			all = append(all, rows(of, path+"[].", m.Element.Members)...)
		}
	}
	return all
}

// typeOf is the type of a member with its bounds, for people.
func typeOf(m reference.Member) string {
	switch m.Type {
	case "string":
		return "string" + bounds(m, "character")
	case "blob":
		return "base64" + bounds(m, "byte")
	case "integer":
		return "integer" + bounds(m, "")
	case "timestamp":
		return "timestamp (seconds since 1970)"
	case "list":
		of := typeOf(*m.Element)
		if m.Element.Type == "structure" {
			of = "structures"
		}
		return "list" + bounds(m, "item") + " of " + of
	case "map":
		return "map of " + typeOf(*m.Key) + " to " + typeOf(*m.Element)
	}
	return m.Type
}

func bounds(m reference.Member, unit string) string {
	plural := unit
	if unit != "" {
		plural = " " + unit + "s"
	}
	switch {
	case m.Max == 0:
		return ""
	case m.Min == m.Max:
		return fmt.Sprintf(", %d%s", m.Max, plural)
	case m.Min == 0:
		return fmt.Sprintf(", up to %d%s", m.Max, plural)
	}
	return fmt.Sprintf(", %d to %d%s", m.Min, m.Max, plural)
}

// Choices are the values of a member, or of what is in a list, that are valid.
func (m docsMember) Choices() []string {
	if m.Element != nil {
		return m.Element.Enum
	}
	return m.Enum
}

// Form is the pattern of a member, or of what is in a list.
func (m docsMember) Form() string {
	if m.Element != nil {
		return m.Element.Pattern
	}
	return m.Pattern
}

// example is e as somebody would send it to this deployment, and as this deployment answers it.
func (v *visit) example(o *reference.Operation, e *reference.Example) (docsExample, error) {
	sent := reference.In(v.Style, e.Sent)
	var body map[string]any
	d := json.NewDecoder(strings.NewReader(sent))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		return docsExample{}, fmt.Errorf("example of %s: %w", o.Name, err)
	}
	x := docsExample{
		Example: e,
		HTTP:    fmt.Sprintf("POST / HTTP/1.1\nHost: %s\nContent-Type: application/x-amz-json-1.1\nX-Amz-Target: %s\nX-Amz-Date: …\nAuthorization: AWS4-HMAC-SHA256 …\n\n%s", v.host(v.hr), "TrentService."+o.Name, sent),
		Curl:    v.curl(o.Name, sent),
		CLI:     snippet.CLI(snippet.Call{Operation: o, Body: body, Endpoint: v.endpoint(), Region: v.Region}),
		Answer:  answerOf(e.Status, reference.In(v.Style, e.Got)),
	}
	return x, nil
}

// answerOf is an answer as it comes over the wire.
func answerOf(status int, body string) string {
	text := fmt.Sprintf("HTTP/1.1 %d %s\nContent-Type: application/x-amz-json-1.1\n", status, http.StatusText(status))
	if body != "" {
		text += "\n" + body
	}
	return text
}

// curl is a request with the signer that curl has in it.
func (v *visit) curl(operation, body string) string {
	return strings.Join([]string{
		fmt.Sprintf("curl --aws-sigv4 %s --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"", snippet.Shell("aws:amz:"+v.Region+":kms")),
		"-H 'Content-Type: application/x-amz-json-1.1'",
		"-H 'X-Amz-Target: " + "TrentService." + operation + "'",
		"--data '" + strings.ReplaceAll(body, "'", `'\''`) + "'",
		snippet.Shell(v.endpoint() + "/"), // a name of a host may have $ and ; in it
	}, " \\\n    ")
}
