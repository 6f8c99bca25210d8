package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/fault"
	"qkms/internal/lastuse"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type accessKeyShape struct {
	UserName        string `xml:",omitempty"` // empty of the root user
	AccessKeyId     string
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      query.Time
}

func shapeOfAccessKey(m *recordpb.AccessKey) accessKeyShape {
	return accessKeyShape{UserName: m.User, AccessKeyId: m.Id, Status: status(m.Disabled), CreateDate: query.At(m.Created)}
}

const active = "Active"

func status(disabled bool) string {
	if disabled {
		return "Inactive"
	}
	return active
}

type createAccessKeyOut struct{ AccessKey accessKeyShape }

// told leaves the secret out: it is told once, to who asked.
func (o *createAccessKeyOut) told() audit.Detail {
	k := o.AccessKey
	return audit.Detail{audit.Object("accessKey", audit.Detail{
		audit.String("userName", k.UserName).If(k.UserName != ""), audit.String("accessKeyId", k.AccessKeyId), audit.String("status", k.Status),
	})}
}

var createAccessKey = differing(telling(on("CreateAccessKey", func(ctx context.Context, c *query.Call, e *entity, _ *aUser) (*createAccessKeyOut, *record.Change, error) {
	id, secret := authn.NewAccessKey()
	m := &recordpb.AccessKey{Id: id, Secret: []byte(secret)}
	change, err := giveAccessKey(ctx, c, e, m)
	if err != nil {
		return nil, nil, err
	}
	s := shapeOfAccessKey(m)
	s.SecretAccessKey = secret
	return &createAccessKeyOut{s}, change, nil
}), (*createAccessKeyOut).told), "Those that an operator makes with `qkms access-key create` count towards the two of the root user.")

// giveAccessKey makes m, which has an id and a secret, an access key of e.
func giveAccessKey(ctx context.Context, c *query.Call, e *entity, m *recordpb.AccessKey) (*record.Change, error) {
	ids, err := accessKeys(ctx, c, e)
	switch {
	case err != nil:
		return nil, err
	case len(ids) >= maxAccessKeys:
		return nil, fault.IAMQuota("AccessKeysPerUser", maxAccessKeys)
	}
	m.Account, m.Created = c.Caller.Account, c.Now.UnixMilli()
	change := c.Book.Change()
	if u, is := e.msg.(*recordpb.User); is {
		m.User, m.UserId = u.Name, u.Id
		u.AccessKeys = append(u.AccessKeys, m.Id)
		e.save(change)
	}
	change.Insert(record.OfAccessKey(m.Id), m)
	return change, nil
}

// AccessKeyOf proposes that m, of which there are id, secret and description, is an access key of a user: for
// operators, who may choose them.
func AccessKeyOf(ctx context.Context, c *query.Call, userName string, m *recordpb.AccessKey) (*record.Change, error) {
	e, err := user(ctx, c, userName)
	if err != nil {
		return nil, err
	}
	if e.ver == 0 {
		return nil, e.missing()
	}
	return giveAccessKey(ctx, c, e, m)
}

// accessKeys are the ids of an entity's access keys, the oldest first. Those of the root user stand in no record
// of theirs, so that two made at once may be one too many.
func accessKeys(ctx context.Context, c *query.Call, e *entity) ([]string, error) {
	if u, is := e.msg.(*recordpb.User); is {
		return slices.Clone(u.AccessKeys), nil
	}
	var all []*recordpb.AccessKey
	err := every(ctx, c, record.AccessKeys(), func(_ record.Key, m *recordpb.AccessKey) error {
		clear(m.Secret)
		if m.Account == c.Caller.Account && m.User == "" && m.Service == "" {
			all = append(all, m)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b *recordpb.AccessKey) int { return int(a.Created - b.Created) })
	ids := make([]string, len(all))
	for i, m := range all {
		ids[i] = m.Id
	}
	return ids, err
}

type listAccessKeysIn struct {
	aUser
	paging
}

type listAccessKeysOut struct {
	AccessKeyMetadata query.List[accessKeyShape]
	truncation
}

var listAccessKeys = reading("ListAccessKeys", func(ctx context.Context, c *query.Call, e *entity, in *listAccessKeysIn) (*listAccessKeysOut, error) {
	ids, err := accessKeys(ctx, c, e)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	some, more, err := page(c, "ListAccessKeys", e.id, in.paging, ids, itself)
	if err != nil {
		return nil, err
	}
	var out []accessKeyShape
	for _, id := range some {
		m, ver, err := take[recordpb.AccessKey](ctx, c, record.OfAccessKey(id))
		if err != nil {
			return nil, err
		}
		if ver != 0 { // one that was deleted since is none
			out = append(out, shapeOfAccessKey(m))
		}
		clear(m.Secret)
	}
	return &listAccessKeysOut{query.ListOf(out), more}, nil
})

type accessKeyIn struct {
	aUser
	AccessKeyId string `is:"required,accessKeyId"`
}

// of returns the access key if it is one of e.
func (in *accessKeyIn) of(ctx context.Context, c *query.Call, e *entity) (*recordpb.AccessKey, uint64, error) {
	m, ver, err := take[recordpb.AccessKey](ctx, c, record.OfAccessKey(in.AccessKeyId))
	if err != nil {
		return nil, 0, err
	}
	mine := m.User == "" && m.Service == ""
	if e.kind == kindUser {
		mine = m.UserId == e.id
	}
	if ver == 0 || m.Account != c.Caller.Account || !mine {
		clear(m.Secret)
		return nil, 0, fault.NoSuchAccessKey(in.AccessKeyId)
	}
	return m, ver, nil
}

type updateAccessKeyIn struct {
	accessKeyIn
	Status string `is:"required,status"`
}

// updateAccessKey is in force with the next request: the commit drops the key from memory.
var updateAccessKey = on("UpdateAccessKey", func(ctx context.Context, c *query.Call, e *entity, in *updateAccessKeyIn) (*query.None, *record.Change, error) {
	m, ver, err := in.of(ctx, c, e)
	if err != nil {
		return nil, nil, err
	}
	defer clear(m.Secret)
	m.Disabled = in.Status != active
	change := c.Book.Change()
	change.Replace(record.OfAccessKey(m.Id), ver, m)
	return nil, change, nil
})

var deleteAccessKey = on("DeleteAccessKey", func(ctx context.Context, c *query.Call, e *entity, in *accessKeyIn) (*query.None, *record.Change, error) {
	m, ver, err := in.of(ctx, c, e)
	if err != nil {
		return nil, nil, err
	}
	defer clear(m.Secret)
	change := c.Book.Change()
	if u, is := e.msg.(*recordpb.User); is {
		u.AccessKeys = slices.DeleteFunc(u.AccessKeys, func(id string) bool { return id == m.Id })
		e.save(change)
	}
	change.Remove(record.OfAccessKey(m.Id), ver)
	change.Discard(record.OfLastUse(m.Account, "", m.Id))
	return nil, change, nil
})

// renameAccessKeys tells the access keys of a user its new name.
func renameAccessKeys(ctx context.Context, c *query.Call, change *record.Change, u *recordpb.User) error {
	for _, id := range u.AccessKeys {
		m, ver, err := take[recordpb.AccessKey](ctx, c, record.OfAccessKey(id))
		if err != nil {
			return err
		}
		m.User = u.Name
		change.Replace(record.OfAccessKey(id), ver, m)
		clear(m.Secret)
	}
	return nil
}

type lastUsedIn struct {
	AccessKeyId string `is:"required,accessKeyId"`
}

type lastUsedOut struct {
	UserName          string `xml:",omitempty"`
	AccessKeyLastUsed lastUsedShape
}

type lastUsedShape struct {
	LastUsedDate query.Time
	ServiceName  string
	Region       string
}

// getAccessKeyLastUsed is about the user whose key it is, which has to be found out first.
var getAccessKeyLastUsed = &query.Op[lastUsedIn, lastUsedOut]{
	Name: "GetAccessKeyLastUsed", ReadOnly: true,
	Needs: func(ctx context.Context, c *query.Call, in *lastUsedIn) ([]authz.Act, error) {
		m, _, err := take[recordpb.AccessKey](ctx, c, record.OfAccessKey(in.AccessKeyId))
		if err != nil {
			return nil, err
		}
		clear(m.Secret)
		c.Subject = m
		resource := arn(c, kindUser, "/")
		if m.Account == c.Caller.Account && m.User != "" {
			u, err := user(ctx, c, m.User)
			if err != nil {
				return nil, err
			}
			resource = u.arn
		}
		return []authz.Act{{Action: "iam:GetAccessKeyLastUsed", Resource: resource}}, nil
	},
	Run: func(ctx context.Context, c *query.Call, in *lastUsedIn) (*lastUsedOut, *record.Change, error) {
		m := c.Subject.(*recordpb.AccessKey)
		if m.Account != c.Caller.Account || m.Service != "" {
			return nil, nil, fault.NoSuchAccessKey(in.AccessKeyId)
		}
		out := &lastUsedOut{UserName: m.User, AccessKeyLastUsed: lastUsedShape{ServiceName: "N/A", Region: "N/A"}}
		use, known, err := c.LastUses.Last(ctx, lastuse.Key{Account: m.Account, ID: m.Id})
		if known {
			service, region, _ := strings.Cut(use.Operation, " ")
			out.AccessKeyLastUsed = lastUsedShape{query.Time{Time: time.UnixMilli(use.At)}, service, region}
		}
		return out, nil, err
	},
}
