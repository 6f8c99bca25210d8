// Package reference is what there is to know about the operations of the API, for the pages that explain them.
//
// Operations and Find are the way in. The members and errors are generated from api/kms.json and api/overlay.json, the
// permissions are held against the operation table by the tests, the sentences are in prose and common.yaml, and what
// the examples show was answered by a server. Nothing here takes part in answering a request.
package reference

//go:generate go run qkms/api/gen -api ../../api -package reference

import (
	"slices"
	"strings"
	"sync"

	"qkms/internal/fault"
	"qkms/internal/op"
)

// An Operation is one operation of the API. It is shared: nobody changes it.
type Operation struct {
	Name    string
	Input   []Member // of the request
	Output  []Member // of the answer
	Answers bool     // a success has a body, which may be an empty object
	Errors  []Error  // those of this operation, in model order; Everywhere has the others

	ReadOnly     bool // as the audit record has it: cryptography is read-only
	Destructive  bool // success takes something away that works now: ask first
	Fenced       bool // the answer comes when no node goes by what was before, or says when none will
	CrossAccount bool // another account's key can be used, if that account allows it
	Permissions  []Permission
	Conditions   []Condition // those of this operation, then those of every operation on a key

	Summary     string   // one sentence
	Description []string // paragraphs
	Notes       []string
	Usage       string      // what the key must be for; "": anything, or there is no key
	State       string      // which states the key may be in, in words; "": there is no key
	Spec        string      // what kind of key it must be, in words; "": any, or there is no key
	Differs     []string    // what is known to be otherwise on AWS
	Choices     []op.Choice // what was chosen where AWS's behaviour is not established
	Examples    []Example
}

// A Member is a member of a structure, or what is in a list or map.
type Member struct {
	Name       string // as on the wire; "" of what is in a list or map
	Meaning    string // one sentence or two; "" of what is in a list or map
	Type       string // string, blob (base64 on the wire), integer, boolean, timestamp, list, map or structure
	Required   bool
	Deprecated bool
	Sensitive  bool     // never shown, kept or logged without being asked to
	Min, Max   int      // characters of a string, bytes of a blob, items of a list, value of an integer; 0: no bound
	Pattern    string   // regular expression in the model's spelling
	Enum       []string // all values that are valid
	Shape      string   // the model's name of it: of a structure, a boolean, and what has an Enum
	Members    []Member // of a structure
	Element    *Member  // of a list, or the values of a map
	Key        *Member  // of a map
}

// An Error is one that an operation answers.
type Error struct {
	Code   string
	Status int    // of HTTP
	When   string // in a sentence
	Never  bool   // the model has it, and this service has no occasion for it
}

// A Permission is one that the caller needs.
type Permission struct {
	Action       string // "kms:Encrypt"
	On           string // OnKey, OnAlias, OnPrincipal or OnAll
	Which        string // which key, where there are several: "the source key"
	When         string // the request needs it only then; "": always
	CrossAccount bool   // on another account's key too
	Grantable    bool   // a grant can give it
}

// What a permission is on.
const (
	OnKey       = "key"
	OnAlias     = "alias"
	OnPrincipal = "principal"
	OnAll       = "*" // the operation is about no key that there is yet, or about all
)

// A Condition is a condition key of policies that may have a value.
type Condition struct {
	Key   string // kms:KeySpec; NAME in it stands for any
	Type  string // string, strings, boolean, number, date, ARN or IP address
	Value string // in a sentence
}

// Operations are all operations by name.
func Operations() []*Operation { return all().operations }

// Everywhere are the errors that every operation may answer, in the order in which a request meets them.
func Everywhere() []Error { return all().everywhere }

// Conditions are the condition keys that every request may have values of, whatever it asks for.
func Conditions() []Condition { return all().conditions }

// Find returns the operation of that exact name, or nil.
func Find(name string) *Operation {
	i, found := slices.BinarySearchFunc(Operations(), name, func(o *Operation, name string) int { return strings.Compare(o.Name, name) })
	if !found {
		return nil
	}
	return Operations()[i]
}

type contents struct {
	operations []*Operation
	everywhere []Error
	conditions []Condition
}

// all is what the model and the files beside it say. They are part of the program, and read when somebody asks.
var all = sync.OnceValue(func() contents {
	said, err := readProse()
	if err != nil {
		panic("reference: internal error: " + err.Error()) // TestProse reads the same files
	}
	var c contents
	for _, o := range operations {
		c.operations = append(c.operations, said.about(o))
	}
	slices.SortFunc(c.operations, func(a, b *Operation) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range said.common.Everywhere {
		c.everywhere = append(c.everywhere, Error{Code: e.Code, Status: status(e.Code), When: e.When})
	}
	c.conditions = said.conditions("", false)
	return c
})

// errorsOf are those of the service with their status.
func errorsOf(codes ...string) []Error {
	all := make([]Error, len(codes))
	for i, c := range codes {
		all[i] = Error{Code: c, Status: status(c), Never: !slices.Contains(fault.Codes, fault.Code(c))}
	}
	return all
}

func status(code string) int { return fault.Bare(fault.Code(code)).Status() }

// destructive are the operations whose success takes something away from somebody, beyond what they add: a key or a
// material, the use of one, a name, a grant, a statement of a policy.
var destructive = map[string]bool{
	"DeleteAlias": true, "DeleteCustomKeyStore": true, "DeleteImportedKeyMaterial": true, "DisableKey": true,
	"DisconnectCustomKeyStore": true, "PutKeyPolicy": true, "RetireGrant": true, "RevokeGrant": true,
	"ScheduleKeyDeletion": true, "UntagResource": true, "UpdateAlias": true,
}
