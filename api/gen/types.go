package main

import (
	"fmt"
	"slices"
)

// goType is the Go type of a shape.
func (m *model) goType(name string) string {
	s := m.byName[name]
	switch {
	case len(s.Enum) > 0:
		return name
	case s.Type == "string":
		return "string"
	case s.Type == "blob":
		return "[]byte"
	case s.Type == "integer":
		return "int"
	case s.Type == "boolean":
		return "bool"
	case s.Type == "timestamp":
		return "time.Time"
	case s.Type == "map":
		return "map[string]string"
	case s.Type == "structure":
		return "*" + name
	case m.structureIn(name) != nil:
		return "[]" + s.Member.Shape
	}
	return "[]" + m.goType(s.Member.Shape)
}

func writeTypes(p *page, m *model) {
	p.line("import (\n\"fmt\"\n\"io\"\n\"log/slog\"\n\"time\"\n)")
	used := map[string]string{}
	for _, op := range m.Operations {
		used[op.T.Input] = "is what a client sends to " + op.name + "."
		if op.T.Output != nil {
			used[*op.T.Output] = "is the answer of " + op.name + "."
		}
	}
	for _, s := range m.structures() {
		about, whole := used[s.name]
		if !whole {
			about = partOf(s)
		}
		p.line("\n// %s %s", s.name, about)
		p.line("type %s struct {", s.name)
		for _, e := range s.Members {
			p.line("%s %s%s", e.name, m.goType(e.T.Shape), m.comment(s, e))
		}
		if s.request {
			p.line("\npresence presence")
		}
		p.line("}")
		if m.secret(s) {
			p.line("\n// Format prints the name of the type, never what it holds.")
			p.line("func (%s) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, %q) }", s.name, "["+s.name+"]")
			p.line("\n// LogValue is the name of the type.")
			p.line("func (%s) LogValue() slog.Value { return slog.StringValue(%q) }", s.name, "["+s.name+"]")
		}
	}
}

func partOf(s *shape) string {
	switch {
	case s.request && s.response:
		return "is part of requests and responses."
	case s.request:
		return "is part of requests."
	}
	return "is part of responses."
}

// comment tells what the model demands of a member.
func (m *model) comment(in *shape, e entry[reference]) string {
	s, text := m.byName[e.T.Shape], ""
	add := func(format string, args ...any) {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf(format, args...)
	}
	if in.request && in.requires(e.name) {
		add("required")
	}
	if in.request && (s.Min != nil || s.Max != nil) {
		add("%s to %s%s", limit(s.Min, "0"), limit(s.Max, "any"), map[string]string{"string": " characters", "blob": " bytes", "list": " items"}[s.Type])
	}
	if s.Sensitive {
		add("secret")
	}
	if e.T.Deprecated {
		add("deprecated in the API")
	}
	if text != "" {
		return " // " + text
	}
	return ""
}

func limit(n *int, absent string) string {
	if n == nil {
		return absent
	}
	return fmt.Sprint(*n)
}

func writeEnums(p *page, m *model) {
	for _, e := range m.Shapes {
		if len(e.T.Enum) == 0 {
			continue
		}
		p.line("\n// %s is an enumeration of the model.", e.name)
		p.line("type %s string", e.name)
		p.line("\nconst (")
		for _, value := range e.T.Enum {
			p.line("%s %s = %q", constName(e.name, value), e.name, value)
		}
		p.line(")")
		p.line("\n// Values returns all of them in model order.")
		p.line("func (%s) Values() []%[1]s {\nreturn []%[1]s{", e.name)
		for _, value := range e.T.Enum {
			p.line("%s,", constName(e.name, value))
		}
		p.line("}\n}")
	}
	p.line("\n// words are the values of all enumerations, so that reading one needs no string of its own.")
	p.line("var words = map[string]string{")
	for _, value := range m.words() {
		p.line("%q: %[1]q,", value)
	}
	p.line("}")
}

func (m *model) words() []string {
	var all []string
	for _, e := range m.Shapes {
		all = append(all, e.T.Enum...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func writeOperations(p *page, m *model) {
	p.line("// Operations are all operations of the API by name. Do not change it.")
	p.line("var Operations = []Operation{")
	for _, op := range m.Operations {
		in := m.byName[op.T.Input]
		p.line("{\nName: %q,\nInput: %q,", op.name, op.T.Input)
		if op.T.Output != nil {
			p.line("Output: %q,", *op.T.Output)
		}
		p.line("New: func() Request { return new(%s) },", op.T.Input)
		p.line("Errors: %#v,", op.T.Errors)
		if in.has("DryRun") {
			p.line("DryRun: true,")
		}
		var members, secrets []string
		for _, e := range in.Members {
			members = append(members, e.name)
			if s := m.structureIn(e.T.Shape); m.byName[e.T.Shape].Sensitive || s != nil && m.secret(s) {
				secrets = append(secrets, e.name)
			}
		}
		p.line("Members: %#v,", members)
		if secrets != nil {
			p.line("Secrets: %#v,", secrets)
		}
		p.line("},")
	}
	p.line("}")
}
