package main

import (
	"fmt"
	"slices"
)

func writeDecoders(p *page, m *model) {
	for _, s := range m.structures() {
		if !s.request {
			continue
		}
		if s.input {
			p.line("\n// DecodeJSON implements Request.")
			p.line("func (x *%s) DecodeJSON(body []byte) error {\n*x = %[1]s{}\nreturn decode(body, x)\n}", s.name)
			if s.has("DryRun") {
				p.line("\n// IsDryRun implements DryRunner.")
				p.line("func (x *%s) IsDryRun() bool { return x.DryRun }", s.name)
			}
			if s.has("GrantTokens") {
				p.line("\n// Tokens implements TokenBearer.")
				p.line("func (x *%s) Tokens() []string { return x.GrantTokens }", s.name)
			}
		}
		p.line("\nfunc (x *%s) member(r *reader, name []byte) bool {\nswitch string(name) {", s.name)
		for i, e := range s.Members {
			p.line("case %q:\nif r.begin(&x.presence, %d) {\n%s\n}", e.name, i, m.read(e))
		}
		p.line("default:\nreturn false\n}\nreturn true\n}")
	}
}

// read is the statement that reads a member.
func (m *model) read(e entry[reference]) string {
	field, s := "x."+e.name, m.byName[e.T.Shape]
	switch {
	case s.Type == "structure":
		return fmt.Sprintf("%s = new(%s)\nr.object(%[1]s)", field, s.name)
	case s.Type == "list" && m.structureIn(s.name) != nil:
		return fmt.Sprintf("%s = list(r, func(r *reader) (item %s) { r.object(&item); return item })", field, s.Member.Shape)
	case s.Type == "list":
		return fmt.Sprintf("%s = list(r, %s[%s])", field, m.reads(s.Member.Shape), m.goType(s.Member.Shape))
	case s.Type == "string":
		return fmt.Sprintf("%s = %s[%s](r)", field, m.reads(s.name), m.goType(s.name))
	case s.Type == "map":
		return field + " = r.texts()"
	}
	return fmt.Sprintf("%s = r.%s()", field, s.Type)
}

// reads is the function of the reader that reads a string shape.
func (m *model) reads(shape string) string {
	if len(m.byName[shape].Enum) > 0 {
		return "word"
	}
	return "text"
}

func writeEncoders(p *page, m *model) {
	for _, s := range m.structures() {
		if !s.response {
			continue
		}
		p.line("\n// AppendJSON implements Encoder.")
		p.line("func (x *%s) AppendJSON(dst []byte) []byte {\ndst = append(dst, '{')", s.name)
		for _, e := range s.Members {
			t, write := m.byName[e.T.Shape], m.write(e)
			if m.always(s, e.name, t) {
				p.line("%s", write)
				continue
			}
			p.line("if %s {\n%s\n}", m.nonZero(e), write)
		}
		p.line("return closeObject(dst)\n}")
	}
}

// always reports whether a member is written even when zero: the required, booleans, and what the
// overlay knows.
func (m *model) always(s *shape, member string, t *shape) bool {
	return s.requires(member) || t.Type == "boolean" || slices.Contains(m.overlay.Always[s.name].Members, member)
}

// nonZero is the condition under which a member is present, going by its value.
func (m *model) nonZero(e entry[reference]) string {
	field := "x." + e.name
	switch m.byName[e.T.Shape].Type {
	case "string":
		return field + ` != ""`
	case "integer":
		return field + " != 0"
	case "boolean":
		return field
	case "timestamp":
		return "!" + field + ".IsZero()"
	}
	return field + " != nil"
}

// write is the statement that writes a member.
func (m *model) write(e entry[reference]) string {
	s := m.byName[e.T.Shape]
	call := "append" + map[string]string{
		"string": "Text", "integer": "Integer", "boolean": "Boolean", "timestamp": "Timestamp", "blob": "Blob", "map": "Map", "list": "Texts",
	}[s.Type]
	switch {
	case s.Type == "structure":
		return fmt.Sprintf("dst = append(x.%s.AppendJSON(appendName(dst, %[1]q)), ',')", e.name)
	case m.structureIn(s.name) != nil:
		call = "appendObjects"
	}
	return fmt.Sprintf("dst = %s(dst, %q, x.%s)", call, e.name, e.name)
}
