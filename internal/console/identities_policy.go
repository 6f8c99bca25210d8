package console

import "net/http"

// An inlineForm is an inline policy as it stands, or as it was typed and refused.
type inlineForm struct {
	Kind    kind
	Of      string // whose
	Name    string
	Text    string
	New     bool
	Refusal *Refusal
}

// allowing is a policy to begin with.
const allowing = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["kms:DescribeKey"],
      "Resource": "*"
    }
  ]
}`

func (v *visit) inlinePage() error {
	f := inlineForm{Kind: v.kind(), Of: v.hr.PathValue("name"), Name: v.hr.URL.Query().Get("policy"), Text: allowing}
	if f.New = f.Name == ""; f.New {
		return v.page("identities-policy", "A policy for "+f.Of, f)
	}
	var err error
	if f.Text, err = v.inlineText(f.Kind, f.Of, f.Name); err != nil {
		return err
	}
	return v.page("identities-policy", "Policy "+f.Name, f)
}

func (v *visit) putInline() error {
	f := inlineForm{Kind: v.kind(), Of: v.hr.PathValue("name"), Name: v.typed("policy"), Text: v.typed("document"), New: v.typed("new") != ""}
	err := v.iam(f.Kind.Of("Put", "Policy"), nil, f.Kind.Noun+"Name", f.Of, "PolicyName", f.Name, "PolicyDocument", f.Text)
	if f.Refusal = refusalOf(err); f.Refusal != nil {
		v.show(http.StatusBadRequest, "identities-policy", "The policy was refused", f)
		return nil
	}
	if err != nil {
		return err
	}
	return v.done(f.Kind.At(f.Of), "Policy "+f.Name+" is in force with the next request.")
}
