package server_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// A condition is a condition key of access.md §5 as the operations of its row have it: its value, or that it
// has none.
type condition struct {
	name    string
	kind    string // of value: an operator of policies
	value   string // empty: absent
	actions string // those of the column "Operations" that have it so
	body    string // what the requests say, where that is not what asked has; with names of the world
	where   string // in which policies: the column "Policy"; empty: both

	operation string // of the request, where the action is not named like it
}

// The columns of a condition that are not both kinds of policies.
const (
	identityOnly = "I"
	keyOnly      = "K" // of callers that have no policies of their own
)

// operators are, of each type, the operator that a value passes, the one it does not, and the end of a value
// that is another one.
var operators = map[string]struct{ is, isNot, other string }{
	"String":  {"StringEquals", "StringNotEquals", "x"},
	"Strings": {"ForAnyValue:StringEquals", "ForAnyValue:StringNotEquals", "x"},
	"Numeric": {"NumericEquals", "NumericNotEquals", "7"},
	"Date":    {"DateEquals", "DateNotEquals", "2001-01-01T00:00:00Z"},
	"Bool":    {"Bool", "Bool", ""},
	"IP":      {"IpAddress", "NotIpAddress", "192.0.2.0/24"},
	"ARN":     {"ArnEquals", "ArnNotEquals", "x"},
}

// another returns a value that is not v.
func another(kind, v string) string {
	switch kind {
	case "Bool":
		b, _ := strconv.ParseBool(v)
		return strconv.FormatBool(!b)
	case "Date", "IP":
		return operators[kind].other
	}
	return v + operators[kind].other
}

// only is the condition that name is v, but is the one that it is not.
func only(kind, name, v string) fields {
	return fields{operators[kind].is: fields{name: v}}
}

func but(kind, name, v string) fields {
	if kind == "Bool" {
		v = another(kind, v)
	}
	return fields{operators[kind].isNot: fields{name: v}}
}

// request is the one in which an action is needed: its operation and its body.
func (c *condition) request(action string) (operation, body string) {
	operation = strings.TrimSuffix(strings.TrimSuffix(action, "From"), "To")
	if c.operation != "" {
		operation = c.operation
	}
	if c.body != "" {
		return operation, c.body
	}
	return operation, asked[operation]
}

// probes are the statements about an action by which a condition shows, and whether they let it through.
func (c *condition) probes() []probe {
	if c.value == "" {
		return []probe{
			{"absent", true, []fields{{"Effect": "Allow", "Condition": fields{"Null": fields{c.name: true}}}}},
			{"present", false, []fields{{"Effect": "Allow", "Condition": fields{"Null": fields{c.name: false}}}}},
		}
	}
	wrong := another(c.kind, c.value)
	return []probe{
		{"its value, allowed with it and denied without", true, []fields{
			{"Effect": "Allow", "Condition": only(c.kind, c.name, c.value)}, {"Effect": "Deny", "Condition": but(c.kind, c.name, c.value)},
		}},
		{"denied without another value", false, []fields{{"Effect": "Allow"}, {"Effect": "Deny", "Condition": but(c.kind, c.name, wrong)}}},
	}
}

type probe struct {
	name    string
	through bool
	says    []fields
}

// A principal is a kind of caller: how a key policy names it, and how it gets policies of its own.
type principal struct {
	named   fields
	client  *kmstest.Client
	private func(policies string) *kmstest.Client // nil: it has none
	headers map[string]string
}

// Every row of access.md §5.1 and §5.2, in key policies and in those of identities.
func TestConditionKeys(t *testing.T) {
	t.Parallel()
	w := conditionWorld(t)
	for _, kind := range slices.Sorted(maps.Keys(conditionRows)) {
		who := w.principals[kind]
		for _, c := range conditionRows[kind](w) {
			for action := range strings.FieldsSeq(c.actions) {
				t.Run(strings.Join([]string{kind, c.name, c.value, action}, " "), func(t *testing.T) { w.try(t, &who, &c, action) })
			}
		}
	}
}

func (w *conditionals) try(t *testing.T, who *principal, c *condition, action string) {
	_, body := c.request(action)
	for _, p := range c.probes() {
		if c.where != identityOnly {
			w.keyPolicies(body, w.statements(p.says, action, who.named)...)
			client := who.client
			if who.private != nil { // what is about no key is for its own policies to allow
				client = who.private(document(fields{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}))
			}
			p.check(t, "key policy", w.ask(client, who, c, action))
		}
		if c.where != keyOnly {
			w.keyPolicies(body, fields{"Effect": "Allow", "Principal": fields{"AWS": kmstest.Account}, "Action": "kms:*", "Resource": "*"})
			p.check(t, "identity policy", w.ask(who.private(document(w.statements(p.says, action, nil)...)), who, c, action))
		}
	}
}

func (p *probe) check(t *testing.T, where string, r *kmstest.Reply) {
	t.Helper()
	if through := r.Code() != "AccessDeniedException"; through != p.through {
		t.Errorf("%s, %s: got %s, want let through: %t", where, p.name, r.Raw, p.through)
	}
}

// statements let through every action but one, about which says says more.
func (w *conditionals) statements(says []fields, action string, principal fields) []fields {
	all := []fields{{"Effect": "Allow", "NotAction": "kms:" + action}}
	for _, s := range says {
		s = maps.Clone(s)
		s["Action"] = "kms:" + action
		all = append(all, s)
	}
	for _, s := range all {
		s["Resource"] = "*"
		if principal != nil {
			s["Principal"] = principal
		}
	}
	return all
}

func document(statements ...fields) string {
	b, _ := json.Marshal(fields{"Version": "2012-10-17", "Statement": statements})
	return string(b)
}

// keyPolicies puts a policy on the keys of a request, which names two of them by an alias or a grant too.
func (w *conditionals) keyPolicies(request string, statements ...fields) {
	all := append(statements, fields{"Effect": "Allow", "Principal": fields{"AWS": keeper}, "Action": "kms:*", "Resource": "*"})
	text := document(all...)
	for name, now := range w.policies {
		meant := strings.Contains(request, "$"+name) || (name == "aes" || name == "other") && (strings.Contains(request, "alias/") || strings.Contains(request, "Token"))
		if meant && now != text {
			w.keeper.Must("PutKeyPolicy", fields{"KeyId": w.names[name], "Policy": text})
			w.policies[name] = text
		}
	}
}

// ask sends the request in which an action is needed.
func (w *conditionals) ask(client *kmstest.Client, who *principal, c *condition, action string) *kmstest.Reply {
	operation, text := c.request(action)
	body := []byte(os.Expand(text, func(name string) string { return w.names[name] }))
	req, err := http.NewRequest("POST", w.URL+"/", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	for name, v := range who.headers {
		req.Header.Set(name, v)
	}
	client.Sign(req, body, w.Clock.Now())
	r, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}
