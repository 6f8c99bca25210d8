package policy

import "strings"

// Context tells what is known of a request.
type Context interface {
	// Values returns the values of a condition key, whose name is folded; none when it is absent.
	Values(name string) []string
}

// A template is text with policy variables in it (access.md §3.4).
type template []part

// A part is text, or the variable of a name.
type part struct {
	text     string
	least    int    // how many bytes at least the text matches: all but its stars
	name     string // folded; empty of text
	fallback string
	optional bool // fallback is to be taken when there is no value
	never    bool // it is no variable that could have a value
}

// A dialect says how the texts of one policy are read.
type dialect struct {
	variables bool // Version 2012-10-17
	ofKey     bool // a key policy, which never sees what only identity policies do
	tally     *tally
}

// template reads s. Wildcards are wildcards only where wildcards is set; ${*}, ${?} and ${$} never are.
// A ${ that is never closed is text.
func (d dialect) template(s string, wildcards bool) template {
	var t template
	text := func(s string, literal bool) {
		if wildcards && !literal {
			s = wild(s)
		}
		least := len(s) - strings.Count(s, anyRun)
		if n := len(t); n > 0 && t[n-1].name == "" && !t[n-1].never {
			t[n-1].text += s
			t[n-1].least += least
			return
		}
		t = append(t, part{text: s, least: least})
	}
	for d.variables {
		before, rest, found := strings.Cut(s, "${")
		inside, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			break
		}
		text(before, false)
		if inside == "*" || inside == "?" || inside == "$" {
			text(inside, true)
		} else {
			t = append(t, d.variable(inside))
		}
		s = after
	}
	text(s, false)
	return t
}

func (d dialect) variable(s string) part {
	name, rest, has := strings.Cut(s, ",")
	p := part{name: lower(strings.TrimSpace(name)), optional: has}
	if has {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' {
			return part{never: true}
		}
		p.fallback = rest[1 : len(rest)-1]
	}
	if p.name == "" || manyValued(p.name) {
		return part{never: true}
	}
	if d.hides(p.name) {
		p.name, p.never, p.text = "", !p.optional, brought(p.fallback)
		p.least = len(p.text)
	}
	return p
}

// expand puts the values in, for a text of so many bytes to be matched. ok is false when a variable has none,
// or when the result could match nothing so short: a policy that repeats a variable would make a thousand
// copies of what a request brings. What it brings is text, whatever it is: neither a wildcard nor the end of a
// part of an ARN.
func (t template) expand(c Context, bytes int) (s string, ok bool) {
	var b strings.Builder
	for i := range t {
		p := &t[i]
		switch {
		case p.never:
			return "", false
		case p.name == "":
			if bytes -= p.least; bytes < 0 {
				return "", false
			}
			b.WriteString(p.text)
			continue
		}
		v := p.fallback
		if values := c.Values(p.name); len(values) == 1 {
			v = values[0]
		} else if len(values) > 1 || !p.optional {
			return "", false
		}
		v = brought(v)
		if bytes -= len(v); bytes < 0 {
			return "", false
		}
		b.WriteString(v)
	}
	return b.String(), true
}

func brought(v string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(v, "\ufffd"), ":", madeColon)
}

// fixed returns the text of a template without variables.
func (t template) fixed() (string, bool) {
	return t[0].text, len(t) == 1 && t[0].name == "" && !t[0].never
}

// manyValued are the keys that may have several values, and so are never variables.
func manyValued(name string) bool {
	switch name {
	case "kms:encryptioncontextkeys", "kms:grantoperations", "kms:resourcealiases", "aws:tagkeys", "aws:calledvia",
		"aws:principalorgpaths", "aws:resourceorgpaths", "aws:principalservicenameslist":
		return true
	}
	return false
}

// hides are the keys that KMS honours in identity policies only (access.md §5).
func (d dialect) hides(name string) bool {
	return d.ofKey && (name == "kms:resourcealiases" || strings.HasPrefix(name, "aws:resourcetag/"))
}
