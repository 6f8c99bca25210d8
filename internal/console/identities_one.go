package console

import (
	"net/http"
	"time"
)

// An identityPage is one user, group or role, part by part: of each that the visitor may not see, why.
type identityPage struct {
	Kind    kind
	Name    string
	Refusal *Refusal // of what was done
	Typed   string   // trust policy that was refused

	Entity   part[entity]
	Attached part[[]attached]
	Inline   part[[]inline]
	Groups   part[[]entity]
	Members  part[[]entity]
	Keys     part[[]accessKey]

	Choices []attached // policies to attach
	Next    string     // marker of more members
}

// A part is something that can be refused by itself.
type part[T any] struct {
	Is     T
	Unseen *Refusal
}

// take is what a request has come to: its refusal, unless err is another error.
func (p *part[T]) take(is T, err error) error {
	p.Is, p.Unseen = is, refusalOf(err)
	if p.Unseen != nil {
		return nil
	}
	return err
}

type attached struct {
	PolicyName string
	PolicyArn  string
}

type inline struct {
	Name    string
	Text    string
	Refusal *Refusal
}

type accessKey struct {
	AccessKeyId string
	Status      string
	CreateDate  time.Time

	LastUsed, Service, Region string // of the last use; empty: never, or not for the visitor to see
}

// allItems is as many as an answer has: more than one identity has of anything.
const allItems = "1000"

func (v *visit) identityPage() error { return v.identity(nil, "") }

// identity shows one, after something was refused or nothing was done.
func (v *visit) identity(refusal *Refusal, typed string) error {
	p := identityPage{Kind: v.kind(), Name: v.hr.PathValue("name"), Refusal: refusal, Typed: typed}
	e, err := v.entityOf(p.Kind, p.Name)
	if r := refusalOf(err); r != nil && r.status() == http.StatusNotFound {
		return r
	}
	if err := p.Entity.take(e, err); err != nil {
		return err
	}
	for _, read := range []func(*identityPage) error{v.readPolicies, v.readUser, v.readMembers} {
		if err := read(&p); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if refusal != nil {
		status = refusal.status()
	} else if p.Entity.Unseen != nil {
		status = p.Entity.Unseen.status()
	}
	v.show(status, "identity", p.Name, p)
	return nil
}

func (v *visit) entityOf(k kind, name string) (entity, error) {
	var out struct{ User, Group, Role entity }
	err := v.iam(k.Of("Get", ""), &out, k.Noun+"Name", name)
	for _, e := range []entity{out.User, out.Group, out.Role} {
		if e.Name() != "" {
			return e, err
		}
	}
	return entity{}, err
}

func (v *visit) readPolicies(p *identityPage) error {
	if err := p.Attached.take(v.attachedTo(p.Kind, p.Name)); err != nil {
		return err
	}
	if err := p.Inline.take(v.inlineOf(p.Kind, p.Name)); err != nil {
		return err
	}
	var list struct {
		Policies []struct{ PolicyName, Arn string } `xml:"Policies>member"`
	}
	if err := v.iam("ListPolicies", &list, "MaxItems", allItems); err != nil && refusalOf(err) == nil {
		return err
	}
	for _, one := range list.Policies {
		p.Choices = append(p.Choices, attached{one.PolicyName, one.Arn})
	}
	return nil
}

func (v *visit) attachedTo(k kind, name string) ([]attached, error) {
	var out struct {
		All []attached `xml:"AttachedPolicies>member"`
	}
	err := v.iam(k.Of("ListAttached", "Policies"), &out, k.Noun+"Name", name, "MaxItems", allItems)
	return out.All, err
}

// inlineOf are the policies of one's own; their texts are a request each, and those beyond the first are left out.
func (v *visit) inlineOf(k kind, name string) (all []inline, err error) {
	const most = 25
	var out struct {
		Names []string `xml:"PolicyNames>member"`
	}
	if err := v.iam(k.Of("List", "Policies"), &out, k.Noun+"Name", name, "MaxItems", allItems); err != nil {
		return nil, err
	}
	for i, policy := range out.Names {
		one := inline{Name: policy}
		if i < most {
			one.Text, err = v.inlineText(k, name, policy)
			if one.Refusal = refusalOf(err); err != nil && one.Refusal == nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func (v *visit) inlineText(k kind, name, policy string) (string, error) {
	var out struct{ PolicyDocument string }
	err := v.iam(k.Of("Get", "Policy"), &out, k.Noun+"Name", name, "PolicyName", policy)
	return decoded(out.PolicyDocument), err
}

// readUser reads what only users have.
func (v *visit) readUser(p *identityPage) error {
	if p.Kind.Noun != "User" {
		return nil
	}
	if err := p.Groups.take(v.groupsOf(p.Name)); err != nil {
		return err
	}
	return p.Keys.take(v.accessKeysOf(p.Name))
}

func (v *visit) groupsOf(user string) ([]entity, error) {
	var out struct {
		Groups []entity `xml:"Groups>member"`
	}
	err := v.iam("ListGroupsForUser", &out, "UserName", user)
	return out.Groups, err
}

// readMembers reads who is in a group.
func (v *visit) readMembers(p *identityPage) error {
	if p.Kind.Noun != "Group" {
		return nil
	}
	members, next, err := v.membersOf(p.Name, v.marked("MaxItems", perPage)...)
	p.Next = next
	return p.Members.take(members, err)
}

func (v *visit) membersOf(group string, paging ...string) ([]entity, string, error) {
	var out struct {
		Users  []entity `xml:"Users>member"`
		Marker string
	}
	err := v.iam("GetGroup", &out, append([]string{"GroupName", group}, paging...)...)
	return out.Users, out.Marker, err
}
