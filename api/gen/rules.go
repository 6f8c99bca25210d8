package main

import (
	"fmt"
	"strings"
)

// writeRules writes the constraints of every shape that a request uses.
func writeRules(p *page, m *model) {
	p.line(`import "regexp"`)
	for _, s := range m.rules() {
		if s.Pattern != "" {
			p.line("\nvar %sPattern = pattern{source: %q, %s}", lowerFirst(s.name), s.Pattern, matcher(s.Pattern))
		}
		p.line("\nvar %s = %s", ruleName(s), m.rule(s))
	}
}

// rules are the shapes with constraints that members of requests, or items of lists in them, have.
func (m *model) rules() []*shape {
	used := map[string]bool{}
	for _, s := range m.structures() {
		if !s.request {
			continue
		}
		for _, e := range s.Members {
			t := m.byName[e.T.Shape]
			used[t.name] = true
			if t.Type == "list" {
				used[t.Member.Shape] = true
			}
		}
	}
	var all []*shape
	for _, e := range m.Shapes {
		if used[e.name] && m.constrained(e.T) {
			all = append(all, e.T)
		}
	}
	return all
}

func (m *model) constrained(s *shape) bool {
	switch {
	case s.Type == "structure":
		return false
	case s.Type == "list":
		return s.Min != nil || s.Max != nil || m.constrained(m.byName[s.Member.Shape])
	}
	return s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0
}

func ruleName(s *shape) string { return lowerFirst(s.name) + "Rule" }

// rule is the composite literal of a shape's rule.
func (m *model) rule(s *shape) string {
	limits := fmt.Sprintf("min: %s, max: %s", limit(s.Min, "0"), limit(s.Max, "unlimited"))
	if s.Sensitive && s.Type != "integer" {
		limits += ", secret: true"
	}
	switch {
	case len(s.Enum) > 0:
		accepted := append(s.Enum[:len(s.Enum):len(s.Enum)], m.overlay.Accepted[s.name].Values...)
		return fmt.Sprintf("enumRule{values: %#v, set: %q}", accepted, "["+strings.Join(m.printedSet(s), ", ")+"]")
	case s.Type == "string" && s.Pattern != "":
		return fmt.Sprintf("textRule{%s, pattern: &%sPattern}", limits, lowerFirst(s.name))
	case s.Type == "string":
		return fmt.Sprintf("textRule{%s}", limits)
	case s.Type == "list":
		item := m.byName[s.Member.Shape]
		if len(item.Enum) > 0 {
			return fmt.Sprintf("listRule{%s, enum: &%s}", limits, ruleName(item))
		}
		return fmt.Sprintf("listRule{%s, item: &%s}", limits, ruleName(item))
	}
	return fmt.Sprintf("%sRule{%s}", s.Type, limits)
}

func writeValidators(p *page, m *model) {
	for _, s := range m.structures() {
		if !s.request {
			continue
		}
		if s.input {
			p.line("\n// Validate implements Request.")
			p.line("func (x *%s) Validate() error {\nvar v violations\nx.validate(&v)\nreturn v.err()\n}", s.name)
		}
		p.line("\nfunc (x *%s) validate(v *violations) {", s.name)
		for i, e := range s.Members {
			m.writeCheck(p, s, i, e)
		}
		p.line("}")
	}
}

// writeCheck writes the checks of one member.
func (m *model) writeCheck(p *page, s *shape, i int, e entry[reference]) {
	given := fmt.Sprintf("x.presence.has(%d) || %s", i, m.nonZero(e))
	check, required := m.check(e), s.requires(e.name)
	missing := fmt.Sprintf("v.missing(%q, %t)", lowerFirst(e.name), m.byName[e.T.Shape].Sensitive)
	switch {
	case required && check != "":
		p.line("if %s {\n%s\n} else {\n%s\n}", given, check, missing)
	case required:
		p.line("if !(%s) {\n%s\n}", given, missing)
	case check != "" && m.structureIn(e.T.Shape) != nil:
		p.line("if x.%s != nil {\n%s\n}", e.name, check)
	case check != "":
		p.line("if %s {\n%s\n}", given, check)
	}
}

// check is the statement that checks a member's value; empty if there is nothing to check.
func (m *model) check(e entry[reference]) string {
	s, path, field := m.byName[e.T.Shape], lowerFirst(e.name), "x."+e.name
	switch {
	case s.Type == "structure":
		return fmt.Sprintf("v.enter(%q, 0)\n%s.validate(v)\nv.leave()", path, field)
	case m.structureIn(s.name) != nil:
		return fmt.Sprintf("for i := range %s {\nv.enter(%q, i+1)\n%[1]s[i].validate(v)\nv.leave()\n}", field, path)
	case !m.constrained(s):
		return ""
	case s.Type == "list":
		return fmt.Sprintf("checkList(v, %q, %s, &%s)", path, field, ruleName(s))
	case len(s.Enum) > 0:
		return fmt.Sprintf("v.enum(%q, string(%s), &%s)", path, field, ruleName(s))
	case s.Type == "string":
		return fmt.Sprintf("v.text(%q, %s, &%s)", path, field, ruleName(s))
	}
	return fmt.Sprintf("v.%s(%q, %s, &%s)", s.Type, path, field, ruleName(s))
}
