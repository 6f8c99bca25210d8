package iam

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// attachIn is the parameters of attaching a policy to a T, or detaching it.
type attachIn[T target] struct {
	Of        T      `is:"here"`
	PolicyArn string `is:"required,arn"`
}

func (in attachIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

func (in attachIn[T]) says() conditions { return conditions{"iam:policyarn": {in.PolicyArn}} }

// attachment is where a policy lists an entity.
func attachment(c *query.Call, policyARN, kind, name string) record.Key {
	p := entity{name: policyARN[strings.LastIndexByte(policyARN, '/')+1:], arn: policyARN}
	return record.OfAttachment(c.Caller.Account, p.listing(), kind, name)
}

// attach makes operations that attach a policy. The record of the policy changes with it: who deletes it,
// having seen that nobody has it, must start over.
func attach[T target](name string) *query.Op[attachIn[T], query.None] {
	return on(name, func(ctx context.Context, c *query.Call, e *entity, in *attachIn[T]) (*query.None, *record.Change, error) {
		p, err := managed(ctx, c, in.PolicyArn)
		switch {
		case err != nil:
			return nil, nil, err
		case p.ver == 0:
			return nil, nil, fault.NotAttachable(in.PolicyArn)
		}
		all, added := insert(*e.attached, in.PolicyArn)
		switch {
		case !added:
			return nil, nil, nil
		case len(all) > maxAttached:
			return nil, nil, fault.IAMQuota(quotaOf("Policies", e.kind), maxAttached)
		}
		*e.attached = all
		change := e.saved(c)
		p.use(change)
		list(change, attachment(c, in.PolicyArn, e.kind, e.name))
		return nil, change, nil
	})
}

// use makes a policy somebody's: see deletePolicy.
func (e *entity) use(change *record.Change) {
	if !e.fromAWS() {
		e.touch(change)
	}
}

func detach[T target](name string) *query.Op[attachIn[T], query.None] {
	return on(name, func(_ context.Context, c *query.Call, e *entity, in *attachIn[T]) (*query.None, *record.Change, error) {
		all, removed := remove(*e.attached, in.PolicyArn)
		if !removed {
			return nil, nil, fault.NoSuchManagedPolicy(in.PolicyArn)
		}
		*e.attached = all
		change := e.saved(c)
		unlist(change, attachment(c, in.PolicyArn, e.kind, e.name))
		return nil, change, nil
	})
}

type listAttachedIn[T target] struct {
	Of         T      `is:"here"`
	PathPrefix string `is:"policyPath"`
	paging
}

func (in listAttachedIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

type listAttachedOut struct {
	AttachedPolicies query.List[attachedShape]
	truncation
}

func listAttached[T target](name string) *query.Op[listAttachedIn[T], listAttachedOut] {
	return reading(name, func(_ context.Context, c *query.Call, e *entity, in *listAttachedIn[T]) (*listAttachedOut, error) {
		all := slices.DeleteFunc(slices.Clone(*e.attached), func(arn string) bool {
			_, path, _ := strings.Cut(arn, ":"+kindPolicy)
			return !strings.HasPrefix(path, in.PathPrefix)
		})
		some, more, err := page(c, name, e.id+" "+in.PathPrefix, in.paging, all, itself)
		return &listAttachedOut{query.ListOf(attachedShapes(some)), more}, err
	})
}

func attachedShapes(arns []string) []attachedShape {
	out := make([]attachedShape, len(arns))
	for i, arn := range arns {
		out[i] = attachedShape{arn[strings.LastIndexByte(arn, '/')+1:], arn}
	}
	return out
}

type listEntitiesIn struct {
	thePolicy
	EntityFilter      string `is:"entityFilter"`
	PathPrefix        string `is:"path"`
	PolicyUsageFilter string `is:"policyUsage"`
	paging
}

// usageBoundary is the PolicyUsageFilter for entities whose boundary a policy is.
const usageBoundary = "PermissionsBoundary"

type (
	groupOfPolicy struct{ GroupName, GroupId string }
	userOfPolicy  struct{ UserName, UserId string }
	roleOfPolicy  struct{ RoleName, RoleId string }
)

type listEntitiesOut struct {
	PolicyGroups query.List[groupOfPolicy]
	PolicyUsers  query.List[userOfPolicy]
	PolicyRoles  query.List[roleOfPolicy]
	truncation
}

var listEntitiesForPolicy = reading("ListEntitiesForPolicy", func(ctx context.Context, c *query.Call, e *entity, in *listEntitiesIn) (*listEntitiesOut, error) {
	var keys []record.Key
	err := every(ctx, c, record.Attachments(c.Caller.Account, e.listing()), func(k record.Key, _ *recordpb.Attachment) error {
		if in.keeps(k.Part(2)) {
			keys = append(keys, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	filter := strings.Join([]string{e.id, in.EntityFilter, in.PathPrefix, in.PolicyUsageFilter}, " ")
	some, more, err := page(c, "ListEntitiesForPolicy", filter, in.paging, keys, func(k record.Key) string { return k.Part(2) + "/" + k.Part(3) })
	if err != nil {
		return nil, err
	}
	out := &listEntitiesOut{truncation: more}
	for _, k := range some {
		if err := out.add(ctx, c, k, in.PathPrefix); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// keeps reports whether entities of a kind, as attachments have it, are asked for.
func (in *listEntitiesIn) keeps(kind string) bool {
	kind, boundary := strings.CutSuffix(kind, boundarySuffix)
	return (in.PolicyUsageFilter == "" || boundary == (in.PolicyUsageFilter == usageBoundary)) &&
		(in.EntityFilter == "" || strings.EqualFold(in.EntityFilter, kind))
}

func (o *listEntitiesOut) add(ctx context.Context, c *query.Call, k record.Key, pathPrefix string) error {
	account, kind, name := c.Caller.Account, strings.TrimSuffix(k.Part(2), boundarySuffix), k.Part(3)
	switch kind {
	case kindUser:
		m, ver, err := take[recordpb.User](ctx, c, record.OfUser(account, name))
		if ver != 0 && strings.HasPrefix(m.Path, pathPrefix) {
			o.PolicyUsers.Member = append(o.PolicyUsers.Member, userOfPolicy{m.Name, m.Id})
		}
		return err
	case kindGroup:
		m, ver, err := take[recordpb.Group](ctx, c, record.OfGroup(account, name))
		if ver != 0 && strings.HasPrefix(m.Path, pathPrefix) {
			o.PolicyGroups.Member = append(o.PolicyGroups.Member, groupOfPolicy{m.Name, m.Id})
		}
		return err
	}
	m, ver, err := take[recordpb.Role](ctx, c, record.OfRole(account, name))
	if ver != 0 && strings.HasPrefix(m.Path, pathPrefix) {
		o.PolicyRoles.Member = append(o.PolicyRoles.Member, roleOfPolicy{m.Name, m.Id})
	}
	return err
}
