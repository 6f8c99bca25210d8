// Package identity knows the users, groups and roles of accounts.
//
// Start with Directory: it reads them from the store, with their policies ready to decide, and keeps them in
// memory until a commit changes them. How they come to be is the business of package iam; that a request is
// theirs, of authn; what follows from their policies, of authz.
package identity

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"qkms/internal/authz/policy"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Directory looks identities up. Its methods may be called concurrently. What they return is shared:
// never change it. None of them tells an absent identity from an error by anything but nil.
type Directory struct {
	Book      *record.Book
	Partition string // of ARNs: "aws"

	builtIns map[string]*Managed // by ARN
}

// New returns the directory of a store.
func New(book *record.Book, partition string) *Directory {
	return &Directory{Book: book, Partition: partition, builtIns: builtInPolicies(partition)}
}

// A User is an IAM user.
type User struct {
	*recordpb.User
	Ver  uint64 // of its record
	ARN  string
	Tags Tags

	at     record.Key
	bundle *bundle
}

// A Group gives its policies to its users.
type Group struct {
	*recordpb.Group
	Ver uint64
	ARN string

	bundle *bundle
}

// A Role is what sessions are of.
type Role struct {
	*recordpb.Role
	Ver   uint64
	ARN   string
	Tags  Tags
	Trust *policy.Policy // who may assume it

	at     record.Key
	bundle *bundle
}

// User returns the user with exactly this name, or nil.
func (d *Directory) User(ctx context.Context, account, name string) (*User, error) {
	u, err := cached(ctx, d, record.OfUser(account, name), d.user)
	if u == nil || u.Name != name {
		return nil, err
	}
	return u, err
}

// Group returns the group with exactly this name, or nil.
func (d *Directory) Group(ctx context.Context, account, name string) (*Group, error) {
	g, err := cached(ctx, d, record.OfGroup(account, name), d.group)
	if g == nil || g.Name != name {
		return nil, err
	}
	return g, err
}

// Role returns the role with exactly this name, or nil.
func (d *Directory) Role(ctx context.Context, account, name string) (*Role, error) {
	r, err := cached(ctx, d, record.OfRole(account, name), d.role)
	if r == nil || r.Name != name {
		return nil, err
	}
	return r, err
}

// UserNow returns the user as it is by now, or nil when it is gone, whoever has its name.
func (d *Directory) UserNow(ctx context.Context, u *User) (*User, error) {
	now, err := cached(ctx, d, u.at, d.user)
	if now == nil || now.Id != u.Id {
		return nil, err
	}
	return now, err
}

// RoleNow returns the role as it is by now, or nil when it is gone, whichever has its name.
func (d *Directory) RoleNow(ctx context.Context, r *Role) (*Role, error) {
	now, err := cached(ctx, d, r.at, d.role)
	if now == nil || now.Id != r.Id {
		return nil, err
	}
	return now, err
}

// Provider returns the OpenID Connect provider of account with this URL, which has no scheme, or nil.
func (d *Directory) Provider(ctx context.Context, account, url string) (*recordpb.Provider, error) {
	p, _, err := record.Load[recordpb.Provider](ctx, d.Book, record.OfProvider(account, url))
	return p, err
}

// Certificate returns whose role the holder of a TLS client key may have sessions of, or nil: spki is the
// SHA-256 of its SubjectPublicKeyInfo in lower-case hex.
func (d *Directory) Certificate(ctx context.Context, spki string) (*recordpb.Certificate, error) {
	c, _, err := record.Load[recordpb.Certificate](ctx, d.Book, record.OfCertificate(spki))
	return c, err
}

// cached is the decoded record at k, or nil.
func cached[T any, M any, P interface {
	*M
	proto.Message
}](ctx context.Context, d *Directory, k record.Key, make func(P, uint64) (*T, error)) (*T, error) {
	v, _, err := d.Book.Cached(ctx, k, func(plain []byte, ver uint64) (any, error) {
		m := P(new(M))
		if err := proto.Unmarshal(plain, m); err != nil {
			return nil, fmt.Errorf("%w: identity: %w", record.ErrDamaged, err)
		}
		return make(m, ver)
	})
	if err != nil || v == nil {
		return nil, err
	}
	return v.(*T), nil
}

func (d *Directory) user(m *recordpb.User, ver uint64) (*User, error) {
	inline, err := d.compile("user/"+m.Name, m.Inline)
	return &User{
		User: m, Ver: ver, ARN: d.arn(m.Account, "user", m.Path, m.Name), Tags: tags(m.Tags), at: record.OfUser(m.Account, m.Name),
		bundle: d.bundle(m.Account, inline, m.Attached, m.Groups, m.Boundary),
	}, err
}

func (d *Directory) group(m *recordpb.Group, ver uint64) (*Group, error) {
	inline, err := d.compile("group/"+m.Name, m.Inline)
	return &Group{
		Group: m, Ver: ver, ARN: d.arn(m.Account, "group", m.Path, m.Name),
		bundle: d.bundle(m.Account, inline, m.Attached, nil, ""),
	}, err
}

func (d *Directory) role(m *recordpb.Role, ver uint64) (*Role, error) {
	inline, err := d.compile("role/"+m.Name, m.Inline)
	if err != nil {
		return nil, err
	}
	trust, err := policy.ParseTrust(m.Trust, d.Partition)
	if err != nil {
		return nil, damaged("trust policy of role "+m.Name, err)
	}
	return &Role{
		Role: m, Ver: ver, ARN: d.arn(m.Account, "role", m.Path, m.Name), Tags: tags(m.Tags), Trust: trust.Bind(m.TrustBound), at: record.OfRole(m.Account, m.Name),
		bundle: d.bundle(m.Account, inline, m.Attached, nil, m.Boundary),
	}, nil
}

func (d *Directory) arn(account, kind, path, name string) string {
	return "arn:" + d.Partition + ":iam::" + account + ":" + kind + path + name
}

// SessionARN names a session of a role: without the role's path (access.md §2.1).
func (d *Directory) SessionARN(r *Role, session string) string {
	return "arn:" + d.Partition + ":sts::" + r.Account + ":assumed-role/" + r.Name + "/" + session
}

// Tags are values by the keys of tags, which are folded: they compare without case.
type Tags map[string]string

func tags(list []*recordpb.Tag) Tags {
	if len(list) == 0 {
		return nil
	}
	t := make(Tags, len(list))
	for _, tag := range list {
		t[policy.Fold(tag.Key)] = tag.Value
	}
	return t
}

// damaged is what a stored text that does not parse is: not the mistake of who asks now.
func damaged(what string, err error) error {
	return fmt.Errorf("%w: %s: %s", record.ErrDamaged, what, err)
}
