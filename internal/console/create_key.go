package console

import (
	"cmp"
	"net/http"
)

// A createPage is the page on which a key is made.
type createPage struct {
	keyForm
	Purposes []purpose
	Kinds    []keyKind
	Requests []planned
	Wrong    *Refusal // why they would not be sent
	Refusal  *Refusal // of what was sent, or would have been

	People   []person
	Unlisted bool     // there are more of them
	Unlist   *Refusal // why they cannot be listed
}

// PolicyText is the key policy in the requests; "" if there is none.
func (p createPage) PolicyText() string {
	if len(p.Requests) == 0 {
		return ""
	}
	k, _ := p.Requests[0].Body.(newKey)
	return k.Policy
}

// A person is a user or role that a policy can name.
type person struct {
	Kind string
	ARN  string
}

func (v *visit) createKeyPage() error {
	return v.createKeyWith(http.StatusOK, newKeyForm(v.hr.URL.Query().Get("for")), nil)
}

// previewKey shows what would be sent. A script that only wants that does not have people listed, and recorded as
// listed, with every letter typed.
func (v *visit) previewKey() error {
	return v.createKeyWith(http.StatusOK, readKeyForm(v.hr.PostForm), nil)
}

// createKeyWith shows the form as it was filled in.
func (v *visit) createKeyWith(status int, f keyForm, refused *Refusal) error {
	p := createPage{keyForm: f, Purposes: purposes, Kinds: kindsFor(f.Purpose), Refusal: refused}
	plan, err := f.plan(rootOf(v.session.Arn, v.session.Account), yet)
	if p.Wrong = refusalOf(err); p.Wrong == nil && err != nil {
		return err
	}
	p.Requests = plan
	if v.hr.URL.Query().Get("only") != "plan" {
		if err := v.people(&p); err != nil {
			return err
		}
	}
	v.show(status, "create-key", "Create key", p)
	return nil
}

// people lists users and roles, the first of each, if the visitor may.
func (v *visit) people(p *createPage) error {
	for _, of := range []struct{ action, kind string }{{"ListUsers", "user"}, {"ListRoles", "role"}} {
		var listed struct {
			Users     []string `xml:"ListUsersResult>Users>member>Arn"`
			Roles     []string `xml:"ListRolesResult>Roles>member>Arn"`
			MoreUsers bool     `xml:"ListUsersResult>IsTruncated"`
			MoreRoles bool     `xml:"ListRolesResult>IsTruncated"`
		}
		err := v.query("iam", of.action, &listed, "MaxItems", "50")
		if r := refusalOf(err); r != nil && !r.over() {
			p.Unlist = cmp.Or(p.Unlist, r)
			continue
		}
		if err != nil {
			return err
		}
		for _, arn := range append(listed.Users, listed.Roles...) {
			p.People = append(p.People, person{of.kind, arn})
		}
		p.Unlisted = p.Unlisted || listed.MoreUsers || listed.MoreRoles
	}
	return nil
}

// createKeyNow makes the key and then what goes with it. Once there is a key, what is refused does not undo it: it is
// said, on the key's page, where it can be tried again.
func (v *visit) createKeyNow() error {
	f, root := readKeyForm(v.hr.PostForm), rootOf(v.session.Arn, v.session.Account)
	plan, err := f.plan(root, yet)
	if r := refusalOf(err); r != nil {
		return v.createKeyWith(r.status(), f, r)
	}
	if err != nil {
		return err
	}
	var made struct{ KeyMetadata keyFacts }
	err = v.kms("CreateKey", plan[0].Body, &made)
	if r := refusalOf(err); r != nil && !r.over() {
		return v.createKeyWith(r.status(), f, r)
	}
	if err != nil {
		return err
	}
	id := made.KeyMetadata.KeyId
	if plan, err = f.plan(root, id); err != nil {
		return err
	}
	said := "The key " + id + " was made."
	for _, p := range plan[1:] {
		said += " " + v.then(p)
	}
	if made.KeyMetadata.KeyState == "PendingImport" {
		said += " It cannot be used before its material is imported."
	}
	return v.done("/console/keys/"+id, said)
}

// then sends what goes with a key that was made, and says what came of it.
func (v *visit) then(p planned) string {
	err := v.kms(p.Operation, p.Body, nil)
	if err == nil {
		return p.Done
	}
	why := "the console could not do it, and the server's log says why"
	if r := refusalOf(err); r != nil {
		why = r.Code + ", " + r.Message
	} else {
		v.Logger.ErrorContext(v.hr.Context(), "request of the console failed", "operation", p.Operation, "error", err)
	}
	return p.Not + ": " + why + ". The key is there without it, and it can be done from the page of the key."
}
