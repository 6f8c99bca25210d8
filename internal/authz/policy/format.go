package policy

import (
	"encoding/json"
	"strings"
)

// format prints v as GetKeyPolicy returns policies: two spaces of indent, `"name" : value`, lists on
// one line (operations.md §12.2 [R2]).
func (v *value) format(b *strings.Builder, depth int) {
	switch v.kind {
	case stringKind:
		quote(b, v.scalar)
	case listKind:
		v.formatList(b, depth)
	case objectKind:
		v.formatObject(b, depth)
	default:
		b.WriteString(v.scalar)
	}
}

func (v *value) formatList(b *strings.Builder, depth int) {
	b.WriteString("[ ")
	for i := range v.list {
		if i > 0 {
			b.WriteString(", ")
		}
		v.list[i].format(b, depth)
	}
	if len(v.list) > 0 {
		b.WriteByte(' ')
	}
	b.WriteByte(']')
}

func (v *value) formatObject(b *strings.Builder, depth int) {
	if len(v.members) == 0 {
		b.WriteString("{ }")
		return
	}
	b.WriteByte('{')
	for i := range v.members {
		if i > 0 {
			b.WriteByte(',')
		}
		newline(b, depth+1)
		quote(b, v.members[i].name)
		b.WriteString(" : ")
		v.members[i].format(b, depth+1)
	}
	newline(b, depth)
	b.WriteByte('}')
}

func newline(b *strings.Builder, depth int) {
	b.WriteByte('\n')
	for range depth {
		b.WriteString("  ")
	}
}

func quote(b *strings.Builder, s string) {
	e := json.NewEncoder(trimmed{b})
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string, into memory: cannot fail
}

// trimmed drops the line end that json.Encoder adds.
type trimmed struct{ b *strings.Builder }

func (t trimmed) Write(p []byte) (int, error) {
	t.b.WriteString(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
