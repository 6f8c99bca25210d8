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
	account  string
	inline   []*Policy
	attached []string // ARNs
	groups   []string // names
	boundary string   // ARN

	made atomic.Pointer[made]
}

type made struct {
	Policies
	parts []any // in the order in which collect meets them
}

func (b *bundle) policies(ctx context.Context, d *Directory) (*Policies, error) {
	last := b.made.Load()
	if last != nil {
		same, i := true, 0
		err := b.collect(ctx, d, func(part any) {
			same = same && i < len(last.parts) && last.parts[i] == part
			i++
		})
		if err != nil {
			return nil, err
		}
		if same && i == len(last.parts) {
			return &last.Policies, nil
		}
	}
	return b.build(ctx, d)
}

func (b *bundle) build(ctx context.Context, d *Directory) (*Policies, error) {
	m := &made{Policies: Policies{Origins: append([]*Policy{}, b.inline...)}}
	err := b.collect(ctx, d, func(part any) {
		m.parts = append(m.parts, part)
		switch p := part.(type) {
		case *Managed:
			m.Origins = append(m.Origins, &p.Policy)
		case *Policies:
			m.Origins = append(m.Origins, p.Origins...)
		case *limit:
			m.Boundary, m.BoundaryARN = p.Policy.Policy, p.Policy.ARN
		}
	})
	if err != nil {
		return nil, err
	}
	for _, p := range m.Origins {
		m.Identity = append(m.Identity, p.Policy)
	}
	b.made.Store(m)
	return &m.Policies, nil
}

// limit is a managed policy as a boundary.
type limit Managed

// collect calls f with each part that can change without the identity's own record changing.
func (b *bundle) collect(ctx context.Context, d *Directory, f func(any)) error {
	for _, arn := range b.attached {
		p, err := d.part(ctx, arn)
		if err != nil {
			return err
		}
		f(p)
	}
	for _, name := range b.groups {
		g, err := d.Group(ctx, b.account, name)
		if err != nil {
			return err
		}
		if g == nil {
			return gone(record.OfGroup(b.account, name))
		}
		p, err := d.PoliciesOfGroup(ctx, g)
		if err != nil {
			return err
		}
		f(p)
	}
	if b.boundary == "" {
		return nil
	}
	p, err := d.part(ctx, b.boundary)
	if err != nil {
		return err
	}
	f((*limit)(p))
	return nil
}

// part is a policy that must be there: it might deny what another allows. That it is not can only mean
// that it was detached and deleted after the identity was read, which is then read again.
func (d *Directory) part(ctx context.Context, arn string) (*Managed, error) {
	p, err := d.Managed(ctx, arn)
	if err == nil && p == nil {
		err = gone(record.OfManagedPolicy("", arn))
	}
	return p, err
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
	if p := d.builtIns[arn]; p != nil {
		return p, nil
	}
	account, name, ok := d.parsePolicyARN(arn)
	if !ok {
		return nil, nil
	}
	m, err := cached(ctx, d, record.OfManagedPolicy(account, name), d.managed)
	if m == nil || m.Policy.ARN != arn {
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
