package iam

import (
	"cmp"
	"context"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type createRoleIn struct {
	Path                     string `is:"path"`
	RoleName                 string `is:"required,roleName"`
	AssumeRolePolicyDocument string `is:"required,policyDocument"`
	Description              string `is:"roleDescription"`
	MaxSessionDuration       int    `is:"maxSessionDuration"`
	PermissionsBoundary      string `is:"arn"`
	tagging
}

// find returns what is to be made: permission is asked for with the path that it will have.
func (in createRoleIn) find(ctx context.Context, c *query.Call) (*entity, error) {
	e, err := role(ctx, c, in.RoleName)
	if err == nil && e.ver == 0 {
		e.arn = arn(c, kindRole, cmp.Or(in.Path, "/")+in.RoleName)
	}
	return e, err
}

func (in createRoleIn) says() conditions {
	return createUserIn{PermissionsBoundary: in.PermissionsBoundary, tagging: in.tagging}.says()
}

type roleOut struct{ Role roleShape }

func (o *roleOut) told() audit.Detail {
	return audit.Detail{audit.Object("role", audit.Detail{
		audit.String("path", o.Role.Path), audit.String("roleName", o.Role.RoleName), audit.String("roleId", o.Role.RoleId), audit.String("arn", o.Role.Arn),
	})}
}

// anHour is how long sessions of a role last at most unless it says otherwise, in seconds [D].
const anHour = 3600

var createRole = telling(adding(making("CreateRole", func(ctx context.Context, c *query.Call, e *entity, in *createRoleIn) (*roleOut, *record.Change, error) {
	if e.msg.(*recordpb.Role).Id != "" {
		return nil, nil, fault.NameTaken("Role", in.RoleName)
	}
	if err := roleQuota.room(ctx, c); err != nil {
		return nil, nil, err
	}
	m := &recordpb.Role{
		Account: c.Caller.Account, Name: in.RoleName, Path: cmp.Or(in.Path, "/"), Id: identity.NewID("AROA"), Created: c.Now.UnixMilli(),
		Description: in.Description, MaxSession: uint32(cmp.Or(in.MaxSessionDuration, anHour)),
	}
	if err := setTrust(ctx, c, m, in.AssumeRolePolicyDocument); err != nil {
		return nil, nil, err
	}
	if err := in.apply(&m.Tags, "TagsPerRole"); err != nil {
		return nil, nil, err
	}
	e.boundary = &m.Boundary
	change := c.Book.Change()
	if err := limit(ctx, c, change, e, in.PermissionsBoundary); err != nil {
		return nil, nil, err
	}
	change.Begin(e.key, m.Created, m)
	return &roleOut{wholeRole(c, m, m.Trust)}, change, nil
})), (*roleOut).told)

var getRole = reading("GetRole", func(ctx context.Context, c *query.Call, e *entity, _ *theRole) (*roleOut, error) {
	m := e.msg.(*recordpb.Role)
	trust, err := shownTrust(ctx, c, m)
	if err != nil {
		return nil, err
	}
	return &roleOut{wholeRole(c, m, trust)}, nil
})

type listRolesIn struct {
	PathPrefix string `is:"pathPrefix"`
	paging
}

type listRolesOut struct {
	Roles query.List[roleShape]
	truncation
}

var listRoles = listing("ListRoles", kindRole, func(ctx context.Context, c *query.Call, in *listRolesIn) (*listRolesOut, error) {
	account := c.Caller.Account
	roles := shelf{record.Roles(account), func(name string) record.Key { return record.OfRole(account, name) }}
	found, more, err := scan(ctx, c, roles, "ListRoles", in.PathPrefix, in.paging, func(m *recordpb.Role) bool {
		return strings.HasPrefix(m.Path, in.PathPrefix)
	})
	if err != nil {
		return nil, err
	}
	out := make([]roleShape, len(found))
	for i, m := range found {
		trust, err := shownTrust(ctx, c, m)
		if err != nil {
			return nil, err
		}
		out[i] = shapeOfRole(c, m, trust)
	}
	return &listRolesOut{query.ListOf(out), more}, nil
})

type updateRoleIn struct {
	theRole
	Description        *string `is:"roleDescription"`
	MaxSessionDuration int     `is:"maxSessionDuration"`
}

var updateRole = on("UpdateRole", func(_ context.Context, c *query.Call, e *entity, in *updateRoleIn) (*struct{}, *record.Change, error) {
	m := e.msg.(*recordpb.Role)
	if in.Description != nil {
		m.Description = *in.Description
	}
	m.MaxSession = cmp.Or(uint32(in.MaxSessionDuration), m.MaxSession)
	return new(struct{}), e.saved(c), nil
})

type updateRoleDescriptionIn struct {
	theRole
	Description string `is:"required,roleDescription"`
}

var updateRoleDescription = on("UpdateRoleDescription", func(ctx context.Context, c *query.Call, e *entity, in *updateRoleDescriptionIn) (*roleOut, *record.Change, error) {
	m := e.msg.(*recordpb.Role)
	m.Description = in.Description
	trust, err := shownTrust(ctx, c, m)
	if err != nil {
		return nil, nil, err
	}
	return &roleOut{wholeRole(c, m, trust)}, e.saved(c), nil
})

var deleteRole = differing(on("DeleteRole", func(ctx context.Context, c *query.Call, e *entity, _ *theRole) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.Role)
	switch {
	case len(m.Attached) > 0:
		return nil, nil, fault.MustDetachPolicies()
	case len(m.Inline) > 0:
		return nil, nil, fault.MustDeletePolicies()
	}
	err := every(ctx, c, record.Certificates(m.Account), func(_ record.Key, cert *recordpb.Certificate) error {
		if cert.Role == m.Name {
			return fault.MustRemoveCertificates() // or who holds their keys would have the next role of this name
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	change := c.Book.Change()
	e.unlimit(c, change)
	change.Remove(e.key, e.ver)
	return nil, change, nil
}), "A role to which a TLS client certificate leads is DeleteConflict.")
