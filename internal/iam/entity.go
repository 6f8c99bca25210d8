package iam

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// An entity is whatever has an ARN here, as far as all are alike: a user, a group, a role, a managed policy, an
// identity provider, the root user of an account. It is read from the store for one request, which may change
// it; ver is the version of its record, 0 when there is none.
type entity struct {
	kind string
	name string // without path, in the spelling of the request if there is none
	id   string // unique id
	arn  string

	key record.Key
	ver uint64
	msg proto.Message

	// Where in msg these are; nil of what has none.
	inline   *[]*recordpb.NamedPolicy
	attached *[]string // in order
	boundary *string
	tags     *[]*recordpb.Tag // in order of their keys
}

// Kinds of entities, as their ARNs have them. Those of users, groups and roles are the record package's, too.
const (
	kindUser     = record.KindUser
	kindGroup    = record.KindGroup
	kindRole     = record.KindRole
	kindPolicy   = "policy"
	kindProvider = "oidc-provider"
	kindRoot     = "root"
)

// missing is what is said of an entity that is not there.
func (e *entity) missing() error {
	switch e.kind {
	case kindPolicy:
		return fault.NoSuchManagedPolicy(e.arn)
	case kindProvider:
		return fault.NoSuchProvider(e.arn)
	}
	return fault.NoSuch(e.kind, e.name)
}

// Kept is of query.Record.
func (e *entity) Kept() (record.Key, uint64) { return e.key, e.ver }

// save writes what was changed of e; another who changed it meanwhile is a conflict.
func (e *entity) save(change *record.Change) { change.Replace(e.key, e.ver, e.msg) }

// saved is a change that writes e and nothing else.
func (e *entity) saved(c *query.Call) *record.Change {
	change := c.Book.Change()
	e.save(change)
	return change
}

// touch makes who relied on this version of e a conflict, though nothing of e changes: who deletes it having
// seen that nobody uses it.
func (e *entity) touch(change *record.Change) { e.save(change) }

// mutable refuses changes of what comes with the service.
func (e *entity) mutable() error {
	if e.kind == kindPolicy && e.fromAWS() {
		return fault.AWSManaged(e.arn)
	}
	return nil
}

// take is record.Read of a message that is empty when there is none.
func take[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, c *query.Call, k record.Key) (P, uint64, error) {
	m, ver, err := record.Read[T, P](ctx, c.Book, k)
	if m == nil {
		m = new(T)
	}
	return m, ver, err
}

// arn names an entity of the caller's account; rest is its path, which begins with a slash, and its name.
func arn(c *query.Call, kind, rest string) string {
	return arnIn(c, c.Caller.Account, kind, rest)
}

func arnIn(c *query.Call, account, kind, rest string) string {
	return "arn:" + c.Identities.Partition + ":iam::" + account + ":" + kind + rest
}

// user returns the user with exactly this name; its key is that of whoever has the name apart from case.
func user(ctx context.Context, c *query.Call, name string) (*entity, error) {
	k := record.OfUser(c.Caller.Account, name)
	m, ver, err := take[recordpb.User](ctx, c, k)
	e := &entity{kind: kindUser, name: name, arn: arn(c, kindUser, "/"+name), key: k, msg: m}
	if err == nil && m.Name == name {
		e.ver, e.id, e.arn = ver, m.Id, arn(c, kindUser, m.Path+name)
		e.inline, e.attached, e.boundary, e.tags = &m.Inline, &m.Attached, &m.Boundary, &m.Tags
	}
	return e, err
}

func group(ctx context.Context, c *query.Call, name string) (*entity, error) {
	k := record.OfGroup(c.Caller.Account, name)
	m, ver, err := take[recordpb.Group](ctx, c, k)
	e := &entity{kind: kindGroup, name: name, arn: arn(c, kindGroup, "/"+name), key: k, msg: m}
	if err == nil && m.Name == name {
		e.ver, e.id, e.arn = ver, m.Id, arn(c, kindGroup, m.Path+name)
		e.inline, e.attached = &m.Inline, &m.Attached
	}
	return e, err
}

func role(ctx context.Context, c *query.Call, name string) (*entity, error) {
	k := record.OfRole(c.Caller.Account, name)
	m, ver, err := take[recordpb.Role](ctx, c, k)
	e := &entity{kind: kindRole, name: name, arn: arn(c, kindRole, "/"+name), key: k, msg: m}
	if err == nil && m.Name == name {
		e.ver, e.id, e.arn = ver, m.Id, arn(c, kindRole, m.Path+name)
		e.inline, e.attached, e.boundary, e.tags = &m.Inline, &m.Attached, &m.Boundary, &m.Tags
	}
	return e, err
}

// managed returns the managed policy with this ARN, of the caller's account or of AWS. One of AWS's has no key.
func managed(ctx context.Context, c *query.Call, policyARN string) (*entity, error) {
	f := strings.SplitN(policyARN, ":", 6)
	if len(f) != 6 || f[0] != "arn" || f[1] != c.Identities.Partition || f[2] != "iam" || f[3] != "" || !strings.HasPrefix(f[5], "policy/") {
		return nil, fault.InvalidARN(policyARN)
	}
	name := f[5][strings.LastIndexByte(f[5], '/')+1:]
	e := &entity{kind: kindPolicy, name: name, arn: policyARN, msg: new(recordpb.ManagedPolicy)}
	switch f[4] {
	case awsAccount:
		m, err := c.Identities.Managed(ctx, policyARN)
		if m != nil {
			e.ver, e.id, e.msg = 1, m.Id, m.ManagedPolicy
		}
		return e, err
	case c.Caller.Account:
	default:
		return e, nil // of another account
	}
	e.key = record.OfManagedPolicy(f[4], name)
	m, ver, err := take[recordpb.ManagedPolicy](ctx, c, e.key)
	if err == nil && c.Identities.PolicyARN(m) == policyARN {
		e.ver, e.id, e.msg, e.tags = ver, m.Id, m, &m.Tags
	}
	return e, err
}

// awsAccount stands in the ARNs of policies that come with the service.
const awsAccount = "aws"

// fromAWS reports whether e is a policy that comes with the service.
func (e *entity) fromAWS() bool { return strings.Contains(e.arn, "::"+awsAccount+":policy/") }

// listing is the name under which record.OfAttachment lists who has a policy: of AWS's with a colon, which no
// name has, so that an account's own policy of the same name is another.
func (e *entity) listing() string {
	if e.fromAWS() {
		return awsAccount + ":" + e.name
	}
	return e.name
}

// provider returns the identity provider with this ARN.
func provider(ctx context.Context, c *query.Call, providerARN string) (*entity, error) {
	url, is := strings.CutPrefix(providerARN, arn(c, kindProvider, "/"))
	if !is {
		if !strings.Contains(providerARN, ":"+kindProvider+"/") {
			return nil, fault.InvalidARN(providerARN)
		}
		return &entity{kind: kindProvider, arn: providerARN}, nil // of another account
	}
	k := record.OfProvider(c.Caller.Account, url)
	m, ver, err := take[recordpb.Provider](ctx, c, k)
	return &entity{kind: kindProvider, name: url, arn: providerARN, key: k, ver: ver, msg: m, tags: &m.Tags}, err
}

// insert puts v into its place in an ordered list; false: it is there already.
func insert[T cmp.Ordered](list []T, v T) ([]T, bool) {
	i, found := slices.BinarySearch(list, v)
	if found {
		return list, false
	}
	return slices.Insert(list, i, v), true
}

// remove takes v out of an ordered list; false: it was not there.
func remove[T cmp.Ordered](list []T, v T) ([]T, bool) {
	i, found := slices.BinarySearch(list, v)
	if !found {
		return list, false
	}
	return slices.Delete(list, i, i+1), true
}
