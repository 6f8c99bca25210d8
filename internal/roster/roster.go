// Package roster makes the identities of accounts what a file says.
//
// Parse reads a file; Compare says by which Changes the store becomes what it says; Plan.Apply makes them. A
// Change is operations of package iam, the same that requests to the API are, so that nothing comes to be here
// that could not have come to be there. What a file lists is made exactly as it stands in the file; what it
// does not list is left alone, or with Prune deleted.
package roster

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"qkms/internal/key"
)

// A File is a roster: one or more YAML documents, each about one account.
type File struct {
	Accounts []*Account
	path     string
}

// An Account is the identities of one account. Left out, a list has no members; of what is listed, left out is
// empty: no tags, no groups, no policies.
type Account struct {
	Account   string     `yaml:"account"`
	Policies  []Policy   `yaml:"policies"`
	Groups    []Group    `yaml:"groups"`
	Users     []User     `yaml:"users"`
	Roles     []Role     `yaml:"roles"`
	Providers []Provider `yaml:"identity_providers"`

	Certificates []Certificate `yaml:"certificates"`
}

// A Policy is a customer managed policy. Its path and description cannot be changed once it is there.
type Policy struct {
	Name        Word              `yaml:"name"`
	Path        string            `yaml:"path"` // begins and ends with a slash; empty: "/"
	Description string            `yaml:"description"`
	Tags        map[string]string `yaml:"tags"`
	Document    Document          `yaml:"document"`
}

// A Group gives its policies to its users.
type Group struct {
	Name     Word      `yaml:"name"`
	Path     string    `yaml:"path"`
	Policies []Word    `yaml:"policies"` // names of the account's managed policies, or ARNs
	Inline   Documents `yaml:"inline"`
}

// A User is an IAM user, without its access keys.
type User struct {
	Name     Word              `yaml:"name"`
	Path     string            `yaml:"path"`
	Tags     map[string]string `yaml:"tags"`
	Groups   []Word            `yaml:"groups"`
	Policies []Word            `yaml:"policies"`
	Inline   Documents         `yaml:"inline"`
	Boundary Word              `yaml:"boundary"` // a managed policy, as in Policies
}

// A Role is what sessions are of. Its path cannot be changed once it is there.
type Role struct {
	Name        Word              `yaml:"name"`
	Path        string            `yaml:"path"`
	Description string            `yaml:"description"`
	Trust       Document          `yaml:"trust"`       // who may assume it
	MaxSession  int               `yaml:"max_session"` // seconds, 3600 to 43200; 0: 3600
	Tags        map[string]string `yaml:"tags"`
	Policies    []Word            `yaml:"policies"`
	Inline      Documents         `yaml:"inline"`
	Boundary    Word              `yaml:"boundary"`
}

// A Provider is an OpenID Connect provider.
type Provider struct {
	URL         Word              `yaml:"url"` // with https://
	ClientIDs   []Word            `yaml:"client_ids"`
	Thumbprints []string          `yaml:"thumbprints"`
	Tags        map[string]string `yaml:"tags"`
}

// A Word is a text that knows its line.
type Word struct {
	Text string
	Line int
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *Word) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: one word is expected here", n.Line)
	}
	w.Text, w.Line = n.Value, n.Line
	return nil
}

// listed reports whether the file has anything about the account.
func (a *Account) listed() bool {
	return len(a.Policies)+len(a.Groups)+len(a.Users)+len(a.Roles)+len(a.Providers)+len(a.Certificates) > 0
}

// finish completes the accounts of a file and refuses what names two things alike. Names are the same apart
// from their case.
func (f *File) finish() error {
	var all []error
	seen := map[string]bool{}
	for _, a := range f.Accounts {
		if !key.IsAccount(a.Account) {
			all = append(all, fmt.Errorf("%s: account %q is not twelve digits", f.path, a.Account))
		}
		if seen[a.Account] {
			all = append(all, fmt.Errorf("%s: account %s occurs twice; write everything about it in one document", f.path, a.Account))
		}
		seen[a.Account] = true
		all = append(all, once(f, strings.ToLower, "policy", a.Policies, Policy.word)...)
		all = append(all, once(f, strings.ToLower, "group", a.Groups, Group.word)...)
		all = append(all, once(f, strings.ToLower, "user", a.Users, User.word)...)
		all = append(all, once(f, strings.ToLower, "role", a.Roles, Role.word)...)
		all = append(all, once(f, strings.Clone, "identity provider", a.Providers, Provider.word)...)
		all = append(all, once(f, strings.ToLower, "certificate", a.Certificates, Certificate.word)...)
	}
	return errors.Join(all...)
}

// once refuses two of a kind whose names fold to the same, and one without a name.
func once[T any](f *File, fold func(string) string, kind string, list []T, name func(T) Word) (all []error) {
	lines := map[string]int{}
	for i, one := range list {
		w := name(one)
		folded := fold(w.Text)
		switch {
		case w.Text == "":
			all = append(all, fmt.Errorf("%s: %s %d of the list has no name", f.path, kind, i+1))
		case lines[folded] != 0:
			all = append(all, f.at(w.Line, "%s %s is on line %d already", kind, w.Text, lines[folded]))
		}
		lines[folded] = w.Line
	}
	return all
}
