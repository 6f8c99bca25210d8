package iam

import (
	"context"
	"fmt"
	"slices"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type createPolicyVersionIn struct {
	thePolicy
	PolicyDocument string `is:"required,policyDocument"`
	SetAsDefault   bool
}

type versionOut struct{ PolicyVersion versionShape }

func (o *versionOut) told() audit.Detail {
	return audit.Detail{audit.Object("policyVersion", audit.Detail{
		audit.String("versionId", o.PolicyVersion.VersionId), audit.Bool("isDefaultVersion", o.PolicyVersion.IsDefaultVersion),
	})}
}

var createPolicyVersion = telling(on("CreatePolicyVersion", func(_ context.Context, c *query.Call, e *entity, in *createPolicyVersionIn) (*versionOut, *record.Change, error) {
	if err := e.mutable(); err != nil {
		return nil, nil, err
	}
	m := e.msg.(*recordpb.ManagedPolicy)
	if err := managedPolicy(c, in.PolicyDocument); err != nil {
		return nil, nil, err
	}
	if len(m.Versions) >= maxVersions {
		return nil, nil, fault.TooManyVersions()
	}
	now := c.Now.UnixMilli()
	m.Newest++
	v := &recordpb.PolicyVersion{Number: m.Newest, Text: in.PolicyDocument, Created: now}
	m.Versions, m.Updated = append(m.Versions, v), now
	if in.SetAsDefault {
		m.Default = v.Number
	}
	return &versionOut{shapeOfVersion(m, v)}, e.saved(c), nil
}), (*versionOut).told)

// shapeOfVersion is a version as lists have it: without its document.
func shapeOfVersion(m *recordpb.ManagedPolicy, v *recordpb.PolicyVersion) versionShape {
	return versionShape{VersionId: versionID(v.Number), IsDefaultVersion: v.Number == m.Default, CreateDate: since(v.Created)}
}

type theVersion struct {
	thePolicy
	VersionId string `is:"required,policyVersionId"`
}

// of returns the version, and where it stands among those of the policy.
func (in *theVersion) of(e *entity) (v *recordpb.PolicyVersion, i int, err error) {
	versions := e.msg.(*recordpb.ManagedPolicy).Versions
	i = slices.IndexFunc(versions, func(v *recordpb.PolicyVersion) bool { return versionID(v.Number) == in.VersionId })
	if i < 0 {
		return nil, 0, fault.NoSuchVersion(e.arn, in.VersionId)
	}
	return versions[i], i, nil
}

var getPolicyVersion = reading("GetPolicyVersion", func(_ context.Context, _ *query.Call, e *entity, in *theVersion) (*versionOut, error) {
	v, _, err := in.of(e)
	if err != nil {
		return nil, err
	}
	s := shapeOfVersion(e.msg.(*recordpb.ManagedPolicy), v)
	s.Document = document(v.Text)
	return &versionOut{s}, nil
})

type listPolicyVersionsIn struct {
	thePolicy
	paging
}

type listPolicyVersionsOut struct {
	Versions query.List[versionShape]
	truncation
}

// listPolicyVersions never has a second page of its own: there are five versions at most.
var listPolicyVersions = reading("ListPolicyVersions", func(_ context.Context, c *query.Call, e *entity, in *listPolicyVersionsIn) (*listPolicyVersionsOut, error) {
	m := e.msg.(*recordpb.ManagedPolicy)
	some, more, err := page(c, "ListPolicyVersions", e.id, in.paging, m.Versions, func(v *recordpb.PolicyVersion) string { return fmt.Sprintf("%010d", v.Number) })
	if err != nil {
		return nil, err
	}
	out := make([]versionShape, 0, len(some))
	for _, v := range slices.Backward(some) { // the newest first, as AWS has them
		out = append(out, shapeOfVersion(m, v))
	}
	return &listPolicyVersionsOut{query.ListOf(out), more}, nil
})

var deletePolicyVersion = on("DeletePolicyVersion", func(_ context.Context, c *query.Call, e *entity, in *theVersion) (*query.None, *record.Change, error) {
	if err := e.mutable(); err != nil {
		return nil, nil, err
	}
	m := e.msg.(*recordpb.ManagedPolicy)
	v, i, err := in.of(e)
	switch {
	case err != nil:
		return nil, nil, err
	case v.Number == m.Default:
		return nil, nil, fault.DefaultVersion()
	}
	m.Versions = slices.Delete(m.Versions, i, i+1)
	return nil, e.saved(c), nil
})

var setDefaultPolicyVersion = on("SetDefaultPolicyVersion", func(_ context.Context, c *query.Call, e *entity, in *theVersion) (*query.None, *record.Change, error) {
	if err := e.mutable(); err != nil {
		return nil, nil, err
	}
	v, _, err := in.of(e)
	if err != nil {
		return nil, nil, err
	}
	m := e.msg.(*recordpb.ManagedPolicy)
	m.Default, m.Updated = v.Number, c.Now.UnixMilli()
	return nil, e.saved(c), nil
})
