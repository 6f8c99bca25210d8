package console

import (
	"net/http"
	"strings"

	"qkms/internal/authz/explain"
	"qkms/internal/iam"
	"qkms/internal/op"
	"qkms/internal/oversight"
	"qkms/internal/query"
)

// An explainForm is a question: in the address, so that it can be kept and sent to somebody.
type explainForm struct {
	Principal  string
	Action     string
	Key        string
	Resource   string
	Grant      string
	Operations string // separated by commas
	Context    string // lines of NAME=VALUE
	Conditions string
}

type explainPage struct {
	explainForm
	Principals []string // to pick from
	Services   []actionsOf
	Refusal    *Refusal
	Answer     *explain.Explanation
}

// actionsOf are those of a service that can be asked about.
type actionsOf struct {
	Service string
	Actions []string
}

func (v *visit) explainPage() error {
	q := v.hr.URL.Query()
	value := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	form := explainForm{
		Principal: value("principal"), Action: value("action"), Key: value("key"), Resource: value("resource"), Grant: value("grant"),
		Operations: value("operations"), Context: value("context"), Conditions: value("conditions"),
	}
	if form.Key != "" && form.Principal == "" && form.Action == "" {
		return v.keyUsePage(form.Key)
	}
	p := explainPage{explainForm: form, Services: services(), Principals: v.principals()}
	if form.Principal != "" && form.Action != "" {
		p.Answer = new(explain.Explanation)
		err := v.explain(form, p.Answer)
		if p.Refusal = refusalOf(err); err != nil && p.Refusal == nil {
			return err
		}
	}
	if p.Refusal != nil {
		p.Answer = nil
		v.show(p.Refusal.status(), "explain", "Explain", p)
		return nil
	}
	if p.Action == "" {
		p.Action = "kms:Decrypt"
	}
	return v.page("explain", "Explain", p)
}

func (v *visit) explain(f explainForm, out *explain.Explanation) error {
	in := []string{"Principal", f.Principal, "ActionName", f.Action}
	for name, value := range map[string]string{"KeyId": f.Key, "Resource": f.Resource, "GrantId": f.Grant} {
		if value != "" {
			in = append(in, name, value)
		}
	}
	for name, text := range map[string]string{"EncryptionContext": f.Context, "Conditions": f.Conditions} {
		pairs, err := pairsOf(text)
		if err != nil {
			return err
		}
		for i, p := range pairs {
			at := member(name, i)
			in = append(in, at+".Name", p[0], at+".Value", p[1])
		}
	}
	for i, operation := range strings.FieldsFunc(f.Operations, func(r rune) bool { return r == ',' || r == ' ' }) {
		in = append(in, member("GrantOperations", i), operation)
	}
	return v.query(oversight.Signing, "ExplainAuthorization", out, in...)
}

// pairsOf reads lines of NAME=VALUE. A value may have more signs of equality.
func pairsOf(text string) (all [][2]string, err error) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return nil, &Refusal{Status: http.StatusBadRequest, Code: "MalformedLine", Message: "Each line is NAME=VALUE, and this one is not: " + line}
		}
		all = append(all, [2]string{name, value})
	}
	return all, nil
}

// principals are some to pick from: the visitor, the root user, and the users and roles that the visitor may list.
func (v *visit) principals() []string {
	all := []string{v.session.Arn, "root"}
	var users struct {
		Users []struct{ UserName, Path string } `xml:"ListUsersResult>Users>member"`
	}
	if v.query("iam", "ListUsers", &users, "MaxItems", "200") == nil {
		for _, u := range users.Users {
			all = append(all, "user"+u.Path+u.UserName)
		}
	}
	var roles struct {
		Roles []struct{ RoleName string } `xml:"ListRolesResult>Roles>member"`
	}
	if v.query("iam", "ListRoles", &roles, "MaxItems", "200") == nil {
		for _, r := range roles.Roles {
			all = append(all, "assumed-role/"+r.RoleName+"/any")
		}
	}
	return all
}

// services are the actions that policies are about here.
func services() []actionsOf {
	kms := actionsOf{Service: "kms"}
	for _, row := range op.Table {
		if name := row.Operation(); name != "ReEncrypt" { // two actions, on two keys
			kms.Actions = append(kms.Actions, "kms:"+name)
		}
	}
	kms.Actions = append(kms.Actions, "kms:ReEncryptFrom", "kms:ReEncryptTo")
	return []actionsOf{
		kms,
		{"iam", actions(iam.Service)},
		{"sts", []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}},
		{oversight.Signing, actions(oversight.New(oversight.Deps{}))},
	}
}

func actions(of *query.Service) (all []string) {
	for _, row := range of.Table {
		if name := row.Operation(); name != "ConsoleLogin" { // which needs none
			all = append(all, of.Signing+":"+name)
		}
	}
	return all
}
