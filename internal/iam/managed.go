package iam

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type createPolicyIn struct {
	PolicyName     string `is:"required,policyName"`
	Path           string `is:"policyPath"`
	PolicyDocument string `is:"required,policyDocument"`
	Description    string `is:"policyDescription"`
	tagging
}

// find returns what is to be made, or who has its name in whatever letters and path.
func (in createPolicyIn) find(ctx context.Context, c *query.Call) (*entity, error) {
	return managed(ctx, c, arn(c, kindPolicy, cmp.Or(in.Path, "/")+in.PolicyName))
}

type policyOut struct{ Policy policyShape }

func (o *policyOut) told() audit.Detail {
	return audit.Detail{audit.Object("policy", audit.Detail{
		audit.String("policyName", o.Policy.PolicyName), audit.String("policyId", o.Policy.PolicyId), audit.String("arn", o.Policy.Arn), audit.String("path", o.Policy.Path),
	})}
}

var createPolicy = telling(adding(making("CreatePolicy", func(ctx context.Context, c *query.Call, e *entity, in *createPolicyIn) (*policyOut, *record.Change, error) {
	_, ver, err := c.Book.Take(ctx, e.key)
	switch {
	case err != nil:
		return nil, nil, err
	case ver != 0:
		return nil, nil, fault.ManagedPolicyTaken(in.PolicyName)
	}
	if err := policyQuota.room(ctx, c); err != nil {
		return nil, nil, err
	}
	now := c.Now.UnixMilli()
	m := &recordpb.ManagedPolicy{
		Account: c.Caller.Account, Name: in.PolicyName, Path: cmp.Or(in.Path, "/"), Id: identity.NewID("ANPA"), Created: now, Updated: now,
		Description: in.Description, Default: 1, Newest: 1, Versions: []*recordpb.PolicyVersion{{Number: 1, Text: in.PolicyDocument, Created: now}},
	}
	if err := managedPolicy(c, in.PolicyDocument); err != nil {
		return nil, nil, err
	}
	if err := in.apply(&m.Tags, "TagsPerPolicy"); err != nil {
		return nil, nil, err
	}
	change := c.Book.Change()
	change.Begin(e.key, now, m)
	s := shapeOfPolicy(c, m, uses{})
	s.Tags = tagsOf(m.Tags)
	return &policyOut{s}, change, nil
})), (*policyOut).told)

func shapeOfPolicy(c *query.Call, m *recordpb.ManagedPolicy, u uses) policyShape {
	return policyShape{
		PolicyName: m.Name, PolicyId: m.Id, Arn: arnIn(c, cmp.Or(m.Account, awsAccount), kindPolicy, m.Path+m.Name), Path: m.Path,
		DefaultVersionId: versionID(m.Default), AttachmentCount: u.attached, PermissionsBoundaryUsageCount: u.boundaries, IsAttachable: true,
		CreateDate: since(m.Created), UpdateDate: since(m.Updated),
	}
}

// epoch is the time of what was never made.
var epoch = time.Unix(0, 0)

// since is a time; that of what comes with the service, which was never made, is the beginning.
func since(millis int64) query.Time {
	if millis == 0 {
		return query.Time{Time: epoch}
	}
	return query.At(millis)
}

var getPolicy = reading("GetPolicy", func(ctx context.Context, c *query.Call, e *entity, _ *thePolicy) (*policyOut, error) {
	m := e.msg.(*recordpb.ManagedPolicy)
	u, err := usesOf(ctx, c, e)
	if err != nil {
		return nil, err
	}
	s := shapeOfPolicy(c, m, u)
	s.Description, s.Tags = m.Description, tagsOf(m.Tags)
	return &policyOut{s}, nil
})

// uses are how many entities have a policy.
type uses struct{ attached, boundaries int }

func usesOf(ctx context.Context, c *query.Call, e *entity) (u uses, err error) {
	err = every(ctx, c, record.Attachments(c.Caller.Account, e.listing()), func(k record.Key, _ *recordpb.Attachment) error {
		if strings.HasSuffix(k.Part(2), boundarySuffix) {
			u.boundaries++
		} else {
			u.attached++
		}
		return nil
	})
	return u, err
}

type listPoliciesIn struct {
	Scope             string `is:"policyScope"`
	OnlyAttached      bool
	PathPrefix        string `is:"policyPath"`
	PolicyUsageFilter string `is:"policyUsage"`
	paging
}

func (in *listPoliciesIn) keeps(u uses) bool {
	switch {
	case in.PolicyUsageFilter == usageBoundary:
		return u.boundaries > 0
	case in.OnlyAttached || in.PolicyUsageFilter != "":
		return u.attached > 0
	}
	return true
}

type listPoliciesOut struct {
	Policies query.List[policyShape]
	truncation
}

var listPolicies = listing("ListPolicies", kindPolicy, func(ctx context.Context, c *query.Call, in *listPoliciesIn) (*listPoliciesOut, error) {
	all, err := everyPolicy(ctx, c, in.Scope)
	if err != nil {
		return nil, err
	}
	var found []policyShape
	for _, m := range all {
		if !strings.HasPrefix(m.Path, in.PathPrefix) {
			continue
		}
		s := shapeOfPolicy(c, m, uses{})
		u, err := usesOf(ctx, c, &entity{name: m.Name, arn: s.Arn})
		if err != nil {
			return nil, err
		}
		if in.keeps(u) {
			s.AttachmentCount, s.PermissionsBoundaryUsageCount = u.attached, u.boundaries
			found = append(found, s)
		}
	}
	filter := strings.Join([]string{in.Scope, in.PathPrefix, in.PolicyUsageFilter, map[bool]string{true: "attached"}[in.OnlyAttached]}, " ")
	some, more, err := page(c, "ListPolicies", filter, in.paging, found, func(s policyShape) string { return s.Arn })
	return &listPoliciesOut{query.ListOf(some), more}, err
})

// everyPolicy returns the managed policies of a scope, in order of their ARNs.
func everyPolicy(ctx context.Context, c *query.Call, scope string) (all []*recordpb.ManagedPolicy, err error) {
	if scope != "AWS" {
		err = every(ctx, c, record.ManagedPolicies(c.Caller.Account), func(_ record.Key, m *recordpb.ManagedPolicy) error {
			all = append(all, m)
			return nil
		})
	}
	if scope != "Local" {
		for _, m := range c.Identities.BuiltIn() {
			all = append(all, m.ManagedPolicy)
		}
	}
	slices.SortFunc(all, func(a, b *recordpb.ManagedPolicy) int {
		return strings.Compare(shapeOfPolicy(c, a, uses{}).Arn, shapeOfPolicy(c, b, uses{}).Arn)
	})
	return all, err
}

// deletePolicy relies on nobody having the policy: whoever is given it meanwhile changes its record, too.
var deletePolicy = on("DeletePolicy", func(ctx context.Context, c *query.Call, e *entity, _ *thePolicy) (*query.None, *record.Change, error) {
	if err := e.mutable(); err != nil {
		return nil, nil, err
	}
	u, err := usesOf(ctx, c, e)
	switch {
	case err != nil:
		return nil, nil, err
	case u != uses{}:
		return nil, nil, fault.PolicyInUse()
	case len(e.msg.(*recordpb.ManagedPolicy).Versions) > 1:
		return nil, nil, fault.PolicyHasVersions()
	}
	change := c.Book.Change()
	change.Remove(e.key, e.ver)
	return nil, change, nil
})
