package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
)

func (w *world) decision(t testing.TB) policy.Decision {
	t.Helper()
	found := policy.Consult(w.q, w.sources(t))
	return found.Decide(w.grant)
}

func (w *world) sources(t testing.TB) *policy.Sources {
	t.Helper()
	compile := func(doc object, parse func(text, partition string) (*policy.Document, error), ids map[string]string) *policy.Policy {
		if doc == nil {
			return nil
		}
		b, _ := json.Marshal(doc)
		d, err := parse(string(b), "aws")
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if ids != nil {
			return d.Bind(ids)
		}
		return d.Compile()
	}
	s := &policy.Sources{Boundary: compile(w.boundary, policy.ParseIdentity, nil)}
	if w.q.Trust {
		s.Trust = compile(w.owner, policy.ParseTrust, w.ids)
	} else {
		s.Key = compile(w.owner, policy.Parse, w.ids)
	}
	for _, d := range w.session {
		s.Session = append(s.Session, compile(d, policy.ParseIdentity, nil))
	}
	for _, d := range w.identity {
		s.Identity = append(s.Identity, compile(d, policy.ParseIdentity, nil))
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

func randomStatement(r *rand.Rand, is sort) object {
	s := object{"Effect": pick(r, "Allow", "Allow", "Allow", "Deny")}
	actions := []string{"sts:*", "STS:assume*", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession"}
	if is != ofRole {
		actions = append(actions, "kms:*", "kms:Encrypt", "KMS:en*", "kms:?ign", "*", "s3:*")
	}
	s[pick(r, "Action", "Action", "Action", "NotAction")] = some(r, actions...)
	resources := []string{"*", "*", "*", keyARN, "x"}
	if is == ofIdentity {
		resources = append(resources, "arn:aws:kms:*", "arn:aws:kms:*:key/*", "arn:aws:k*:us-east-1:*:key/*", "arn:aws:kms:us-east-1:111122223333:key/${x:s}*",
			roleARN, "arn:aws:iam::*:role/*")
	}
	if is != ofRole {
		s[pick(r, "Resource", "Resource", "Resource", "NotResource")] = some(r, resources...)
	}
	if r.IntN(3) == 0 {
		s["Condition"] = randomCondition(r)
	}
	if is == ofIdentity {
		return s
	}
	who := []string{
		"*", home, away, "arn:aws:iam::111122223333:root", user.ARN, awayUser.ARN, session.ARN, session.Role, federated.ARN,
		"arn:aws:iam::111122223333:role/app", "AROAEXAMPLEEXAMPLEEX", "arn:verenc:iam::111122223333:user/team/u",
	}
	element := pick(r, "Principal", "Principal", "Principal", "NotPrincipal")
	if is == ofRole {
		element = "Principal"
	}
	s[element] = pick[any](r, "*", object{"AWS": some(r, who...)}, object{"AWS": some(r, who...)}, object{"AWS": some(r, who...)},
		object{"Service": some(r, "rds.amazonaws.com", "s3.amazonaws.com")}, object{"Federated": some(r, webIdentity.ARN, webIdentity.ARN+"b")})
	return s
}

func randomDocument(r *rand.Rand, is sort) object {
	var statements []any
	for range 1 + r.IntN(4) {
		statements = append(statements, randomStatement(r, is))
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
	w := &world{q: q, owner: randomDocument(r, ofKey), grant: policy.Grant(max(r.IntN(5)-2, 0))}
	switch r.IntN(8) {
	case 0:
		q.Key, q.Resource = false, "*"
	case 1, 2:
		w.q = assume(pick(r, q.Principal, q.Principal, webIdentity), pick(r, "sts:AssumeRole", "sts:AssumeRole", "sts:TagSession", "sts:AssumeRoleWithWebIdentity"), c)
		w.owner, q = randomDocument(r, ofRole), w.q
	}
	if r.IntN(2) == 0 {
		w.bind(r)
	}
	if q.Principal.Kind == policy.User || q.Principal.Kind == policy.Session {
		for range r.IntN(3) {
			w.identity = append(w.identity, randomDocument(r, ofIdentity))
		}
		if r.IntN(3) == 0 {
			w.boundary = randomDocument(r, ofIdentity)
		}
		for range max(r.IntN(5)-2, 0) {
			w.session = append(w.session, randomDocument(r, ofIdentity))
		}
	}
	return w
}

// bind makes as if the policy had been saved, some of those it names since deleted and made anew or renamed.
func (w *world) bind(r *rand.Rand) {
	w.ids = map[string]string{}
	for name, id := range map[string]string{user.ARN: userID, awayUser.ARN: awayUser.ID, session.ARN: roleID, session.Role: roleID} {
		if id = pick(r, "", id, id, userID, "AIDAANOTHERANOTHERUS", "AROAANOTHERANOTHERRO"); id != "" {
			w.ids[name] = id
		}
	}
	p := *w.q.Principal
	switch r.IntN(4) {
	case 0:
		p.ARN += "2"
	case 1:
		p.Role = strings.Replace(p.Role, "app", "renamed", 1)
	}
	w.q.Principal = &p
}

func (w *world) check(t testing.TB) {
	t.Helper()
	if got := w.decision(t); got.Allowed != w.reference() {
		b, _ := json.MarshalIndent([]any{w.owner, w.ids, w.identity, w.boundary, w.session, w.q.Context}, "", " ")
		t.Fatalf("%s %s %s, grant %d: got %+v, want allowed %t by\n%s", w.q.Principal.ARN, w.q.Action, w.q.Resource, w.grant, got, !got.Allowed, b)
	}
}
