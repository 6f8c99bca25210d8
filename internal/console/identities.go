package console

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A kind is one of those of identities that are alike: they have policies, attached and of their own.
type kind struct {
	Path string // in the addresses of pages: users
	Noun string // in the names of operations and parameters: User
	One  string // for people
}

var kinds = []kind{{"users", "User", "user"}, {"groups", "Group", "group"}, {"roles", "Role", "role"}}

// At is the page of one of them.
func (k kind) At(name string) string {
	return "/console/identities/" + k.Path + "/" + url.PathEscape(name)
}

// Of is the name of an operation about a kind: Of("List", "s") is ListUsers.
func (k kind) Of(before, after string) string { return before + k.Noun + after }

// kind is that of the page.
func (v *visit) kind() kind {
	part, _, _ := strings.Cut(strings.TrimPrefix(v.hr.URL.Path, "/console/identities/"), "/")
	return kinds[max(0, slices.IndexFunc(kinds, func(k kind) bool { return k.Path == part }))] // routes name no other
}

// identityRoutes are the pages of identities.
func identityRoutes() []route {
	all := []route{{pattern: "GET /console/identities", serve: func(v *visit) error { return v.redirect("/console/identities/users") }}}
	for _, k := range kinds {
		at := " /console/identities/" + k.Path
		all = append(all, []route{
			{pattern: "GET" + at, serve: (*visit).identitiesPage},
			{pattern: "POST" + at, serve: (*visit).createIdentity},
			{pattern: "GET" + at + "/{name}", serve: (*visit).identityPage},
			{pattern: "POST" + at + "/{name}", serve: (*visit).changeIdentity},
			{pattern: "GET" + at + "/{name}/policy", serve: (*visit).inlinePage},
			{pattern: "POST" + at + "/{name}/policy", serve: (*visit).putInline},
			{pattern: "GET" + at + "/{name}/delete", serve: (*visit).deleteIdentityPage},
			{pattern: "POST" + at + "/{name}/delete", serve: (*visit).deleteIdentity},
		}...)
	}
	return append(all, []route{
		{pattern: "POST /console/identities/users/{name}/access-keys", serve: (*visit).createAccessKey},
		{pattern: "GET /console/identities/policies", serve: (*visit).policiesPage},
		{pattern: "POST /console/identities/policies", serve: (*visit).createPolicy},
		{pattern: "GET /console/identities/policy", serve: (*visit).policyPage},
		{pattern: "POST /console/identities/policy", serve: (*visit).changePolicy},
		{pattern: "GET /console/identities/policy/delete", serve: (*visit).deletePolicyPage},
		{pattern: "POST /console/identities/policy/delete", serve: (*visit).deletePolicy},
		{pattern: "GET /console/identities/providers", serve: (*visit).providersPage},
		{pattern: "POST /console/identities/providers", serve: (*visit).createProvider},
		{pattern: "GET /console/identities/provider", serve: (*visit).providerPage},
		{pattern: "POST /console/identities/provider", serve: (*visit).changeProvider},
		{pattern: "GET /console/identities/provider/delete", serve: (*visit).deleteProviderPage},
		{pattern: "POST /console/identities/provider/delete", serve: (*visit).deleteProvider},
	}...)
}

// iam performs one operation of IAM and reads its result, what stands in <NameResult>, into out.
func (v *visit) iam(action string, out any, parameters ...string) error {
	var answer struct {
		Parts []struct {
			XMLName xml.Name
			Inner   []byte `xml:",innerxml"`
		} `xml:",any"`
	}
	if err := v.query("iam", action, &answer, parameters...); err != nil || out == nil {
		return err
	}
	for _, part := range answer.Parts {
		if part.XMLName.Local == action+"Result" {
			return xml.Unmarshal(slices.Concat([]byte("<r>"), bytes.TrimSpace(part.Inner), []byte("</r>")), out)
		}
	}
	return nil
}

// member is the name of a member of a list, counted from 0 here and from 1 there.
func member(list string, i int) string { return list + ".member." + strconv.Itoa(i+1) }

// An entity is a user, a group or a role, as far as the answer at hand says.
type entity struct {
	UserName, GroupName, RoleName string

	Path, Arn, Description   string
	CreateDate               time.Time
	MaxSessionDuration       int    // seconds
	AssumeRolePolicyDocument string // percent-encoded
	Boundary                 string `xml:"PermissionsBoundary>PermissionsBoundaryArn"`
	Tags                     []tag  `xml:"Tags>member"`
}

type tag struct{ Key, Value string }

// Name is without path.
func (e entity) Name() string { return cmp.Or(e.UserName, e.GroupName, e.RoleName) }

// Trust is the trust policy of a role.
func (e entity) Trust() string { return decoded(e.AssumeRolePolicyDocument) }

// decoded is a policy as its author wrote it; answers of IAM have it percent-encoded.
func decoded(document string) string {
	if text, err := url.PathUnescape(document); err == nil {
		return text
	}
	return document
}

// typed is a text from a form, whose lines browsers end with CR LF.
func (v *visit) typed(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(v.hr.PostForm.Get(name), "\r\n", "\n"))
}

// perPage is how many of a kind are on a page.
const perPage = "50"

type identitiesPage struct {
	Kind    kind
	Rows    []entity
	Next    string
	Unseen  *Refusal // of the list
	Refusal *Refusal // of what was to be made
	Made    makeForm
}

// A makeForm is what was typed for one to be made.
type makeForm struct {
	Name, Path, Boundary, Description, Trust string
	Open                                     bool
}

// marked are parameters, with the marker of the page that is asked for.
func (v *visit) marked(parameters ...string) []string {
	if m := v.hr.URL.Query().Get("marker"); m != "" {
		parameters = append(parameters, "Marker", m)
	}
	return parameters
}

func (v *visit) identitiesPage() error {
	return v.identities(nil, makeForm{Path: "/", Trust: trusting(v.session.Account)})
}

func (v *visit) identities(refusal *Refusal, form makeForm) error {
	p := identitiesPage{Kind: v.kind(), Refusal: refusal, Made: form}
	var listed struct {
		Users  []entity `xml:"Users>member"`
		Groups []entity `xml:"Groups>member"`
		Roles  []entity `xml:"Roles>member"`
		Marker string
	}
	err := v.iam(p.Kind.Of("List", "s"), &listed, v.marked("MaxItems", perPage)...)
	if p.Unseen = refusalOf(err); err != nil && p.Unseen == nil {
		return err
	}
	p.Rows, p.Next = slices.Concat(listed.Users, listed.Groups, listed.Roles), listed.Marker
	status := http.StatusOK
	switch {
	case refusal != nil:
		status = refusal.status()
	case p.Unseen != nil:
		status = p.Unseen.status()
	}
	v.show(status, "identities", strings.ToUpper(p.Kind.Path[:1])+p.Kind.Path[1:], p)
	return nil
}

// trusting is a trust policy to begin with: who of the account is allowed to by policies of their own.
func trusting(account string) string {
	return `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"AWS": "` + account + `"},
      "Action": "sts:AssumeRole"
    }
  ]
}`
}

func (v *visit) createIdentity() error {
	k := v.kind()
	form := makeForm{Name: v.typed("name"), Path: v.typed("path"), Boundary: v.typed("boundary"), Description: v.typed("description"), Trust: v.typed("trust"), Open: true}
	in := []string{k.Noun + "Name", form.Name}
	for name, value := range map[string]string{"Path": form.Path, "PermissionsBoundary": form.Boundary, "Description": form.Description, "AssumeRolePolicyDocument": form.Trust} {
		if value != "" {
			in = append(in, name, value)
		}
	}
	err := v.iam(k.Of("Create", ""), nil, in...)
	if refusal := refusalOf(err); refusal != nil {
		return v.identities(refusal, form)
	}
	if err != nil {
		return err
	}
	return v.done(k.At(form.Name), "The "+k.One+" "+form.Name+" was made. It may do nothing until it has policies, or is named by some.")
}
