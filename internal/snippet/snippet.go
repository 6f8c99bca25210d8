// Package snippet writes a call of the API as clients spell it: the AWS CLI, boto3, Go and JavaScript.
//
// It is pure. What is written is complete but for credentials, which every one of them takes from the
// environment, and it is safe to paste: whatever a value holds, it is quoted for its language, and what cannot be seen, or
// would be done by a terminal, is written by its number.
package snippet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"qkms/internal/reference"
)

// A Call is what is to be written. Body is the request as encoding/json decodes it with UseNumber; blobs are in base64.
type Call struct {
	Operation *reference.Operation
	Body      map[string]any
	Endpoint  string // https://kms.example:8443
	Region    string
}

// A Language is one way to write calls.
type Language struct {
	Name  string // as people call it
	Code  string // a word for it: cli, python, go, javascript
	Write func(Call) string
}

// Languages are those there are.
var Languages = []Language{
	{"AWS CLI", "cli", CLI},
	{"Python", "python", Python},
	{"Go", "go", Go},
	{"JavaScript", "javascript", JavaScript},
}

// given calls do for each member of m that the body has, in the order of the model.
func given(members []reference.Member, body map[string]any, do func(m *reference.Member, v any)) {
	for i := range members {
		if v, ok := body[members[i].Name]; ok && v != nil {
			do(&members[i], v)
		}
	}
}

// words puts sep between the words of a name, in lower case: KeyId is key-id, XksProxyUriPath xks-proxy-uri-path.
func words(name, sep string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteString(sep)
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// unseen reports whether a letter leaves no mark of its own or changes how others are read, as those do that turn the direction
// of reading (Unicode TR 36 §2.5), or is for terminals. It is what strconv.Quote escapes, which writes the strings for Go.
func unseen(r rune) bool { return !unicode.IsPrint(r) }

// numbered is text, where letters that cannot be seen are as number writes them.
func numbered(text string, number func(rune) string) string {
	var b strings.Builder
	for _, r := range text {
		if unseen(r) {
			b.WriteString(number(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// quoted is JSON, whose strings are strings of JavaScript too.
func quoted(v any) string {
	return numbered(encoded(v), func(r rune) string {
		var b strings.Builder
		for _, half := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, half)
		}
		return b.String()
	})
}

// encoded is JSON in one line.
func encoded(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("snippet: internal error: " + err.Error()) // of what encoding/json has decoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// text is v, which the model says is a string; what somebody sends instead is shown as JSON.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return quoted(v)
}

// A writer writes lines with an indent.
type writer struct {
	strings.Builder
	unit  string
	depth int
}

func (w *writer) line(parts ...string) {
	w.WriteString(strings.Repeat(w.unit, w.depth))
	for _, p := range parts {
		w.WriteString(p)
	}
	w.WriteByte('\n')
}

// unknown stands for what the model has no word of.
var unknown = &reference.Member{Type: "string"}

// element is the member that those of a list are of.
func element(m *reference.Member) *reference.Member {
	if m.Element == nil {
		return unknown
	}
	return m.Element
}

// each calls do for each member of an object: of a structure in the order of the model, of a map in that of its keys, with a
// member that has no name.
func each(m *reference.Member, v map[string]any, do func(name string, of *reference.Member, one any)) {
	if m.Type == "structure" {
		given(m.Members, v, func(of *reference.Member, one any) { do(of.Name, of, one) })
		return
	}
	of := *element(m)
	of.Name = ""
	for _, name := range slices.Sorted(maps.Keys(v)) {
		do(name, &of, v[name])
	}
}

// has reports whether the body has a value of a type, wherever.
func has(members []reference.Member, body map[string]any, kind string) (found bool) {
	given(members, body, func(m *reference.Member, v any) {
		object, _ := v.(map[string]any)
		found = found || m.Type == kind || has(m.Members, object, kind)
	})
	return found
}
