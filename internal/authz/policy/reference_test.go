package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
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

// whom returns how an entry of Principal means p: "", "everyone", "account", "role" or "self".
func whom(kind, name string, p *policy.Principal) string {
	switch {
	case name == "*":
		return "everyone"
	case kind == "Service" && p.Kind == policy.Service && name == p.ARN:
		return "self"
	case kind != "AWS" || p.Kind == policy.Service:
		return ""
	case name == p.Account, name == "arn:aws:iam::"+p.Account+":root":
		return "account"
	case name == p.ARN:
		return "self"
	case p.Role != "" && name == p.Role:
		return "role"
	}
	return ""
}

func referenceApplies(s object, version string, q *policy.Question, ofKey bool) (ways []string, applies bool) {
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
	}) || !either("Resource", func(all []string) bool { return referenceResource(all, version, q.Resource, c, ofKey) }) {
		return nil, false
	}
	conditions, _ := s["Condition"].(object)
	for op, keys := range conditions {
		for key, want := range keys.(object) {
			if !referenceHolds(op, key, list(want), version, c, ofKey) {
				return nil, false
			}
		}
	}
	if !ofKey {
		return nil, true
	}
	principals := func(v any) (ways []string) {
		if v == "*" {
			return []string{"everyone"}
		}
		for kind, names := range v.(object) {
			for _, name := range list(names) {
				if w := whom(kind, name, q.Principal); w != "" {
					ways = append(ways, w)
				}
			}
		}
		return ways
	}
	if v, ok := s["NotPrincipal"]; ok {
		if len(principals(v)) > 0 {
			return nil, false
		}
		return []string{"everyone"}, true
	}
	ways = principals(s["Principal"])
	return ways, len(ways) > 0
}

// A world is a question and all that has a say in it, as text.
type world struct {
	q                 *policy.Question
	key, boundary     object
	identity, session []object
	grant             policy.Grant
}

func (w *world) reference() bool {
	q, p := w.q, w.q.Principal
	denied := false
	allows := func(doc object, ofKey bool) (ways []string, allowed bool) {
		version, _ := doc["Version"].(string)
		for _, s := range doc["Statement"].([]any) {
			got, applies := referenceApplies(s.(object), version, q, ofKey)
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
	if q.Key {
		ways, _ = allows(w.key, true)
	}
	idAllow := p.Kind == policy.Root
	for _, d := range w.identity {
		_, a := allows(d, false)
		idAllow = idAllow || a
	}
	limits := true
	if w.boundary != nil {
		_, limits = allows(w.boundary, false)
	}
	among := len(w.session) == 0
	for _, d := range w.session {
		_, a := allows(d, false)
		among = among || a
	}
	limits = limits && among
	idAllow = idAllow && limits
	by := func(way string) bool { return slices.Contains(ways, way) }
	switch granted := w.grant != policy.NoGrant; {
	case denied:
		return false
	case !q.Key:
		return idAllow
	case p.Kind == policy.Service:
		return by("self") || granted
	case p.Account == q.Owner:
		return by("self") || by("everyone") || by("role") && limits || by("account") && idAllow || granted && limits
	default:
		use := len(ways) > 0 || granted
		return q.CrossAccount && use && (idAllow || w.grant == policy.GrantedOwn && limits)
	}
}

func (w *world) decision(t testing.TB) policy.Decision {
	t.Helper()
	found := policy.Consult(w.q, w.sources(t))
	return found.Decide(w.grant)
}

func (w *world) sources(t testing.TB) *policy.Sources {
	t.Helper()
	compile := func(doc object, parse func(text, partition string) (*policy.Document, error)) *policy.Policy {
		if doc == nil {
			return nil
		}
		b, _ := json.Marshal(doc)
		d, err := parse(string(b), "aws")
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return d.Compile()
	}
	s := &policy.Sources{
		Key: compile(w.key, policy.Parse), Boundary: compile(w.boundary, policy.ParseIdentity),
	}
	for _, d := range w.session {
		s.Session = append(s.Session, compile(d, policy.ParseIdentity))
	}
	for _, d := range w.identity {
		s.Identity = append(s.Identity, compile(d, policy.ParseIdentity))
	}
	return s
}

// The generator draws from few words, so that they meet often.

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func some(r *rand.Rand, from ...string) any {
	if r.IntN(2) == 0 {
		return pick(r, from...)
	}
	var all []any
	for range 1 + r.IntN(3) {
		all = append(all, pick(r, from...))
	}
	return all
}

func randomCondition(r *rand.Rand) object {
	keys := []string{"x:s", "X:S", "x:m", "x:n", "x:none", "x:ip", "x:arn", "x:d", "kms:EncryptionContext:App", "aws:ResourceTag/t"}
	values := []string{
		"a", "b", "A", "ab", "a*", "?b", "*", "5", "6", "05.0", "true", "False", "aGk=", "192.0.2.0/24", "192.0.2.1", "2026-01-02T03:04:05Z",
		"arn:aws:iam::*:user/*", "arn:aws:iam::111122223333:user/u", "${x:s}", "${x:s}*", "${x:none}", "${*}", "${x:star}b", "${",
	}
	c := object{}
	for range 1 + r.IntN(2) {
		op := pick(r, "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
			"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
			"DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress",
			"ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "Null", "Null")
		if op == "Null" {
			c[op] = object{pick(r, keys...): some(r, "true", "false")}
			continue
		}
		op = pick(r, "", "", "", "ForAnyValue:", "ForAllValues:") + op + pick(r, "", "", "IfExists")
		key := pick(r, keys...)
		if strings.HasPrefix(op, "ForAll") && strings.HasPrefix(key, "kms:") {
			key = "x:m"
		}
		c[op] = object{key: some(r, values...)}
	}
	return c
}

func randomStatement(r *rand.Rand, ofKey bool) object {
	s := object{"Effect": pick(r, "Allow", "Allow", "Allow", "Deny")}
	s[pick(r, "Action", "Action", "Action", "NotAction")] = some(r, "kms:*", "kms:Encrypt", "KMS:en*", "kms:?ign", "*", "s3:*")
	resources := []string{"*", "*", "*", keyARN, "x"}
	if !ofKey {
		resources = append(resources, "arn:aws:kms:*", "arn:aws:kms:*:key/*", "arn:aws:k*:us-east-1:*:key/*", "arn:aws:kms:us-east-1:111122223333:key/${x:s}*")
	}
	s[pick(r, "Resource", "Resource", "Resource", "NotResource")] = some(r, resources...)
	if r.IntN(3) == 0 {
		s["Condition"] = randomCondition(r)
	}
	if !ofKey {
		return s
	}
	who := []string{
		"*", home, away, "arn:aws:iam::111122223333:root", user.ARN, awayUser.ARN, session.ARN, session.Role, federated.ARN,
		"arn:aws:iam::111122223333:role/app", "AROAEXAMPLEEXAMPLEEX",
	}
	s[pick(r, "Principal", "Principal", "Principal", "NotPrincipal")] = pick[any](r, "*", object{"AWS": some(r, who...)}, object{"AWS": some(r, who...)},
		object{"Service": some(r, "rds.amazonaws.com", "s3.amazonaws.com")})
	return s
}

func randomDocument(r *rand.Rand, ofKey bool) object {
	var statements []any
	for range 1 + r.IntN(4) {
		statements = append(statements, randomStatement(r, ofKey))
	}
	d := object{"Statement": statements}
	if v := pick(r, "2012-10-17", "2012-10-17", "2008-10-17", ""); v != "" {
		d["Version"] = v
	}
	return d
}

func randomWorld(r *rand.Rand) *world {
	c := said{}
	for key, values := range map[string][][]string{
		"x:s": {{"a"}, {"ab"}, {"A"}, nil}, "x:m": {{"a", "b"}, {"a"}, {"c", "ab"}, nil}, "x:n": {{"5"}, {"6.5"}, {"x"}, nil},
		"x:ip": {{"192.0.2.1"}, {"2001:db8::1"}, nil}, "x:arn": {{user.ARN}, {"arn:aws:iam::111122223333:user/u"}, nil},
		"x:d": {{"2026-01-02T03:04:05Z"}, {"1767000000"}, nil}, "x:star": {{"*"}, {"a"}, nil},
		"kms:encryptioncontext:app": {{"a"}, {"b"}, nil}, "aws:resourcetag/t": {{"a"}, nil},
	} {
		if v := values[r.IntN(len(values))]; v != nil {
			c[key] = v
		}
	}
	q := ask(pick(r, rootUser, rootUser, awayRoot, user, awayUser, session, federated, service), pick(r, "kms:Encrypt", "kms:Sign"), c)
	q.CrossAccount = r.IntN(4) > 0
	if r.IntN(8) == 0 {
		q.Key, q.Resource = false, "*"
	}
	w := &world{q: q, key: randomDocument(r, true), grant: policy.Grant(max(r.IntN(5)-2, 0))}
	if q.Principal.Kind == policy.User || q.Principal.Kind == policy.Session {
		for range r.IntN(3) {
			w.identity = append(w.identity, randomDocument(r, false))
		}
		if r.IntN(3) == 0 {
			w.boundary = randomDocument(r, false)
		}
		for range max(r.IntN(5)-2, 0) {
			w.session = append(w.session, randomDocument(r, false))
		}
	}
	return w
}

func (w *world) check(t testing.TB) {
	t.Helper()
	if got := w.decision(t); got.Allowed != w.reference() {
		b, _ := json.MarshalIndent([]any{w.key, w.identity, w.boundary, w.session, w.q.Context}, "", " ")
		t.Fatalf("%s %s %s, grant %d: got %+v, want allowed %t by\n%s", w.q.Principal.ARN, w.q.Action, w.q.Resource, w.grant, got, !got.Allowed, b)
	}
}

// Whatever policies there are, the reference evaluator decides the same.
func TestReference(t *testing.T) {
	allowed := 0
	for seed := range uint64(20_000) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 1)))
		w.check(t)
		if w.reference() {
			allowed++
		}
	}
	if allowed < 2000 || allowed > 18_000 {
		t.Errorf("%d of 20000 are allowed: the worlds are too much alike to show anything", allowed)
	}
}

// Long patterns of few characters match as the reference tries them.
func TestWildcardsReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	draw := func(n int, from ...string) (s string) {
		for range n {
			s += pick(r, from...)
		}
		return s
	}
	for range 3000 {
		s := draw(r.IntN(160), "a", "a", "a", "b", "é")
		pattern := draw(r.IntN(3), "a", "?", "*") + "*" + draw(r.IntN(90), "a", "a", "a", "a", "?", "b", "é") + draw(r.IntN(2), "*") + draw(r.IntN(3), "a", "?", "é")
		if r.IntN(2) == 0 && len(s) > 80 { // something that is in it
			runes := []rune(s)
			from := r.IntN(20)
			piece := runes[from : from+1+r.IntN(len(runes)-from)]
			for i := range piece {
				if r.IntN(4) == 0 {
					piece[i] = '?'
				}
			}
			pattern, s = "*"+string(piece)+"*", strings.ReplaceAll(string(runes), "?", "a")
		}
		want := matches([]rune(pattern), []rune(s))
		if got := holds(t, fmt.Sprintf(`{"StringLike":{"x:k":%q}}`, pattern), said{"x:k": {s}}); got != want {
			t.Fatalf("%q against %q: got %t, want %t", pattern, s, got, want)
		}
	}
}

func FuzzReference(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { randomWorld(rand.New(rand.NewPCG(a, b))).check(t) })
}

// Adding a Deny never allows, and the order of statements and policies never matters.
func TestProperties(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := randomWorld(r)
		was := w.decision(t)
		statements := w.key["Statement"].([]any)

		r.Shuffle(len(statements), func(i, j int) { statements[i], statements[j] = statements[j], statements[i] })
		r.Shuffle(len(w.identity), func(i, j int) { w.identity[i], w.identity[j] = w.identity[j], w.identity[i] })
		if got := w.decision(t); got.Allowed != was.Allowed || got.Reason != was.Reason {
			t.Fatalf("seed %d: in another order: got %+v, want %+v", seed, got, was)
		}
		deny := randomStatement(r, true)
		deny["Effect"] = "Deny"
		w.key["Statement"] = slices.Insert(statements, r.IntN(len(statements)+1), any(deny))
		if got := w.decision(t); got.Allowed && !was.Allowed {
			t.Fatalf("seed %d: a Deny more: got %+v, want %+v", seed, got, was)
		}
		if w.grant != policy.NoGrant {
			w.grant = policy.NoGrant
			if got := w.decision(t); got.Allowed && !was.Allowed {
				t.Fatalf("seed %d: a grant less: got %+v, want %+v", seed, got, was)
			}
		}
	}
}
