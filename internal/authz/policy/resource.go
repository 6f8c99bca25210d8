package policy

import "strings"

// A resourceTest says whether an entry of Resource means the resource of a question.
type resourceTest func(q *Question) bool

func (d dialect) resource(text string) resourceTest {
	switch {
	case text == "*":
		return func(*Question) bool { return true }
	case d.ofKey:
		d.tally.add(keyResource, len(text), 0)
		return func(q *Question) bool { return sameKey(text, q) }
	}
	t := d.template(text, true)
	if !d.variablesFit(t) {
		return func(*Question) bool { return false }
	}
	if s, ok := t.fixed(); ok {
		is, takes := arnPattern(s)
		d.tally.add(0, len(s), takes)
		return is
	}
	d.tally.add(ofTemplate, len(text), t.takes())
	return func(q *Question) bool {
		s, ok := t.expand(q.Context, len(q.Resource))
		if !ok {
			return false
		}
		is, _ := arnPattern(s)
		return is(q)
	}
}

// variablesFit: a variable may stand only behind the fifth colon (access.md §3.4).
func (d dialect) variablesFit(t template) bool {
	return len(t) == 1 || t[0].name == "" && strings.Count(t[0].text, ":") >= arnParts-1
}

// sameKey: in a key policy the one resource there is goes by its ARN, in either spelling.
func sameKey(text string, q *Question) bool {
	if text == q.Resource {
		return true
	}
	rest, other := strings.CutPrefix(text, "arn:"+otherPartition+":")
	return other && strings.HasPrefix(rest, q.Owner+":") && strings.HasSuffix(q.Resource, ":"+rest)
}

// arnPattern compares part by part. Wildcards stay within their part, but for a star at the end of one,
// which also takes the parts that follow; the service has none (access.md §3.2).
func arnPattern(pattern string) (is resourceTest, takes int64) {
	const service = 2
	globs := newGlobs(pattern)
	if len(globs) > service && !globs[service].plain {
		return func(*Question) bool { return false }, 0
	}
	return func(q *Question) bool { return matchParts(globs, q.parts) }, ofGlobs + globsTake(globs)
}

// newGlobs are those of the parts of an ARN.
func newGlobs(pattern string) (all []glob) {
	for _, p := range strings.SplitN(pattern, ":", arnParts) {
		all = append(all, newGlob(p))
	}
	return all
}

func matchParts(globs []glob, parts []string) bool {
	if len(globs) == 0 || len(parts) == 0 {
		return len(globs) == len(parts)
	}
	g := &globs[0]
	switch {
	case !g.match(parts[0]):
		return false
	case matchParts(globs[1:], parts[1:]):
		return true
	case !g.runsOn():
		return false
	}
	for i := 2; i <= len(parts); i++ { // at most six parts: no pattern makes this long
		if matchParts(globs[1:], parts[i:]) {
			return true
		}
	}
	return false
}
