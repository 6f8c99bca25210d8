package iam

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

type createGroupIn struct {
	Path      string `is:"path"`
	GroupName string `is:"required,groupName"`
}

// find returns what is to be made: permission is asked for with the path that it will have.
func (in createGroupIn) find(ctx context.Context, c *query.Call) (*entity, error) {
	e, err := group(ctx, c, in.GroupName)
	if err == nil && e.ver == 0 {
		e.arn = arn(c, kindGroup, cmp.Or(in.Path, "/")+in.GroupName)
	}
	return e, err
}

type groupOut struct{ Group groupShape }

func (o *groupOut) told() audit.Detail {
	return audit.Detail{audit.Object("group", audit.Detail{
		audit.String("path", o.Group.Path), audit.String("groupName", o.Group.GroupName), audit.String("groupId", o.Group.GroupId), audit.String("arn", o.Group.Arn),
	})}
}

var createGroup = telling(adding(making("CreateGroup", func(ctx context.Context, c *query.Call, e *entity, in *createGroupIn) (*groupOut, *record.Change, error) {
	if e.msg.(*recordpb.Group).Id != "" {
		return nil, nil, fault.NameTaken("Group", in.GroupName)
	}
	if err := groupQuota.room(ctx, c); err != nil {
		return nil, nil, err
	}
	m := &recordpb.Group{
		Account: c.Caller.Account, Name: in.GroupName, Path: cmp.Or(in.Path, "/"), Id: identity.NewID("AGPA"), Created: c.Now.UnixMilli(),
	}
	change := c.Book.Change()
	change.Begin(e.key, m.Created, m)
	return &groupOut{shapeOfGroup(c, m)}, change, nil
})), (*groupOut).told)

type getGroupIn struct {
	theGroup
	paging
}

type getGroupOut struct {
	Group groupShape
	Users query.List[userShape]
	truncation
}

var getGroup = reading("GetGroup", func(ctx context.Context, c *query.Call, e *entity, in *getGroupIn) (*getGroupOut, error) {
	m := e.msg.(*recordpb.Group)
	found, err := members(ctx, c, m)
	if err != nil {
		return nil, err
	}
	some, more, err := page(c, "GetGroup", m.Id, in.paging, found, func(u *recordpb.User) string { return strings.ToLower(u.Name) })
	if err != nil {
		return nil, err
	}
	out := make([]userShape, len(some))
	for i, u := range some {
		out[i] = shapeOfUser(c, u)
	}
	return &getGroupOut{shapeOfGroup(c, m), query.ListOf(out), more}, nil
})

// members are the users of a group, in order of their names.
func members(ctx context.Context, c *query.Call, m *recordpb.Group) (all []*recordpb.User, err error) {
	err = every(ctx, c, record.Members(m.Account, m.Name), func(k record.Key, _ *recordpb.Member) error {
		u, ver, err := take[recordpb.User](ctx, c, record.OfUser(m.Account, k.Part(2)))
		if err == nil && ver != 0 { // one that left since the list was read is none
			all = append(all, u)
		}
		return err
	})
	return all, err
}

type listGroupsIn struct {
	PathPrefix string `is:"pathPrefix"`
	paging
}

type listGroupsOut struct {
	Groups query.List[groupShape]
	truncation
}

var listGroups = listing("ListGroups", kindGroup, func(ctx context.Context, c *query.Call, in *listGroupsIn) (*listGroupsOut, error) {
	account := c.Caller.Account
	groups := shelf{record.Groups(account), func(name string) record.Key { return record.OfGroup(account, name) }}
	found, more, err := scan(ctx, c, groups, "ListGroups", in.PathPrefix, in.paging, func(m *recordpb.Group) bool {
		return strings.HasPrefix(m.Path, in.PathPrefix)
	})
	if err != nil {
		return nil, err
	}
	out := make([]groupShape, len(found))
	for i, m := range found {
		out[i] = shapeOfGroup(c, m)
	}
	return &listGroupsOut{query.ListOf(out), more}, nil
})

type updateGroupIn struct {
	theGroup
	NewPath      string `is:"path"`
	NewGroupName string `is:"groupName"`
}

// goesTo is where a group shall be: who moves it needs permission for both places [D].
func (in updateGroupIn) goesTo(e *entity) string {
	m := e.msg.(*recordpb.Group)
	return cmp.Or(in.NewPath, m.Path) + cmp.Or(in.NewGroupName, m.Name)
}

// updateGroup moves a group. Its users are told of its new name in the same change, as far as that has room.
var updateGroup = differing(on("UpdateGroup", func(ctx context.Context, c *query.Call, e *entity, in *updateGroupIn) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.Group)
	m.Name, m.Path = cmp.Or(in.NewGroupName, m.Name), cmp.Or(in.NewPath, m.Path)
	change := c.Book.Change()
	moved, err := e.moveTo(ctx, c, change, record.OfGroup(m.Account, m.Name), "Group", m.Name)
	if err != nil || m.Name == e.name {
		return nil, change, err
	}
	return nil, change, renameMembership(ctx, c, change, m, e.name, moved)
}), "A group whose users and policies together need more than one transaction, some twenty, is LimitExceeded when it is renamed.")

func renameMembership(ctx context.Context, c *query.Call, change *record.Change, m *recordpb.Group, from string, moved bool) error {
	return every(ctx, c, record.Members(m.Account, from), func(k record.Key, _ *recordpb.Member) error {
		key := record.OfUser(m.Account, k.Part(2))
		u, ver, err := take[recordpb.User](ctx, c, key)
		if err != nil {
			return err
		}
		left, was := remove(u.Groups, from)
		if ver == 0 || !was { // taken out of the group, or deleted, since it was listed: it must not be put back
			return key.Conflict()
		}
		u.Groups, _ = insert(left, m.Name)
		change.Replace(key, ver, u)
		if moved {
			relist(change, k, record.OfMember(m.Account, m.Name, u.Name))
		} else {
			change.Require(k, 1) // as relist has it
		}
		if change.Size() >= store.MaxOps { // the audit record has to go with it
			return fault.GroupTooLarge(from)
		}
		return nil
	})
}

var deleteGroup = on("DeleteGroup", func(ctx context.Context, c *query.Call, e *entity, _ *theGroup) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.Group)
	listed, err := count(ctx, c, record.Members(m.Account, m.Name))
	switch {
	case err != nil:
		return nil, nil, err
	case listed > 0:
		return nil, nil, fault.MustLeaveGroups()
	case len(m.Attached) > 0:
		return nil, nil, fault.MustDetachPolicies()
	case len(m.Inline) > 0:
		return nil, nil, fault.MustDeletePolicies()
	}
	change := c.Book.Change()
	change.Remove(e.key, e.ver)
	return nil, change, nil
})

type memberIn struct {
	theGroup
	UserName string `is:"required,existingUserName"`
}

// addUserToGroup changes both: a group that is being deleted, having no users, is not.
var addUserToGroup = on("AddUserToGroup", func(ctx context.Context, c *query.Call, e *entity, in *memberIn) (*query.None, *record.Change, error) {
	u, err := user(ctx, c, in.UserName)
	if err != nil {
		return nil, nil, err
	}
	if u.ver == 0 {
		return nil, nil, u.missing()
	}
	m := u.msg.(*recordpb.User)
	groups, added := insert(m.Groups, e.name)
	switch {
	case !added:
		c.Subject = u // whose record says so
		return nil, nil, nil
	case len(groups) > maxGroups:
		return nil, nil, fault.IAMQuota("GroupsPerUser", maxGroups)
	}
	m.Groups = groups
	change := c.Book.Change()
	e.touch(change)
	u.save(change)
	list(change, record.OfMember(m.Account, e.name, u.name))
	return nil, change, nil
})

var removeUserFromGroup = on("RemoveUserFromGroup", func(ctx context.Context, c *query.Call, e *entity, in *memberIn) (*query.None, *record.Change, error) {
	u, err := user(ctx, c, in.UserName)
	if err != nil {
		return nil, nil, err
	}
	if u.ver == 0 {
		return nil, nil, u.missing()
	}
	m := u.msg.(*recordpb.User)
	groups, removed := remove(m.Groups, e.name)
	if !removed {
		return nil, nil, fault.NotInGroup(u.name, e.name)
	}
	m.Groups = groups
	change := u.saved(c)
	unlist(change, record.OfMember(m.Account, e.name, u.name))
	return nil, change, nil
})

type listGroupsForUserIn struct {
	theUser
	paging
}

var listGroupsForUser = reading("ListGroupsForUser", func(ctx context.Context, c *query.Call, e *entity, in *listGroupsForUserIn) (*listGroupsOut, error) {
	names, more, err := page(c, "ListGroupsForUser", e.id, in.paging, slices.Clone(e.msg.(*recordpb.User).Groups), itself)
	if err != nil {
		return nil, err
	}
	var out []groupShape
	for _, name := range names {
		g, err := group(ctx, c, name)
		if err != nil {
			return nil, err
		}
		if g.ver != 0 { // one that was renamed since the user was read has another name
			out = append(out, shapeOfGroup(c, g.msg.(*recordpb.Group)))
		}
	}
	return &listGroupsOut{query.ListOf(out), more}, nil
})
