package iam

import (
	"fmt"
	"net/url"
	"strings"

	"qkms/internal/query"
	"qkms/internal/record/recordpb"
)

// What answers are made of. Fields are in AWS's names.

type userShape struct {
	Path                string
	UserName            string `xml:",omitempty"` // empty of the root user
	UserId              string
	Arn                 string
	CreateDate          query.Time
	PermissionsBoundary *boundaryShape
	Tags                *query.List[tag]
}

type groupShape struct {
	Path       string
	GroupName  string
	GroupId    string
	Arn        string
	CreateDate query.Time
}

type roleShape struct {
	Path                     string
	RoleName                 string
	RoleId                   string
	Arn                      string
	CreateDate               query.Time
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       uint32
	PermissionsBoundary      *boundaryShape
	Tags                     *query.List[tag]
	RoleLastUsed             *struct{}
}

type boundaryShape struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

type policyShape struct {
	PolicyName                    string
	PolicyId                      string
	Arn                           string
	Path                          string
	DefaultVersionId              string
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    query.Time
	UpdateDate                    query.Time
	Tags                          *query.List[tag]
}

type versionShape struct {
	Document         string `xml:",omitempty"`
	VersionId        string
	IsDefaultVersion bool
	CreateDate       query.Time
}

type attachedShape struct {
	PolicyName string
	PolicyArn  string
}

// document is a policy as answers have it: percent-encoded, RFC 3986.
func document(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func versionID(number uint32) string { return fmt.Sprintf("v%d", number) }

func boundaryOf(arn string) *boundaryShape {
	if arn == "" {
		return nil
	}
	return &boundaryShape{"PermissionsBoundaryPolicy", arn}
}

// tagsOf leaves the list out when there are none, where AWS does.
func tagsOf(tags []*recordpb.Tag) *query.List[tag] {
	if len(tags) == 0 {
		return nil
	}
	l := listOf(tags)
	return &l
}

func listOf(tags []*recordpb.Tag) query.List[tag] {
	out := make([]tag, len(tags))
	for i, t := range tags {
		out[i] = tag{t.Key, t.Value}
	}
	return query.ListOf(out)
}

// shapeOfUser is a user as lists have it: without boundary and tags.
func shapeOfUser(c *query.Call, m *recordpb.User) userShape {
	return userShape{Path: m.Path, UserName: m.Name, UserId: m.Id, Arn: arnIn(c, m.Account, kindUser, m.Path+m.Name), CreateDate: query.At(m.Created)}
}

func wholeUser(c *query.Call, m *recordpb.User) userShape {
	s := shapeOfUser(c, m)
	s.PermissionsBoundary, s.Tags = boundaryOf(m.Boundary), tagsOf(m.Tags)
	return s
}

func shapeOfGroup(c *query.Call, m *recordpb.Group) groupShape {
	return groupShape{Path: m.Path, GroupName: m.Name, GroupId: m.Id, Arn: arnIn(c, m.Account, kindGroup, m.Path+m.Name), CreateDate: query.At(m.Created)}
}

// shapeOfRole is a role as lists have it: without boundary and tags. trust is whom it trusts as it is shown.
func shapeOfRole(c *query.Call, m *recordpb.Role, trust string) roleShape {
	return roleShape{
		Path: m.Path, RoleName: m.Name, RoleId: m.Id, Arn: arnIn(c, m.Account, kindRole, m.Path+m.Name), CreateDate: query.At(m.Created),
		AssumeRolePolicyDocument: document(trust), Description: m.Description, MaxSessionDuration: m.MaxSession,
	}
}

func wholeRole(c *query.Call, m *recordpb.Role, trust string) roleShape {
	s := shapeOfRole(c, m, trust)
	s.PermissionsBoundary, s.Tags, s.RoleLastUsed = boundaryOf(m.Boundary), tagsOf(m.Tags), new(struct{})
	return s
}
