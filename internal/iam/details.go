package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type detailsIn struct {
	Filter []string `is:"each=entityFilter"`
	paging
}

type detailsOut struct {
	UserDetailList  query.List[userDetail]
	GroupDetailList query.List[groupDetail]
	RoleDetailList  query.List[roleDetail]
	Policies        query.List[policyDetail]
	truncation
}

type inlineShape struct{ PolicyName, PolicyDocument string }

type userDetail struct {
	userShape
	UserPolicyList          query.List[inlineShape]
	GroupList               query.List[string]
	AttachedManagedPolicies query.List[attachedShape]
}

type groupDetail struct {
	groupShape
	GroupPolicyList         query.List[inlineShape]
	AttachedManagedPolicies query.List[attachedShape]
}

type roleDetail struct {
	roleShape
	InstanceProfileList     query.List[string]
	RolePolicyList          query.List[inlineShape]
	AttachedManagedPolicies query.List[attachedShape]
}

type policyDetail struct {
	policyShape
	PolicyVersionList query.List[versionShape]
}

func inlineShapes(all []*recordpb.NamedPolicy) query.List[inlineShape] {
	out := make([]inlineShape, len(all))
	for i, p := range all {
		out[i] = inlineShape{p.Name, document(p.Text)}
	}
	return query.ListOf(out)
}

// An item is one of the things that getAccountAuthorizationDetails tells of.
type item struct {
	at string // its place in the one order of all of them
	m  proto.Message
}

func (in *detailsIn) asks(kind string) bool {
	return len(in.Filter) == 0 || slices.Contains(in.Filter, kind)
}

// gather returns the items of the kinds that are asked for: users, groups, roles and policies, each by name.
func (in *detailsIn) gather(ctx context.Context, c *query.Call) (all []item, err error) {
	account := c.Caller.Account
	if in.asks("User") {
		err = every(ctx, c, record.Users(account), func(k record.Key, m *recordpb.User) error {
			all = append(all, item{"1 " + k.Part(1), m})
			return nil
		})
	}
	if err == nil && in.asks("Group") {
		err = every(ctx, c, record.Groups(account), func(k record.Key, m *recordpb.Group) error {
			all = append(all, item{"2 " + k.Part(1), m})
			return nil
		})
	}
	if err == nil && in.asks("Role") {
		err = every(ctx, c, record.Roles(account), func(k record.Key, m *recordpb.Role) error {
			all = append(all, item{"3 " + k.Part(1), m})
			return nil
		})
	}
	for scope, kind := range map[string]string{"Local": "LocalManagedPolicy", "AWS": "AWSManagedPolicy"} {
		if err != nil || !in.asks(kind) {
			continue
		}
		var some []*recordpb.ManagedPolicy
		some, err = everyPolicy(ctx, c, scope)
		for _, m := range some {
			all = append(all, item{fmt.Sprintf("4 %s %s", m.Account, strings.ToLower(m.Name)), m})
		}
	}
	slices.SortFunc(all, func(a, b item) int { return strings.Compare(a.at, b.at) })
	return all, err
}

var getAccountAuthorizationDetails = listing("GetAccountAuthorizationDetails", "", func(ctx context.Context, c *query.Call, in *detailsIn) (*detailsOut, error) {
	all, err := in.gather(ctx, c)
	if err != nil {
		return nil, err
	}
	some, more, err := page(c, "GetAccountAuthorizationDetails", strings.Join(in.Filter, " "), in.paging, all, func(i item) string { return i.at })
	if err != nil {
		return nil, err
	}
	out := &detailsOut{truncation: more}
	for _, i := range some {
		if err := out.add(ctx, c, i.m); err != nil {
			return nil, err
		}
	}
	return out, nil
})

func (o *detailsOut) add(ctx context.Context, c *query.Call, m proto.Message) error {
	switch m := m.(type) {
	case *recordpb.User:
		o.UserDetailList.Member = append(o.UserDetailList.Member, userDetail{
			wholeUser(c, m), inlineShapes(m.Inline), query.ListOf(m.Groups), query.ListOf(attachedShapes(m.Attached)),
		})
	case *recordpb.Group:
		o.GroupDetailList.Member = append(o.GroupDetailList.Member, groupDetail{
			shapeOfGroup(c, m), inlineShapes(m.Inline), query.ListOf(attachedShapes(m.Attached)),
		})
	case *recordpb.Role:
		trust, err := shownTrust(ctx, c, m)
		o.RoleDetailList.Member = append(o.RoleDetailList.Member, roleDetail{
			wholeRole(c, m, trust), query.List[string]{}, inlineShapes(m.Inline), query.ListOf(attachedShapes(m.Attached)),
		})
		return err
	case *recordpb.ManagedPolicy:
		return o.addPolicy(ctx, c, m)
	}
	return nil
}

func (o *detailsOut) addPolicy(ctx context.Context, c *query.Call, m *recordpb.ManagedPolicy) error {
	d := policyDetail{policyShape: shapeOfPolicy(c, m, uses{})}
	u, err := usesOf(ctx, c, &entity{name: m.Name, arn: d.Arn})
	d.AttachmentCount, d.PermissionsBoundaryUsageCount, d.Description = u.attached, u.boundaries, m.Description
	for _, v := range slices.Backward(m.Versions) {
		s := shapeOfVersion(m, v)
		s.Document = document(v.Text)
		d.PolicyVersionList.Member = append(d.PolicyVersionList.Member, s)
	}
	o.Policies.Member = append(o.Policies.Member, d)
	return err
}
