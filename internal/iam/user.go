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

type createUserIn struct {
	Path                string `is:"path"`
	UserName            string `is:"required,userName"`
	PermissionsBoundary string `is:"arn"`
	tagging
}

// find returns what is to be made: permission is asked for with the path that it will have.
func (in createUserIn) find(ctx context.Context, c *query.Call) (*entity, error) {
	e, err := user(ctx, c, in.UserName)
	if err == nil && e.ver == 0 {
		e.arn = arn(c, kindUser, cmp.Or(in.Path, "/")+in.UserName)
	}
	return e, err
}

func (in createUserIn) says() conditions {
	m := in.tagging.says()
	if in.PermissionsBoundary != "" {
		m[boundaryKey] = []string{in.PermissionsBoundary}
	}
	return m
}

type userOut struct{ User userShape }

func (o *userOut) told() audit.Detail {
	return audit.Detail{audit.Object("user", audit.Detail{
		audit.String("path", o.User.Path), audit.String("userName", o.User.UserName), audit.String("userId", o.User.UserId), audit.String("arn", o.User.Arn),
	})}
}

var createUser = telling(adding(making("CreateUser", func(ctx context.Context, c *query.Call, e *entity, in *createUserIn) (*userOut, *record.Change, error) {
	m := e.msg.(*recordpb.User)
	if m.Id != "" { // perhaps in other letters
		return nil, nil, fault.NameTaken("User", in.UserName)
	}
	if err := userQuota.room(ctx, c); err != nil {
		return nil, nil, err
	}
	m = &recordpb.User{
		Account: c.Caller.Account, Name: in.UserName, Path: cmp.Or(in.Path, "/"), Id: identity.NewID("AIDA"), Created: c.Now.UnixMilli(),
	}
	if err := in.apply(&m.Tags, "TagsPerUser"); err != nil {
		return nil, nil, err
	}
	e.boundary = &m.Boundary
	change := c.Book.Change()
	if err := limit(ctx, c, change, e, in.PermissionsBoundary); err != nil {
		return nil, nil, err
	}
	change.Begin(e.key, m.Created, m)
	return &userOut{wholeUser(c, m)}, change, nil
})), (*userOut).told)

var getUser = reading("GetUser", func(_ context.Context, c *query.Call, e *entity, _ *aUser) (*userOut, error) {
	if e.kind == kindRoot {
		return &userOut{userShape{Path: "/", UserId: e.id, Arn: e.arn, CreateDate: query.Time{Time: epoch}}}, nil
	}
	return &userOut{wholeUser(c, e.msg.(*recordpb.User))}, nil
})

type listUsersIn struct {
	PathPrefix string `is:"pathPrefix"`
	paging
}

type listUsersOut struct {
	Users query.List[userShape]
	truncation
}

var listUsers = listing("ListUsers", kindUser, func(ctx context.Context, c *query.Call, in *listUsersIn) (*listUsersOut, error) {
	found, more, err := scan(ctx, c, users(c), "ListUsers", in.PathPrefix, in.paging, func(m *recordpb.User) bool {
		return strings.HasPrefix(m.Path, in.PathPrefix)
	})
	if err != nil {
		return nil, err
	}
	out := make([]userShape, len(found))
	for i, m := range found {
		out[i] = shapeOfUser(c, m)
	}
	return &listUsersOut{query.ListOf(out), more}, nil
})

func users(c *query.Call) shelf {
	account := c.Caller.Account
	return shelf{record.Users(account), func(name string) record.Key { return record.OfUser(account, name) }}
}

var deleteUser = on("DeleteUser", func(_ context.Context, c *query.Call, e *entity, _ *theUser) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.User)
	switch {
	case len(m.AccessKeys) > 0:
		return nil, nil, fault.MustDeleteAccessKeys()
	case len(m.Attached) > 0:
		return nil, nil, fault.MustDetachPolicies()
	case len(m.Inline) > 0:
		return nil, nil, fault.MustDeletePolicies()
	case len(m.Groups) > 0:
		return nil, nil, fault.MustLeaveGroups()
	}
	change := c.Book.Change()
	e.unlimit(c, change)
	change.Remove(e.key, e.ver)
	return nil, change, nil
})

type updateUserIn struct {
	theUser
	NewPath     string `is:"path"`
	NewUserName string `is:"userName"`
}

// goesTo is where a user shall be: who moves it needs permission for both places [D].
func (in updateUserIn) goesTo(e *entity) string {
	m := e.msg.(*recordpb.User)
	return cmp.Or(in.NewPath, m.Path) + cmp.Or(in.NewUserName, m.Name)
}

// updateUser moves a user. What is listed under its name moves with it, in the same change.
var updateUser = on("UpdateUser", func(ctx context.Context, c *query.Call, e *entity, in *updateUserIn) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.User)
	m.Name, m.Path = cmp.Or(in.NewUserName, m.Name), cmp.Or(in.NewPath, m.Path)
	change := c.Book.Change()
	moved, err := e.moveTo(ctx, c, change, record.OfUser(m.Account, m.Name), "User", m.Name)
	if err != nil {
		return nil, nil, err
	}
	if moved {
		for _, g := range m.Groups {
			relist(change, record.OfMember(m.Account, g, e.name), record.OfMember(m.Account, g, m.Name))
		}
	}
	if m.Name == e.name {
		return nil, change, nil
	}
	return nil, change, renameAccessKeys(ctx, c, change, m)
})
