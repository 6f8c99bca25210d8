package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

type policyVersion struct {
	VersionId        string
	IsDefaultVersion bool
	CreateDate       time.Time
	Document         string
}

// A policyPage is a managed policy in one of its versions.
type policyPage struct {
	Policy   managed
	Version  part[policyVersion] // that is shown
	Text     string
	Versions part[[]policyVersion]
	Users    part[[]string] // who has it, by name; Groups and Roles are beside it
	Groups   []string
	Roles    []string
	More     bool
	Refusal  *Refusal
	Typed    string // version that was refused, or to begin with
	Own      bool   // of the account, and so to be changed
}

func (v *visit) policyPage() error { return v.policy(nil, "") }

func (v *visit) policy(refusal *Refusal, typed string) error {
	arn := v.hr.URL.Query().Get("arn")
	var out struct{ Policy managed }
	if err := v.iam("GetPolicy", &out, "PolicyArn", arn); err != nil {
		return err
	}
	p := policyPage{Policy: out.Policy, Refusal: refusal, Typed: typed, Own: !strings.Contains(arn, "::aws:policy/")}
	if err := v.readVersions(&p, arn); err != nil {
		return err
	}
	if err := v.readHolders(&p, arn); err != nil {
		return err
	}
	if p.Typed == "" {
		p.Typed = p.Text
	}
	status := http.StatusOK
	if refusal != nil {
		status = refusal.status()
	}
	v.show(status, "policy", p.Policy.PolicyName, p)
	return nil
}

func (v *visit) readVersions(p *policyPage, arn string) error {
	var list struct {
		Versions []policyVersion `xml:"Versions>member"`
	}
	err := v.iam("ListPolicyVersions", &list, "PolicyArn", arn)
	if err := p.Versions.take(list.Versions, err); err != nil {
		return err
	}
	id := v.hr.URL.Query().Get("version")
	if id == "" {
		id = p.Policy.DefaultVersionId
	}
	var out struct{ PolicyVersion policyVersion }
	err = v.iam("GetPolicyVersion", &out, "PolicyArn", arn, "VersionId", id)
	p.Text = decoded(out.PolicyVersion.Document)
	return p.Version.take(out.PolicyVersion, err)
}

// readHolders reads who has a policy attached, or as their boundary.
func (v *visit) readHolders(p *policyPage, arn string) error {
	var out struct {
		Users  []string `xml:"PolicyUsers>member>UserName"`
		Groups []string `xml:"PolicyGroups>member>GroupName"`
		Roles  []string `xml:"PolicyRoles>member>RoleName"`
		More   bool     `xml:"IsTruncated"`
	}
	err := v.iam("ListEntitiesForPolicy", &out, "PolicyArn", arn, "MaxItems", "200")
	p.Groups, p.Roles, p.More = out.Groups, out.Roles, out.More
	return p.Users.take(out.Users, err)
}

// changePolicy does what the page of a policy has buttons for.
func (v *visit) changePolicy() error {
	arn := v.hr.URL.Query().Get("arn")
	var err error
	said := ""
	switch v.hr.PostForm.Get("do") {
	case "version":
		said = "The new version is in force with the next request."
		err = v.iam("CreatePolicyVersion", nil, "PolicyArn", arn, "PolicyDocument", v.typed("document"), "SetAsDefault", "true")
	case "default":
		said = "Version " + v.typed("version") + " is in force with the next request."
		err = v.iam("SetDefaultPolicyVersion", nil, "PolicyArn", arn, "VersionId", v.typed("version"))
	case "tag", "untag":
		action, done, in := v.tagging("Policy")
		said, err = done, v.iam(action, nil, append(in, "PolicyArn", arn)...)
	default:
		return &Refusal{Status: 400, Code: "NoSuchChange", Message: "This page has no such button."}
	}
	if refusal := refusalOf(err); refusal != nil {
		return v.policy(refusal, v.typed("document"))
	}
	if err != nil {
		return err
	}
	return v.done(policyAt(arn), said)
}

func (v *visit) deletePolicyPage() error {
	c, _ := v.doomedPolicy()
	return v.ask(c)
}

func (v *visit) deletePolicy() error {
	c, steps := v.doomedPolicy()
	if !v.confirmed(c) {
		return v.ask(c)
	}
	return v.perform(c, steps)
}

// doomedPolicy is a policy, or one version of it. A policy that somebody has is not deleted: IAM refuses it, and says so.
func (v *visit) doomedPolicy() (*confirmation, []step) {
	q := v.hr.URL.Query()
	arn := q.Get("arn")
	c := &confirmation{What: "policy " + arn, Word: "delete", Action: v.hr.URL.RequestURI(), Back: "/console/identities/policies"}
	if version := q.Get("version"); version != "" {
		c.What, c.Back = "version "+version+" of policy "+arn, policyAt(arn)
		c.Lost = []string{"Its text is gone; the other versions stay, and the one in force stays in force."}
		return c, []step{{"DeletePolicyVersion", []string{"PolicyArn", arn, "VersionId", version}}}
	}
	c.Lost = []string{"All versions of it, with their texts.", "A policy that users, groups or roles still have is not deleted: detach it first."}
	var steps []step
	var list struct {
		Versions []policyVersion `xml:"Versions>member"`
	}
	if err := v.iam("ListPolicyVersions", &list, "PolicyArn", arn); err == nil {
		for _, one := range list.Versions {
			if !one.IsDefaultVersion {
				steps = append(steps, step{"DeletePolicyVersion", []string{"PolicyArn", arn, "VersionId", one.VersionId}})
			}
		}
	}
	var out struct{ Policy managed }
	if err := v.iam("GetPolicy", &out, "PolicyArn", arn); err == nil && out.Policy.AttachmentCount+out.Policy.Boundaries > 0 {
		c.Lost = append(c.Lost, fmt.Sprintf("It has %d users, groups or roles now, and is the boundary of %d.", out.Policy.AttachmentCount, out.Policy.Boundaries))
		steps = nil // deleting the versions of what then stays would be half of it
	}
	return c, append(steps, step{"DeletePolicy", []string{"PolicyArn", arn}})
}
