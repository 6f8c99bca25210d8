// Package policy decides by the policy language of AWS (access.md §3, §4.3).
//
// Parse reads a key policy and says what is wrong with it in AWS's words, Format prints it as it is given
// back, Bind makes it ready; Consult asks all policies about one Question, and Decide says whether it is
// allowed, and why. The package is pure: whose policies are asked, who exists, and what a request says, its
// caller brings.
package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"qkms/internal/fault"
)

// MaxSize is the most a key policy may have, in bytes, white space included (access.md §3.5).
const MaxSize = 32 << 10

// A Document is a well-formed policy.
type Document struct {
	root       value
	statements []*value
	grammar    grammar
	partition  string
}

// A grammar says which elements a policy has (access.md §3.1).
type grammar int

const (
	ofKey grammar = iota
	ofIdentity
	ofRole // whom a role trusts
)

// Default is the key policy of a key that was given none: everything to the account that owns it, and
// through its identity policies to whom it trusts.
func Default(partition, account string) *Document {
	d, err := Parse(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow",`+
		`"Principal":{"AWS":"arn:`+partition+`:iam::`+account+`:root"},"Action":"kms:*","Resource":"*"}]}`, partition)
	if err != nil {
		panic("policy: internal error: the default policy: " + err.Error()) // a constant, but for two checked words
	}
	return d
}

// Parse reads a key policy. The error is what the caller is told: MalformedPolicyDocumentException
// with what is wrong and where, InvalidArnException, or LimitExceededException.
func Parse(text, partition string) (*Document, error) {
	if len(text) > MaxSize {
		return nil, fault.PolicyTooLong(len(text), MaxSize)
	}
	return parse(text, partition, ofKey)
}

// ParseIdentity reads a policy of an identity, a boundary or a session: they name no principal, and say of
// each statement what it is about. How long one may be is for the caller to say. The error is
// MalformedPolicyDocumentException.
func ParseIdentity(text, partition string) (*Document, error) {
	return parse(text, partition, ofIdentity)
}

func parse(text, partition string, g grammar) (*Document, error) {
	root, err := read(text)
	if err != nil {
		return nil, fault.PolicySyntax("it is not JSON: " + err.Error())
	}
	d := &Document{root: root, grammar: g, partition: partition}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// Format returns the policy as GetKeyPolicy gives it.
func (d *Document) Format() string {
	var b strings.Builder
	d.root.format(&b, 0)
	return b.String()
}

func (d *Document) check() error {
	if d.root.kind != objectKind {
		return fault.PolicySyntax("it is not an object")
	}
	for _, m := range d.root.members {
		switch m.name {
		case "Version":
			if m.kind != stringKind || m.scalar != "2012-10-17" && m.scalar != "2008-10-17" {
				return fault.PolicySyntax("Version is neither 2012-10-17 nor 2008-10-17")
			}
		case "Id":
			if m.kind != stringKind {
				return fault.PolicySyntax("Id is not a string")
			}
		case "Statement":
		default:
			return fault.PolicySyntax(fmt.Sprintf("it has an unknown element %q", m.name))
		}
	}
	return d.checkStatements()
}

func (d *Document) checkStatements() error {
	s, ok := d.root.get("Statement")
	switch {
	case !ok:
		return fault.PolicySyntax("it has no Statement")
	case s.kind != objectKind && (s.kind != listKind || len(s.list) == 0):
		return fault.PolicySyntax("Statement is neither an object nor a list of objects")
	}
	d.statements = d.root.items("Statement")
	var sids []string
	for i, s := range d.statements {
		if err := d.checkStatement(s, fmt.Sprintf("statement %d", i+1)); err != nil {
			return err
		}
		if sid, ok := s.get("Sid"); ok && sid.scalar != "" {
			if slices.Contains(sids, sid.scalar) {
				return fault.PolicySyntax(fmt.Sprintf("the Sid %q occurs twice", sid.scalar))
			}
			sids = append(sids, sid.scalar)
		}
	}
	return nil
}

// elements of a statement, each with what must not stand beside it.
var elements = map[string]string{
	"Sid": "", "Effect": "", "Condition": "",
	"Principal": "NotPrincipal", "NotPrincipal": "Principal",
	"Action": "NotAction", "NotAction": "Action",
	"Resource": "NotResource", "NotResource": "Resource",
}

func (d *Document) checkStatement(s *value, where string) error {
	if s.kind != objectKind {
		return fault.PolicySyntax(where + " is not an object")
	}
	for _, m := range s.members {
		other, known := elements[m.name]
		if !known {
			return fault.PolicySyntax(fmt.Sprintf("%s has an unknown element %q", where, m.name))
		}
		if _, both := s.get(other); both {
			return fault.PolicySyntax(fmt.Sprintf("%s has both %s and %s", where, m.name, other))
		}
		if err := d.checkElement(&m, where); err != nil {
			return err
		}
	}
	if effect, ok := s.get("Effect"); !ok || effect.scalar != "Allow" && effect.scalar != "Deny" {
		return fault.PolicySyntax(where + " has an Effect that is neither Allow nor Deny")
	}
	switch d.grammar {
	case ofIdentity:
		return checkIdentity(s, where)
	case ofRole:
		return checkTrust(s, where)
	}
	if !has(s, "Principal", "NotPrincipal") {
		return fault.PolicyNoPrincipal()
	}
	return nil // no Action or no Resource: it may be saved, and has no effect (§3.1)
}

// has reports whether a statement has one of two elements.
func has(s *value, name, opposite string) bool {
	_, is := s.get(name)
	_, not := s.get(opposite)
	return is || not
}

var identitySid = regexp.MustCompile(`^[A-Za-z0-9]*$`)

func checkIdentity(s *value, where string) error {
	switch {
	case has(s, "Principal", "NotPrincipal"):
		return fault.PolicySyntax(where + " names a principal, which an identity policy does not")
	case !has(s, "Action", "NotAction"):
		return fault.PolicySyntax(where + " has no Action")
	case !has(s, "Resource", "NotResource"):
		return fault.PolicySyntax(where + " has no Resource")
	}
	return checkSid(s, where)
}

// checkSid is about policies that are not of keys, whose Sids may be any text.
func checkSid(s *value, where string) error {
	if sid, named := s.get("Sid"); named && !identitySid.MatchString(sid.scalar) {
		return fault.PolicySyntax(where + " has a Sid with other characters than letters and digits")
	}
	return nil
}

func (d *Document) checkElement(m *member, where string) error {
	switch m.name {
	case "Sid":
		if m.kind != stringKind {
			return fault.PolicySyntax(where + " has a Sid that is not a string")
		}
	case "Principal", "NotPrincipal":
		return d.checkPrincipal(&m.value, where)
	case "Action", "NotAction":
		return checkActions(&m.value, where)
	case "Resource", "NotResource":
		if _, ok := m.texts(); !ok {
			return fault.PolicySyntax(fmt.Sprintf("%s has a %s that is neither a string nor a list of strings", where, m.name))
		}
	case "Condition":
		return checkCondition(&m.value, where)
	}
	return nil
}

func checkActions(v *value, where string) error {
	actions, ok := v.texts()
	if !ok {
		return fault.PolicySyntax(where + " has an Action that is neither a string nor a list of strings")
	}
	for _, a := range actions {
		if service, name, ok := strings.Cut(a, ":"); a != "*" && (!ok || service == "" || name == "") {
			return fault.PolicySyntax(fmt.Sprintf("%s has the action %q, which is not of the form service:name", where, a))
		}
	}
	return nil
}
