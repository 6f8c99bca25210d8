package console

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"qkms/internal/reference"
)

// A field is one member of a request, as a form has it.
type field struct {
	*reference.Member
	ID     string // of the element; also its name in the form
	Kind   string // how it is asked for: the names of the parts of pages/try.html
	Rules  string // what the model demands, in words
	Value  string // as typed
	As     string // of a blob: "text" or "base64"
	Chosen map[string]bool
	Fields []*field // of a structure
	Wrong  string   // why Value cannot be sent
}

// fieldsOf are the fields of members, filled with nothing.
func fieldsOf(members []reference.Member, prefix string) (all []*field) {
	for i := range members {
		m := &members[i]
		f := &field{Member: m, ID: prefix + m.Name, Kind: kindOf(m), Rules: rulesOf(m), As: "text", Chosen: map[string]bool{}}
		if f.Kind == "group" {
			f.Fields = fieldsOf(m.Members, f.ID+".")
		}
		all = append(all, f)
	}
	return all
}

// longText is from how many characters on a text gets an area to be typed in.
const longText = 300

func kindOf(m *reference.Member) string {
	switch m.Type {
	case "boolean":
		return "boolean"
	case "integer", "long":
		return "number"
	case "blob":
		return "blob"
	case "timestamp":
		return "timestamp"
	case "map":
		return "pairs"
	case "structure":
		return "group"
	case "list":
		switch {
		case m.Element == nil || m.Element.Type == "list":
			return "json"
		case isPair(m.Element):
			return "pairs"
		case m.Element.Type == "structure":
			return "json"
		case len(m.Element.Enum) > 0:
			return "checks"
		}
		return "lines"
	}
	switch {
	case len(m.Enum) > 0:
		return "choice"
	case m.Sensitive:
		return "secret"
	case m.Name != "KeyId" && (m.Max > longText || m.Max == 0):
		return "area"
	}
	return "text"
}

// isPair reports whether m is a structure of two texts, as tags are.
func isPair(m *reference.Member) bool {
	return m.Type == "structure" && len(m.Members) == 2 && m.Members[0].Type == "string" && m.Members[1].Type == "string"
}

// rulesOf says in words what the model demands of a member.
func rulesOf(m *reference.Member) string {
	what := map[string]string{"string": "characters", "blob": "bytes", "list": "of them"}[m.Type]
	var all []string
	switch {
	case m.Type == "integer" || m.Type == "long":
		if m.Max > 0 {
			all = append(all, fmt.Sprintf("%d to %d", m.Min, m.Max))
		}
	case what == "" || m.Max == 0 && m.Min == 0:
	case m.Max == 0:
		all = append(all, fmt.Sprintf("%d %s or more", m.Min, what))
	case m.Min == m.Max:
		all = append(all, fmt.Sprintf("%d %s", m.Max, what))
	default:
		all = append(all, fmt.Sprintf("%d to %d %s", m.Min, m.Max, what))
	}
	if m.Pattern != "" {
		all = append(all, "matching "+m.Pattern)
	}
	return strings.Join(all, ", ")
}

// read takes what was typed and returns the members of the request. What cannot be sent is said at its field: what
// the service would refuse is for the service to refuse.
func read(fields []*field, form url.Values) (body map[string]any, ok bool) {
	body, ok = map[string]any{}, true
	for _, f := range fields {
		v, err := f.read(form)
		if err != nil {
			f.Wrong, ok = err.Error(), false
		}
		ok = ok && f.Wrong == ""
		if v != nil {
			body[f.Name] = v
		}
	}
	return body, ok
}

// read returns the value of one field, nil of one that is left out.
func (f *field) read(form url.Values) (any, error) {
	f.Value = strings.ReplaceAll(form.Get(f.ID), "\r\n", "\n") // as browsers end lines
	switch f.Kind {
	case "group":
		inner, ok := read(f.Fields, form)
		if !ok {
			f.Wrong = "Look at its members."
		}
		if len(inner) == 0 {
			return nil, nil
		}
		return inner, nil
	case "checks":
		var all []any
		for _, v := range f.Element.Enum {
			if f.Chosen[v] = slices.Contains(form[f.ID], v); f.Chosen[v] {
				all = append(all, v)
			}
		}
		if all == nil {
			return nil, nil
		}
		return all, nil
	case "blob":
		if form.Get(f.ID+".as") == "base64" {
			f.As = "base64"
		}
	}
	if f.Value == "" {
		return nil, nil
	}
	return f.value(f.Value)
}

// value is text as the JSON of the field's kind.
func (f *field) value(text string) (any, error) {
	switch f.Kind {
	case "number":
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return json.Number(text), nil
	case "boolean":
		return text == "true", nil
	case "timestamp":
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time like 2027-01-31T12:00:00Z", text)
		}
		return json.Number(strconv.FormatInt(t.Unix(), 10)), nil
	case "blob":
		if f.As == "text" {
			return base64.StdEncoding.EncodeToString([]byte(text)), nil
		}
		text = strings.Join(strings.Fields(text), "")
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fmt.Errorf("it is not base64")
		}
		return text, nil
	case "json":
		v, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		return v, nil
	case "lines":
		var all []any
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
		return all, nil
	case "pairs":
		return f.pairs(text)
	}
	return text, nil
}

// pairs reads lines of name=value: a map, or a list of structures of two texts.
func (f *field) pairs(text string) (any, error) {
	object, list := map[string]any{}, []any{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not written like name=value", line)
		}
		if _, twice := object[name]; twice && f.Type == "map" {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		object[name] = value
		if f.Type == "list" {
			list = append(list, map[string]any{f.Element.Members[0].Name: name, f.Element.Members[1].Name: value})
		}
	}
	if f.Type == "list" {
		return list, nil
	}
	return object, nil
}

// fill puts the members of a request into fields, and reports whether they hold all of it: what the fields cannot
// express stays JSON.
func fill(fields []*field, body map[string]any) bool {
	left := len(body)
	for _, f := range fields {
		v, given := body[f.Name]
		if !given {
			continue
		}
		if f.fill(v) {
			left--
		}
	}
	return left == 0
}

func (f *field) fill(v any) bool {
	switch v := v.(type) {
	case string:
		if f.Value = v; f.Kind != "blob" {
			return f.Kind != "secret" && !strings.Contains(v, "\r")
		}
		f.As = "base64"
		if b, err := base64.StdEncoding.DecodeString(v); err == nil && printable(b) {
			f.Value, f.As = string(b), "text"
		}
		return true
	case bool:
		f.Value = strconv.FormatBool(v)
		return f.Kind == "boolean"
	case json.Number:
		f.Value = v.String()
		if f.Kind == "timestamp" {
			seconds, err := v.Int64()
			f.Value = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
			return err == nil
		}
		return f.Kind == "number"
	case []any:
		return f.fillList(v)
	case map[string]any:
		if f.Kind == "group" {
			return fill(f.Fields, v)
		}
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			line, ok := pairLine(name, v[name])
			if !ok {
				return false
			}
			lines = append(lines, line)
		}
		f.Value = strings.Join(lines, "\n")
		return f.Kind == "pairs" && f.Type == "map"
	}
	return false
}

func (f *field) fillList(v []any) bool {
	var lines []string
	for _, one := range v {
		line, isText := one.(string)
		switch object, _ := one.(map[string]any); {
		case f.Kind == "checks" && isText && slices.Contains(f.Element.Enum, line):
			f.Chosen[line] = true
			continue
		case f.Kind == "lines" && isText && line == strings.TrimSpace(line) && !strings.Contains(line, "\n"):
		case f.Kind == "pairs" && f.Type == "list" && len(object) == 2:
			var ok bool
			name, _ := object[f.Element.Members[0].Name].(string)
			if line, ok = pairLine(name, object[f.Element.Members[1].Name]); !ok {
				return false
			}
		default:
			return false
		}
		lines = append(lines, line)
	}
	f.Value = strings.Join(lines, "\n")
	return true
}

// pairLine is name=value, if that is read as the same again.
func pairLine(name string, value any) (string, bool) {
	text, ok := value.(string)
	line := name + "=" + text
	return line, ok && !strings.Contains(name, "=") && !strings.ContainsAny(line, "\r\n") && strings.TrimSpace(line) != ""
}

// printable reports whether b is a text that a form brings back as it is.
func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\t' {
			return false
		}
	}
	return len(b) > 0
}

// decode reads JSON with its numbers as they are written.
func decode(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("something follows it")
	}
	return v, nil
}
