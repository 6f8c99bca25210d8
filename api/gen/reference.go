package main

import (
	"fmt"
	"slices"
	"strings"
)

// writeReference writes the model as facts for the API reference. A structure is written once, whatever number of
// members are one; what they refer to comes before them.
func writeReference(p *page, m *model) {
	written := map[string]bool{}
	for _, op := range m.Operations {
		for _, name := range []string{op.T.Input, outputOf(op.T)} {
			if name != "" {
				m.writeMembers(p, m.byName[name], written)
			}
		}
	}
	p.line("\nvar operations = []*Operation{")
	for _, op := range m.Operations {
		p.line("{\nName: %q,\nInput: %s,", op.name, membersName(op.T.Input))
		if op.T.Output != nil {
			p.line("Output: %s,\nAnswers: true,", membersName(*op.T.Output))
		}
		p.line("Errors: errorsOf(%s),\n},", quoted(op.T.Errors))
	}
	p.line("}")
}

func outputOf(op operation) string {
	if op.Output == nil {
		return ""
	}
	return *op.Output
}

func membersName(structure string) string { return "membersOf" + structure }

func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(all, ", ")
}

// writeMembers writes the members of s, and before them those of the structures in it.
func (m *model) writeMembers(p *page, s *shape, written map[string]bool) {
	if written[s.name] {
		return
	}
	written[s.name] = true
	for _, e := range s.Members {
		if in := m.structureIn(e.T.Shape); in != nil {
			m.writeMembers(p, in, written)
		}
	}
	p.line("\nvar %s = []Member{", membersName(s.name))
	for _, e := range s.Members {
		p.line("%s,", m.fact(m.byName[e.T.Shape], "Name: "+fmt.Sprintf("%q", e.name), onlyIf("Required", s.requires(e.name)), onlyIf("Deprecated", e.T.Deprecated || m.byName[e.T.Shape].Deprecated)))
	}
	p.line("}")
}

func onlyIf(name string, set bool) string {
	if !set {
		return ""
	}
	return name + ": true"
}

// called is the name of a shape that clients have a type for, or say in another way than its kin.
func (s *shape) called() string {
	if s.Type == "structure" || s.Type == "boolean" || len(s.Enum) > 0 {
		return fmt.Sprintf("Shape: %q", s.name)
	}
	return ""
}

// fact is a Member literal of the shape s, but for its type; first is what the place says in which it stands.
func (m *model) fact(s *shape, first ...string) string {
	fields := append(first, fmt.Sprintf("Type: %q", s.Type), s.called(), onlyIf("Sensitive", s.Sensitive))
	if s.Min != nil && *s.Min > 0 {
		fields = append(fields, fmt.Sprintf("Min: %d", *s.Min))
	}
	if s.Max != nil {
		fields = append(fields, fmt.Sprintf("Max: %d", *s.Max))
	}
	if s.Pattern != "" {
		fields = append(fields, fmt.Sprintf("Pattern: %q", s.Pattern))
	}
	if len(s.Enum) > 0 {
		fields = append(fields, fmt.Sprintf("Enum: []string{%s}", quoted(s.Enum)))
	}
	switch s.Type {
	case "structure":
		fields = append(fields, "Members: "+membersName(s.name))
	case "list":
		fields = append(fields, "Element: &Member"+m.fact(m.byName[s.Member.Shape]))
	case "map":
		fields = append(fields, "Key: &Member"+m.fact(m.byName[s.Key.Shape]), "Element: &Member"+m.fact(m.byName[s.Value.Shape]))
	}
	return "{" + strings.Join(slices.DeleteFunc(fields, func(f string) bool { return f == "" }), ", ") + "}"
}
