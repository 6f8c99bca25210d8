package identity

import (
	"context"
	"strings"
	"sync/atomic"

	"qkms/internal/authz/policy"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Policy is one policy of an identity.
type Policy struct {
	*policy.Policy
	Name string // as its author called it
	ARN  string // of a managed policy; empty of an inline one
	Of   string // whose inline policy it is, "user/alice"; empty of a managed one
}

// Policies are those that have a say about what an identity may do. They are shared: never change them.
type Policies struct {
	Identity []*policy.Policy
	Boundary *policy.Policy // nil: there is none

	Origins     []*Policy // where each of Identity comes from, in the same order
	BoundaryARN string
}

// PoliciesOf returns the policies of a user: its own, those attached to it, and those of its groups.
func (d *Directory) PoliciesOf(ctx context.Context, u *User) (*Policies, error) {
	return u.bundle.policies(ctx, d)
}

// PoliciesOfRole returns the policies of a role.
func (d *Directory) PoliciesOfRole(ctx context.Context, r *Role) (*Policies, error) {
	return r.bundle.policies(ctx, d)
}

// PoliciesOfGroup returns the policies that a group gives to its users.
func (d *Directory) PoliciesOfGroup(ctx context.Context, g *Group) (*Policies, error) {
	return g.bundle.policies(ctx, d)
}

// compile makes inline policies ready.
func (d *Directory) compile(of string, inline []*recordpb.NamedPolicy) ([]*Policy, error) {
	out := make([]*Policy, len(inline))
	for i, p := range inline {
		doc, err := policy.ParseIdentity(p.Text, d.Partition)
		if err != nil {
			return nil, damaged("policy "+p.Name+" of "+of, err)
		}
		out[i] = &Policy{Policy: doc.Compile(), Name: p.Name, Of: of}
	}
	return out, nil
}

// A bundle puts the policies of one identity together, once, and again when one of its parts has changed:
// each part is looked up every time, which costs a look into memory, and compared with what the bundle was
// made of. A policy that was changed for many is so in force for all of them at once.
type bundle struct {
	inline   []*Policy
	attached []pointer
	groups   []pointer
	boundary *pointer // nil: there is none

	made atomic.Pointer[made]
}

// A pointer names a part, and where it is stored.
type pointer struct {
	name string // of a group; of a managed policy its ARN
	at   record.Key
}

func (d *Directory) bundle(account string, inline []*Policy, attached, groups []string, boundary string) *bundle {
	b := &bundle{inline: inline}
	for _, arn := range attached {
		b.attached = append(b.attached, d.pointer(arn))
	}
	for _, name := range groups {
		b.groups = append(b.groups, pointer{name, record.OfGroup(account, name)})
	}
	if boundary != "" {
		p := d.pointer(boundary)
		b.boundary = &p
	}
	return b
}

// pointer is to a managed policy; one of AWS's is stored nowhere.
func (d *Directory) pointer(arn string) pointer {
	p := pointer{name: arn}
	if account, name, ok := d.parsePolicyARN(arn); ok {
		p.at = record.OfManagedPolicy(account, name)
	}
	return p
}

type made struct {
	Policies
	parts []any // in the order in which collect meets them
}

func (b *bundle) policies(ctx context.Context, d *Directory) (*Policies, error) {
	last := b.made.Load()
	if last == nil {
		return b.build(ctx, d)
	}
	for i := range last.parts {
		part, _, err := b.part(ctx, d, i)
		if err != nil {
			return nil, err
		}
		if part != last.parts[i] {
			return b.build(ctx, d)
		}
	}
	return &last.Policies, nil
}

func (b *bundle) build(ctx context.Context, d *Directory) (*Policies, error) {
	m := &made{Policies: Policies{Origins: append([]*Policy{}, b.inline...)}}
	for i := 0; ; i++ {
		part, ok, err := b.part(ctx, d, i)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		m.parts = append(m.parts, part)
		switch p := part.(type) {
		case *Managed:
			m.Origins = append(m.Origins, &p.Policy)
		case *Policies:
			m.Origins = append(m.Origins, p.Origins...)
		case *limit:
			m.Boundary, m.BoundaryARN = p.Policy.Policy, p.Policy.ARN
		}
	}
	for _, p := range m.Origins {
		m.Identity = append(m.Identity, p.Policy)
	}
	b.made.Store(m)
	return &m.Policies, nil
}

// limit is a managed policy as a boundary.
type limit Managed

// part returns what can change without the identity's own record changing: each i from 0 until ok is false. A
// part must be there: it might deny what another allows. That it is not can only mean that it was detached and
// deleted after the identity was read, which is then read again.
func (b *bundle) part(ctx context.Context, d *Directory, i int) (part any, ok bool, err error) {
	if i < len(b.attached) {
		p, err := d.attached(ctx, &b.attached[i])
		return p, true, err
	}
	if i -= len(b.attached); i < len(b.groups) {
		p, err := d.ofGroup(ctx, &b.groups[i])
		return p, true, err
	}
	if i -= len(b.groups); i > 0 || b.boundary == nil {
		return nil, false, nil
	}
	p, err := d.attached(ctx, b.boundary)
	return (*limit)(p), true, err
}

func (d *Directory) attached(ctx context.Context, at *pointer) (*Managed, error) {
	p, err := d.managedAt(ctx, at)
	if err == nil && p == nil {
		err = gone(at.at)
	}
	return p, err
}

func (d *Directory) ofGroup(ctx context.Context, at *pointer) (*Policies, error) {
	g, err := cached(ctx, d, at.at, d.group)
	if err == nil && (g == nil || g.Name != at.name) {
		err = gone(at.at)
	}
	if err != nil {
		return nil, err
	}
	return d.PoliciesOfGroup(ctx, g)
}

func gone(k record.Key) error { return k.Conflict() }

// A Managed is a managed policy.
type Managed struct {
	*recordpb.ManagedPolicy // of an AWS managed one, made up
	Policy                  // the version in force
	Ver                     uint64
	AWS                     bool // one of AWS's, which belongs to no account
}

// Managed returns the managed policy with this ARN, or nil.
func (d *Directory) Managed(ctx context.Context, arn string) (*Managed, error) {
	at := d.pointer(arn)
	return d.managedAt(ctx, &at)
}

func (d *Directory) managedAt(ctx context.Context, at *pointer) (*Managed, error) {
	if p := d.builtIns[at.name]; p != nil || at.at == (record.Key{}) {
		return p, nil
	}
	m, err := cached(ctx, d, at.at, d.managed)
	if m == nil || m.Policy.ARN != at.name {
		return nil, err
	}
	return m, err
}

// PolicyARN names a customer managed policy.
func (d *Directory) PolicyARN(m *recordpb.ManagedPolicy) string {
	return d.arn(m.Account, "policy", m.Path, m.Name)
}

// parsePolicyARN reads arn:<partition>:iam::<account>:policy[/path/]<name>.
func (d *Directory) parsePolicyARN(arn string) (account, name string, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:"+d.Partition+":iam::")
	account, rest, found := strings.Cut(rest, ":policy/")
	if !ok || !found || len(account) != 12 {
		return "", "", false
	}
	name = rest[strings.LastIndexByte(rest, '/')+1:]
	return account, name, name != ""
}

func (d *Directory) managed(m *recordpb.ManagedPolicy, ver uint64) (*Managed, error) {
	for _, v := range m.Versions {
		if v.Number != m.Default {
			continue
		}
		doc, err := policy.ParseIdentity(v.Text, d.Partition)
		if err != nil {
			return nil, damaged("managed policy "+m.Name, err)
		}
		return &Managed{ManagedPolicy: m, Ver: ver, Policy: Policy{Policy: doc.Compile(), Name: m.Name, ARN: d.PolicyARN(m)}}, nil
	}
	return nil, damaged("managed policy "+m.Name, errNoDefault)
}
