package policy_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"qkms/internal/authz/policy"
)

// The reference evaluator is access.md §2.2, §3 and §4.3 read once more, without a thought for speed and
// without a line of the package: policies are plain JSON, matched by trying everything.

type object = map[string]any

func list(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, x := range v {
			all = append(all, fmt.Sprint(x))
		}
		return all
	}
	return []string{fmt.Sprint(v)}
}

// matches tries every way: star is a run, and text in which wildcards are escaped is made of lone characters.
func matches(pattern, s []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		return matches(pattern[1:], s) || len(s) > 0 && matches(pattern, s[1:])
	case len(s) == 0:
		return false
	case pattern[0] == '?', pattern[0] == s[0], pattern[0] == -s[0]:
		return matches(pattern[1:], s[1:])
	}
	return false
}

// expand returns the pattern with variables replaced; what was a variable is negative, and so never a
// wildcard. ok is false when a variable has no value.
func expand(pattern, version string, c said) (out []rune, ok bool) {
	if version != "2012-10-17" {
		return []rune(pattern), true
	}
	for {
		i := strings.Index(pattern, "${")
		j := strings.Index(pattern[max(i, 0):], "}")
		if i < 0 || j < 0 {
			return append(out, []rune(pattern)...), true
		}
		out = append(out, []rune(pattern[:i])...)
		inside := pattern[i+2 : i+j]
		pattern = pattern[i+j+1:]
		value := inside
		if inside != "*" && inside != "?" && inside != "$" {
			if v := c[strings.ToLower(inside)]; len(v) == 1 {
				value = v[0]
			} else {
				return nil, false
			}
		}
		for _, r := range value {
			out = append(out, -r)
		}
	}
}

func text(runes []rune) string {
	out := slices.Clone(runes)
	for i, r := range out {
		out[i] = max(r, -r)
	}
	return string(out)
}

func split(runes []rune, n int) (parts [][]rune) {
	for len(parts) < n-1 {
		i := slices.Index(runes, ':')
		if i < 0 {
			break
		}
		parts, runes = append(parts, runes[:i]), runes[i+1:]
	}
	return append(parts, runes)
}

func referenceEqual(op string, want []rune, got string) bool {
	plain := text(want)
	switch op {
	case "StringEquals":
		return plain == got
	case "StringEqualsIgnoreCase":
		return strings.EqualFold(plain, got) // the generator has ASCII only
	case "StringLike":
		return matches(want, []rune(got))
	case "ArnEquals", "ArnLike":
		w, g := split(want, 6), split([]rune(got), 6)
		return len(w) == 6 && len(g) == 6 && !slices.ContainsFunc([]int{0, 1, 2, 3, 4, 5}, func(i int) bool { return !matches(w[i], g[i]) })
	case "Bool":
		return strings.EqualFold(plain, got) && (strings.EqualFold(got, "true") || strings.EqualFold(got, "false"))
	case "BinaryEquals":
		w, err1 := base64.StdEncoding.DecodeString(plain)
		g, err2 := base64.StdEncoding.DecodeString(got)
		return err1 == nil && err2 == nil && string(w) == string(g)
	case "IpAddress":
		if !strings.Contains(plain, "/") {
			w, err1 := netip.ParseAddr(plain)
			g, err2 := netip.ParseAddr(got)
			return err1 == nil && err2 == nil && w == g
		}
		w, err1 := netip.ParsePrefix(plain)
		g, err2 := netip.ParseAddr(got)
		return err1 == nil && err2 == nil && w.Contains(g)
	}
	kind, than := "Numeric", strings.TrimPrefix(op, "Numeric")
	if strings.HasPrefix(op, "Date") {
		kind, than = "Date", strings.TrimPrefix(op, "Date")
	}
	number := func(s string) (float64, error) {
		if t, err := time.Parse(time.RFC3339, s); kind == "Date" && err == nil {
			return float64(t.Unix()), nil
		}
		return strconv.ParseFloat(s, 64)
	}
	w, err1 := number(plain)
	g, err2 := number(got)
	return err1 == nil && err2 == nil && map[string]bool{
		"Equals": g == w, "LessThan": g < w, "LessThanEquals": g <= w, "GreaterThan": g > w, "GreaterThanEquals": g >= w,
	}[than]
}

func referenceHolds(op, key string, want []string, version string, c said, ofKey bool) bool {
	values := c[strings.ToLower(key)]
	if ofKey && strings.HasPrefix(strings.ToLower(key), "aws:resourcetag/") {
		values = nil
	}
	if op == "Null" {
		return slices.ContainsFunc(want, func(w string) bool {
			return strings.EqualFold(w, "true") && len(values) == 0 || strings.EqualFold(w, "false") && len(values) > 0
		})
	}
	if base, is := strings.CutSuffix(op, "IfExists"); is {
		if len(values) == 0 {
			return true
		}
		op = base
	}
	set, op2, has := strings.Cut(op, ":")
	if has {
		op = op2
	} else {
		set = ""
	}
	negated := strings.Contains(op, "Not")
	op = strings.Replace(op, "Not", "", 1)
	hit := func(v string) bool {
		for _, w := range want {
			if strings.HasPrefix(op, "String") || strings.HasPrefix(op, "Arn") || op == "Bool" {
				if runes, ok := expand(w, version, c); ok && referenceEqual(op, runes, v) {
					return true
				}
			} else if referenceEqual(op, []rune(w), v) {
				return true
			}
		}
		return false
	}
	hits := 0
	for _, v := range values {
		if hit(v) {
			hits++
		}
	}
	misses := len(values) - hits
	switch {
	case set == "ForAllValues" && negated:
		return hits == 0
	case set == "ForAllValues":
		return misses == 0
	case set == "ForAnyValue" && negated:
		return misses > 0
	case set == "ForAnyValue":
		return hits > 0
	case negated:
		return hits == 0
	}
	return hits > 0
}

func referenceResource(patterns []string, version string, resource string, c said, ofKey bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if p == "*" || ofKey {
			return p == "*" || p == resource
		}
		want, ok := expand(p, version, c)
		if !ok {
			return false
		}
		segments := split(want, 6)
		if len(segments) > 2 && (slices.Contains(segments[2], '*') || slices.Contains(segments[2], '?')) {
			return false
		}
		// Every way to let stars at the end of a segment take further ones.
		var try func(w [][]rune, r []string) bool
		try = func(w [][]rune, r []string) bool {
			if len(w) == 0 || len(r) == 0 {
				return len(w) == len(r)
			}
			if !matches(w[0], []rune(r[0])) {
				return false
			}
			for taken := 1; taken <= len(r); taken++ {
				runs := len(w[0]) > 0 && w[0][len(w[0])-1] == '*'
				if (taken == 1 || runs) && try(w[1:], r[taken:]) {
					return true
				}
			}
			return false
		}
		return try(segments, strings.SplitN(resource, ":", 6))
	})
}

// whom returns how an entry of Principal means p: "", "everyone", "account", "role" or "self". A policy that was
// saved means users and roles by the ids they had then; ids is nil for one that was not. exempt is of an entry
// under the NotPrincipal of an Allow.
func whom(kind, name string, p *policy.Principal, ids map[string]string, exempt bool) string {
	name = strings.Replace(name, "arn:verenc:", "arn:aws:", 1)
	same := ids[name] != "" && ids[name] == p.ID
	switch {
	case kind == "AWS" && name == "*":
		return "everyone"
	case kind == "Service" && p.Kind == policy.Service && name == p.ARN, kind == "Federated" && p.Kind == policy.WebIdentity && name == p.ARN:
		return "self"
	case kind != "AWS" || p.Kind == policy.Service || p.Kind == policy.WebIdentity:
		return ""
	case name == p.Account, name == "arn:aws:iam::"+p.Account+":root":
		return "account"
	}
	what := strings.Split(name, ":")
	if len(what) < 6 {
		return ""
	}
	switch what, _, _ := strings.Cut(what[5], "/"); {
	case what == "federated-user" && name == p.ARN:
		return "self"
	case what == "user" && p.Kind == policy.User:
		if ids == nil && name == p.ARN || ids != nil && same || exempt && name == p.ARN {
			return "self"
		}
	case what == "assumed-role" && p.Kind == policy.Session && name == p.ARN:
		if ids == nil || same || exempt {
			return "self"
		}
	case what == "role" && p.Kind == policy.Session:
		if ids == nil && name == p.Role || ids != nil && same || exempt && name == p.Role {
			return "role"
		}
	}
	return ""
}

// A sort is what kind of policy a document is.
type sort int

const (
	ofKey sort = iota
	ofIdentity
	ofRole
)

func referenceApplies(s object, version string, q *policy.Question, is sort, ids map[string]string) (ways []string, applies bool) {
	c := q.Context.(said)
	either := func(name string, match func([]string) bool) bool {
		if v, ok := s["Not"+name]; ok {
			return !match(list(v))
		}
		v, ok := s[name]
		return ok && match(list(v))
	}
	if !either("Action", func(all []string) bool {
		return slices.ContainsFunc(all, func(a string) bool {
			return matches([]rune(strings.ToLower(a)), []rune(strings.ToLower(q.Action)))
		})
	}) {
		return nil, false
	}
	if is != ofRole && !either("Resource", func(all []string) bool { return referenceResource(all, version, q.Resource, c, is == ofKey) }) {
		return nil, false
	}
	conditions, _ := s["Condition"].(object)
	for op, keys := range conditions {
		for key, want := range keys.(object) {
			if !referenceHolds(op, key, list(want), version, c, is == ofKey) {
				return nil, false
			}
		}
	}
	if is == ofIdentity {
		return nil, true
	}
	principals := func(v any, exempt bool) (ways []string) {
		if v == "*" {
			return []string{"everyone"}
		}
		for kind, names := range v.(object) {
			for _, name := range list(names) {
				if w := whom(kind, name, q.Principal, ids, exempt); w != "" {
					ways = append(ways, w)
				}
			}
		}
		return ways
	}
	if v, ok := s["NotPrincipal"]; ok {
		if len(principals(v, s["Effect"] == "Allow")) > 0 {
			return nil, false
		}
		return []string{"everyone"}, true
	}
	ways = principals(s["Principal"], false)
	return ways, len(ways) > 0
}

// A world is a question and all that has a say in it, as text.
type world struct {
	q                 *policy.Question
	owner, boundary   object            // owner is the policy of the key or the role
	ids               map[string]string // that owner was saved with; nil: it was not
	identity, session []object
	grant             policy.Grant
}

func (w *world) reference() bool {
	q, p := w.q, w.q.Principal
	denied := false
	allows := func(doc object, is sort) (ways []string, allowed bool) {
		version, _ := doc["Version"].(string)
		for _, s := range doc["Statement"].([]any) {
			got, applies := referenceApplies(s.(object), version, q, is, w.ids)
			switch {
			case applies && s.(object)["Effect"] == "Deny":
				denied = true
			case applies:
				ways, allowed = append(ways, got...), true
			}
		}
		return ways, allowed
	}
	var ways []string
	switch {
	case q.Key:
		ways, _ = allows(w.owner, ofKey)
	case q.Trust:
		ways, _ = allows(w.owner, ofRole)
	}
	idAllow := p.Kind == policy.Root
	for _, d := range w.identity {
		_, a := allows(d, ofIdentity)
		idAllow = idAllow || a
	}
	limits := true
	if w.boundary != nil {
		_, limits = allows(w.boundary, ofIdentity)
	}
	among := len(w.session) == 0
	for _, d := range w.session {
		_, a := allows(d, ofIdentity)
		among = among || a
	}
	limits = limits && among
	idAllow = idAllow && limits
	by := func(way string) bool { return slices.Contains(ways, way) }
	switch granted := w.grant != policy.NoGrant && q.Key; {
	case denied:
		return false
	case !q.Key && !q.Trust:
		return idAllow
	case p.Kind == policy.Service, p.Kind == policy.WebIdentity:
		return by("self") || granted
	case p.Account == q.Owner:
		return by("self") || by("everyone") || by("role") && limits || by("account") && idAllow || granted && limits
	default:
		use := len(ways) > 0 || granted
		return (q.CrossAccount || q.Trust) && use && (idAllow || granted && w.grant == policy.GrantedOwn && limits)
	}
}
