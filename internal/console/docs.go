package console

import (
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"qkms/internal/op"
	"qkms/internal/reference"
)

// The API reference is for everybody: it says what the service does, and nothing of what it holds.

// A docsIndex is the front page.
type docsIndex struct {
	Endpoint   string
	Groups     []docsGroup
	Errors     []reference.Error
	Conditions []reference.Condition
}

// A docsGroup is operations about one thing.
type docsGroup struct {
	About      string
	Operations []*reference.Operation
}

func (v *visit) docsFront() error { return v.redirect("/docs/") }

func (v *visit) docsPage() error {
	index := docsIndex{Endpoint: v.endpoint(), Errors: reference.Everywhere(), Conditions: reference.Conditions()}
	for _, g := range reference.Groups {
		of := docsGroup{About: g.About}
		for _, name := range g.Operations {
			of.Operations = append(of.Operations, reference.Find(name))
		}
		index.Groups = append(index.Groups, of)
	}
	return v.page("docs", "API reference", index)
}

func (v *visit) docsChoices() error {
	return v.page("docs-choices", "Where AWS's behaviour is not known", struct {
		Choices []op.Choice
		Differs []*reference.Operation
	}{reference.Choices(), reference.Operations()})
}

func (v *visit) docsNowhere() error {
	return &Refusal{Status: http.StatusNotFound, Code: "NoSuchPage", Message: "There is no such page in the API reference. The list of operations is at /docs/."}
}

// prose is a sentence of ours with its marks: `code`, and names of operations, which become links. Names that are words as
// well (Sign, Verify) stay words.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
			continue
		}
		b.WriteString(operationName.ReplaceAllStringFunc(template.HTMLEscapeString(part), func(name string) string {
			if reference.Find(name) == nil {
				return name
			}
			return `<a href="/docs/` + name + `">` + name + `</a>`
		}))
	}
	return template.HTML(b.String()) //nolint:gosec // escaped piece by piece
}

var operationName = regexp.MustCompile(`\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b`)
