// Package reference is what there is to know about the operations of the API, for the pages that explain them.
//
// Operations and Find are the way in. The members and errors are generated from api/kms.json and api/overlay.json, the
// permissions are held against the operation table by the tests, and nothing here takes part in answering a request.
package reference

//go:generate go run qkms/api/gen -api ../../api -package reference

import (
	"slices"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/op"
)

// An Operation is one operation of the API. It is shared: nobody changes it.
type Operation struct {
	Name    string
	Input   []Member // of the request
	Output  []Member // of the answer
	Answers bool     // a success has a body, which may be an empty object
	Errors  []Error  // those of this operation, in model order; common ones are not among them

	ReadOnly     bool // as the audit record has it: cryptography is read-only
	Destructive  bool // success takes something away that works now: ask first
	CrossAccount bool // another account's key can be used, if that account allows it
	Permissions  []Permission
}

// A Member is a member of a structure, or what is in a list or map.
type Member struct {
	Name       string // as on the wire; "" of what is in a list or map
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
	Status int // of HTTP
}

// A Permission is one that the caller needs.
type Permission struct {
	Action       string // "kms:Encrypt"
	On           string // OnKey, OnAlias, OnPrincipal or OnAll
	Which        string // which key, where there are several: "the source key"
	When         string // the request needs it only then; "": always
	CrossAccount bool   // on another account's key too
}

// What a permission is on.
const (
	OnKey       = "key"
	OnAlias     = "alias"
	OnPrincipal = "principal"
	OnAll       = "*" // the operation is about no key that there is yet, or about all
)

// Operations are all operations by name.
func Operations() []*Operation { return all }

// Find returns the operation of that exact name, or nil.
func Find(name string) *Operation {
	i, found := slices.BinarySearchFunc(all, name, func(o *Operation, name string) int { return strings.Compare(o.Name, name) })
	if !found {
		return nil
	}
	return all[i]
}

// all are the operations of the model with what the model does not say.
var all = complete(operations)

func complete(operations []*Operation) []*Operation {
	for _, o := range operations {
		o.ReadOnly, o.Destructive = op.ByName[o.Name].Facts().ReadOnly, destructive[o.Name]
		o.Permissions = permissions(o.Name)
		o.CrossAccount = slices.ContainsFunc(o.Permissions, func(p Permission) bool { return p.CrossAccount })
	}
	return slices.SortedFunc(slices.Values(operations), func(a, b *Operation) int { return strings.Compare(a.Name, b.Name) })
}

// errors are those of the service with their status.
func errors(codes ...string) []Error {
	all := make([]Error, len(codes))
	for i, c := range codes {
		all[i] = Error{c, fault.Bare(fault.Code(c)).Status()}
	}
	return all
}

// destructive are the operations whose success takes something away from somebody, beyond what they add: a key or a
// material, the use of one, a name, a grant, a statement of a policy.
var destructive = map[string]bool{
	"DeleteAlias": true, "DeleteCustomKeyStore": true, "DeleteImportedKeyMaterial": true, "DisableKey": true,
	"DisconnectCustomKeyStore": true, "PutKeyPolicy": true, "RetireGrant": true, "RevokeGrant": true,
	"ScheduleKeyDeletion": true, "UntagResource": true, "UpdateAlias": true,
}
