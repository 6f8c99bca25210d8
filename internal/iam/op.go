package iam

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A target is the parameters of an operation on one entity. find returns it also when it is not there, as what
// the caller may or may not do something to.
type target interface {
	find(ctx context.Context, c *query.Call) (*entity, error)
}

// on is an operation on an entity that must be there: run may change it, which writes nothing by itself.
func on[In target, Out any](name string, run func(ctx context.Context, c *query.Call, e *entity, in *In) (*Out, *record.Change, error)) *query.Op[In, Out] {
	o := making(name, run)
	o.Run = func(ctx context.Context, c *query.Call, in *In) (*Out, *record.Change, error) {
		e := c.Subject.(*entity)
		if e.ver == 0 {
			return nil, nil, e.missing()
		}
		return run(ctx, c, e, in)
	}
	return o
}

// reading is on for what changes nothing.
func reading[In target, Out any](name string, run func(ctx context.Context, c *query.Call, e *entity, in *In) (*Out, error)) *query.Op[In, Out] {
	o := on(name, func(ctx context.Context, c *query.Call, e *entity, in *In) (*Out, *record.Change, error) {
		out, err := run(ctx, c, e, in)
		return out, nil, err
	})
	o.ReadOnly = true
	return o
}

// making is an operation on an entity that need not be there, and is not if it is to be made.
func making[In target, Out any](name string, run func(ctx context.Context, c *query.Call, e *entity, in *In) (*Out, *record.Change, error)) *query.Op[In, Out] {
	return &query.Op[In, Out]{
		Name: name,
		Needs: func(ctx context.Context, c *query.Call, in *In) ([]authz.Act, error) {
			e, err := (*in).find(ctx, c)
			if err != nil {
				return nil, err
			}
			c.Subject = e
			acts := []authz.Act{{Action: "iam:" + name, Resource: e.arn, Tags: e.tagValues()}}
			if m, moves := any(*in).(mover); moves && e.ver != 0 {
				acts = append(acts, authz.Act{Action: "iam:" + name, Resource: arn(c, e.kind, m.goesTo(e)), Tags: e.tagValues()})
			}
			return acts, nil
		},
		Says: func(c *query.Call, in *In, key string) []string {
			if s, ok := any(*in).(sayer); ok {
				if v := s.says()[key]; v != nil {
					return v
				}
			}
			return c.Subject.(*entity).says(key)
		},
		Run: func(ctx context.Context, c *query.Call, in *In) (*Out, *record.Change, error) {
			return run(ctx, c, c.Subject.(*entity), in)
		},
	}
}

// adding is o, which takes nothing away from anybody.
func adding[In, Out any](o *query.Op[In, Out]) *query.Op[In, Out] {
	o.Adds = true
	return o
}

// listing is an operation about all entities of a kind, or with an empty one about the account.
func listing[In, Out any](name, kind string, run func(ctx context.Context, c *query.Call, in *In) (*Out, error)) *query.Op[In, Out] {
	return &query.Op[In, Out]{
		Name: name, ReadOnly: true,
		Needs: func(_ context.Context, c *query.Call, _ *In) ([]authz.Act, error) {
			resource := "*"
			if kind != "" {
				resource = arn(c, kind, "/")
			}
			return []authz.Act{{Action: "iam:" + name, Resource: resource}}, nil
		},
		Run: func(ctx context.Context, c *query.Call, in *In) (*Out, *record.Change, error) {
			out, err := run(ctx, c, in)
			return out, nil, err
		},
	}
}

// telling adds what the audit record shows of the answer.
func telling[In, Out any](o *query.Op[In, Out], result func(*Out) audit.Detail) *query.Op[In, Out] {
	o.Result = result
	return o
}

// differing adds how an operation differs from AWS's.
func differing[In, Out any](o *query.Op[In, Out], how string) *query.Op[In, Out] {
	o.Differs = append(o.Differs, how)
	return o
}

// conditions are values of condition keys by folded names (access.md §5).
type conditions = map[string][]string

// A sayer is parameters that policies may ask about.
type sayer interface{ says() conditions }

// A mover is parameters that change an ARN: goesTo is the path and name to be.
type mover interface{ goesTo(e *entity) string }

// says returns the values of a condition key that tells of e as it is.
func (e *entity) says(key string) []string {
	if key == boundaryKey && e.boundary != nil && *e.boundary != "" {
		return []string{*e.boundary}
	}
	return nil
}

// boundaryKey is the condition key of a permissions boundary: of the one in the request, or else of the one
// that the entity has.
const boundaryKey = "iam:permissionsboundary"

func (e *entity) tagValues() map[string]string {
	if e.tags == nil {
		return nil
	}
	m := make(map[string]string, len(*e.tags))
	for _, t := range *e.tags {
		m[t.Key] = t.Value
	}
	return m
}

// Parameters that name an entity.

type theUser struct {
	UserName string `is:"required,existingUserName"`
}

func (t theUser) find(ctx context.Context, c *query.Call) (*entity, error) {
	return user(ctx, c, t.UserName)
}

// aUser is the caller itself when it is not named.
type aUser struct {
	UserName string `is:"existingUserName"`
}

func (t aUser) find(ctx context.Context, c *query.Call) (*entity, error) {
	switch {
	case t.UserName != "":
		return user(ctx, c, t.UserName)
	case c.Caller.User != nil:
		return user(ctx, c, c.Caller.User.Name)
	case c.Caller.Kind != authn.KindRoot:
		return nil, fault.UserNameNeeded()
	}
	return &entity{kind: kindRoot, id: c.Caller.Account, arn: c.Caller.ARN, ver: 1}, nil
}

type theGroup struct {
	GroupName string `is:"required,groupName"`
}

func (t theGroup) find(ctx context.Context, c *query.Call) (*entity, error) {
	return group(ctx, c, t.GroupName)
}

type theRole struct {
	RoleName string `is:"required,roleName"`
}

func (t theRole) find(ctx context.Context, c *query.Call) (*entity, error) {
	return role(ctx, c, t.RoleName)
}

type thePolicy struct {
	PolicyArn string `is:"required,arn"`
}

func (t thePolicy) find(ctx context.Context, c *query.Call) (*entity, error) {
	return managed(ctx, c, t.PolicyArn)
}

type theProvider struct {
	OpenIDConnectProviderArn string `is:"required,arn"`
}

func (t theProvider) find(ctx context.Context, c *query.Call) (*entity, error) {
	return provider(ctx, c, t.OpenIDConnectProviderArn)
}

// tagging is the parameter of operations that give tags.
type tagging struct {
	Tags []tag `is:"tags"`
}

type tag struct {
	Key   string `is:"required,tagKey"`
	Value string `is:"required,tagValue"`
}

// says are the condition keys of tags in a request.
func (t tagging) says() conditions {
	m := conditions{}
	for _, tag := range t.Tags {
		m["aws:requesttag/"+policy.Fold(tag.Key)] = []string{tag.Value}
		m["aws:tagkeys"] = append(m["aws:tagkeys"], tag.Key)
	}
	return m
}

// apply puts the tags of a request to those of an entity, whose keys compare without case: the spelling of
// the latest stays.
func (t tagging) apply(to *[]*recordpb.Tag, quota string) error {
	given := map[string]bool{}
	for _, tag := range t.Tags {
		folded := policy.Fold(tag.Key)
		switch {
		case given[folded]:
			return fault.DuplicateTagKeys()
		case strings.HasPrefix(folded, "aws:"):
			return fault.ReservedTagKey()
		}
		given[folded] = true
	}
	for _, tag := range t.Tags {
		folded := policy.Fold(tag.Key)
		at := slices.IndexFunc(*to, func(old *recordpb.Tag) bool { return policy.Fold(old.Key) == folded })
		if at < 0 {
			at, *to = len(*to), append(*to, new(recordpb.Tag))
		}
		(*to)[at].Key, (*to)[at].Value = tag.Key, tag.Value
	}
	slices.SortFunc(*to, func(a, b *recordpb.Tag) int { return strings.Compare(a.Key, b.Key) })
	if len(*to) > maxTags {
		return fault.IAMQuota(quota, maxTags)
	}
	return nil
}
