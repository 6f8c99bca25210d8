package roster

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A state is the identities that an account has in the store, by their names in lower case, providers by their
// addresses without https://.
type state struct {
	policies  map[string]*recordpb.ManagedPolicy
	groups    map[string]*recordpb.Group
	users     map[string]*recordpb.User
	roles     map[string]*recordpb.Role
	providers map[string]*recordpb.Provider

	certificates map[string]*recordpb.Certificate
}

func load(ctx context.Context, b *record.Book, account string) (s state, err error) {
	s.policies, err = all[recordpb.ManagedPolicy](ctx, b, record.ManagedPolicies(account), nil)
	s.groups, err = all[recordpb.Group](ctx, b, record.Groups(account), err)
	s.users, err = all[recordpb.User](ctx, b, record.Users(account), err)
	s.roles, err = all[recordpb.Role](ctx, b, record.Roles(account), err)
	s.providers, err = all[recordpb.Provider](ctx, b, record.Providers(account), err)
	s.certificates, err = all[recordpb.Certificate](ctx, b, record.Certificates(account), err)
	return s, err
}

const page = 500 // records read at a time

// all reads the records below prefix, unless something has failed before.
func all[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, b *record.Book, prefix record.Key, failed error) (map[string]P, error) {
	if failed != nil {
		return nil, failed
	}
	out := map[string]P{}
	var after record.Key
	for more := true; more; {
		var items []record.Item[P]
		var err error
		if items, more, err = record.Scan[T, P](ctx, b, prefix, after, page); err != nil {
			return nil, err
		}
		for _, it := range items {
			out[it.Key.Part(1)] = it.Msg
			after = it.Key
		}
	}
	return out, nil
}

// A world is an account as it is, as the file has it, and as it will be.
type world struct {
	*Account
	state

	policyARNs map[string]string // of policies that will be there, by their exact names
	groupNames map[string]bool   // that will be there
	principals map[string]bool   // ARNs of users and roles that will be there
}

func (p *planner) world(a *Account) (*world, error) {
	s, err := load(p.ctx, p.node.Book, a.Account)
	if err != nil {
		return nil, err
	}
	w := &world{Account: a, state: s, policyARNs: map[string]string{}, groupNames: map[string]bool{}, principals: map[string]bool{}}
	for _, m := range s.policies {
		p.expect(w, "policy", m.Name, m.Path, p.prune)
	}
	for _, m := range s.groups {
		p.expect(w, "group", m.Name, m.Path, p.prune)
	}
	for _, m := range s.users {
		p.present[p.arn(w, "user", m.Path, m.Name)] = true
		p.expect(w, "user", m.Name, m.Path, p.prune || listed(a.Users, m.Name, User.word))
	}
	for _, m := range s.roles {
		p.present[p.arn(w, "role", m.Path, m.Name)] = true
		p.expect(w, "role", m.Name, m.Path, p.prune || listed(a.Roles, m.Name, Role.word))
	}
	for _, d := range a.Policies {
		p.expect(w, "policy", d.Name.Text, d.Path, false)
	}
	for _, d := range a.Groups {
		p.expect(w, "group", d.Name.Text, d.Path, false)
	}
	for _, d := range a.Users {
		p.expect(w, "user", d.Name.Text, d.Path, false)
	}
	for _, d := range a.Roles {
		p.expect(w, "role", d.Name.Text, d.Path, false)
	}
	return w, nil
}

// expect notes what will be there, unless it is going.
func (p *planner) expect(w *world, kind, name, path string, going bool) {
	if going {
		return
	}
	switch arn := p.arn(w, kind, path, name); kind {
	case "policy":
		w.policyARNs[name] = arn
	case "group":
		w.groupNames[name] = true
	default:
		w.principals[arn] = true
	}
}

// listed reports whether the file has something of this name, apart from case.
func listed[T any](list []T, name string, of func(T) Word) bool {
	return slices.ContainsFunc(list, func(one T) bool { return strings.EqualFold(of(one).Text, name) })
}

func (d Policy) word() Word   { return d.Name }
func (d Group) word() Word    { return d.Name }
func (d User) word() Word     { return d.Name }
func (d Role) word() Word     { return d.Name }
func (d Provider) word() Word { return Word{d.address(), d.URL.Line} }
