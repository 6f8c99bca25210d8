package console

import (
	"net/http"
	"net/url"
	"time"
)

// A managed is a policy that can be attached to several.
type managed struct {
	PolicyName       string
	Arn              string
	DefaultVersionId string
	AttachmentCount  int
	Boundaries       int `xml:"PermissionsBoundaryUsageCount"`
	Description      string
	CreateDate       time.Time
	UpdateDate       time.Time
	Tags             []tag `xml:"Tags>member"`
}

type policiesPage struct {
	Scope   string
	Rows    []managed
	Next    string
	Unseen  *Refusal
	Refusal *Refusal
	Made    makeForm
}

// at is the page of a managed policy.
func (m managed) At() string { return policyAt(m.Arn) }

func policyAt(arn string) string { return "/console/identities/policy?arn=" + url.QueryEscape(arn) }

func (v *visit) policiesPage() error {
	return v.policies(nil, makeForm{Path: "/", Trust: allowing})
}

func (v *visit) policies(refusal *Refusal, form makeForm) error {
	p := policiesPage{Scope: v.hr.URL.Query().Get("scope"), Refusal: refusal, Made: form}
	if p.Scope != "AWS" {
		p.Scope = "Local"
	}
	var listed struct {
		Policies []managed `xml:"Policies>member"`
		Marker   string
	}
	err := v.iam("ListPolicies", &listed, v.marked("MaxItems", perPage, "Scope", p.Scope)...)
	if p.Unseen = refusalOf(err); err != nil && p.Unseen == nil {
		return err
	}
	p.Rows, p.Next = listed.Policies, listed.Marker
	status := http.StatusOK
	switch {
	case refusal != nil:
		status = refusal.status()
	case p.Unseen != nil:
		status = p.Unseen.status()
	}
	v.show(status, "policy-list", "Policies", p)
	return nil
}

func (v *visit) createPolicy() error {
	form := makeForm{Name: v.typed("name"), Path: v.typed("path"), Description: v.typed("description"), Trust: v.typed("document"), Open: true}
	in := []string{"PolicyName", form.Name, "PolicyDocument", form.Trust}
	for name, value := range map[string]string{"Path": form.Path, "Description": form.Description} {
		if value != "" {
			in = append(in, name, value)
		}
	}
	var out struct{ Policy managed }
	err := v.iam("CreatePolicy", &out, in...)
	if refusal := refusalOf(err); refusal != nil {
		return v.policies(refusal, form)
	}
	if err != nil {
		return err
	}
	return v.done(out.Policy.At(), "The policy was made. It has an effect where it is attached.")
}
