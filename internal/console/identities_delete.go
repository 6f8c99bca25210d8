package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A confirmation is asked for before something is lost.
type confirmation struct {
	What    string // user ann
	Lost    []string
	Word    string // to be typed
	Action  string // where the form goes
	Back    string
	Refusal *Refusal
}

// confirmed reports whether the word was typed; if not, it asks again.
func (v *visit) confirmed(c *confirmation) bool {
	if v.hr.Method == http.MethodPost && v.typed("confirm") == c.Word {
		return true
	}
	if v.hr.Method == http.MethodPost {
		c.Refusal = &Refusal{Status: http.StatusBadRequest, Code: "NotConfirmed", Message: "Nothing was deleted. To delete, type " + c.Word + "."}
	}
	return false
}

func (v *visit) ask(c *confirmation) error {
	status := http.StatusOK
	if c.Refusal != nil {
		status = c.Refusal.status()
	}
	v.show(status, "identities-confirm", "Delete "+c.What, c)
	return nil
}

// What can be deleted of an identity beside all of it.
func (v *visit) deleteIdentityPage() error {
	c, _, err := v.doomed()
	if err != nil {
		return err
	}
	return v.ask(c)
}

func (v *visit) deleteIdentity() error {
	c, steps, err := v.doomed()
	if err != nil {
		return err
	}
	if !v.confirmed(c) {
		return v.ask(c)
	}
	return v.perform(c, steps)
}

// perform deletes, and tells how far it came.
func (v *visit) perform(c *confirmation, steps []step) error {
	for i, s := range steps {
		if err := v.iam(s.action, nil, s.in...); err != nil {
			if c.Refusal = refusalOf(err); c.Refusal == nil {
				return err
			}
			c.Refusal.Message += fmt.Sprintf(" (%s; %d of %d steps were done before it.)", s.action, i, len(steps))
			return v.ask(c)
		}
	}
	return v.done(c.Back, strings.ToUpper(c.What[:1])+c.What[1:]+" is deleted.")
}

// A step is one operation of several: IAM deletes nothing that still has something.
type step struct {
	action string
	in     []string
}

// doomed is what is asked before an identity, its access key or its policy is deleted, and the steps of it.
func (v *visit) doomed() (*confirmation, []step, error) {
	k, name, q := v.kind(), v.hr.PathValue("name"), v.hr.URL.Query()
	here := k.At(name) + "/delete"
	if id := q.Get("access-key"); id != "" {
		return &confirmation{
			What: "access key " + id, Word: id, Action: here + "?access-key=" + url.QueryEscape(id), Back: k.At(name),
			Lost: []string{"Requests that are signed with it are refused from then on, and console sessions that began with it end.", "Its secret is gone: the key cannot be made again. To see first whether anything still needs it, disable it and wait."},
		}, []step{{"DeleteAccessKey", []string{"UserName", name, "AccessKeyId", id}}}, nil
	}
	if policy := q.Get("policy"); policy != "" {
		return &confirmation{
			What: "policy " + policy + " of " + k.One + " " + name, Word: policy, Action: here + "?policy=" + url.QueryEscape(policy), Back: k.At(name),
			Lost: []string{"What it allows is allowed no more; what it denies is not denied by it any more.", "Its text is gone."},
		}, []step{{k.Of("Delete", "Policy"), []string{k.Noun + "Name", name, "PolicyName", policy}}}, nil
	}
	return v.doomedIdentity(k, name)
}

// doomedIdentity is everything about one. What the visitor may not see is left for the deletion to stumble over.
func (v *visit) doomedIdentity(k kind, name string) (*confirmation, []step, error) {
	p := identityPage{Kind: k, Name: name}
	if _, err := v.entityOf(k, name); err != nil && (refusalOf(err) == nil || refusalOf(err).status() == http.StatusNotFound) {
		return nil, nil, err
	}
	if err := p.Attached.take(v.attachedTo(k, name)); err != nil {
		return nil, nil, err
	}
	if err := p.Inline.take(v.inlineOf(k, name)); err != nil {
		return nil, nil, err
	}
	if err := v.readUser(&p); err != nil {
		return nil, nil, err
	}
	if k.Noun == "Group" {
		members, _, err := v.membersOf(name, "MaxItems", allItems)
		if err := p.Members.take(members, err); err != nil {
			return nil, nil, err
		}
	}
	own := k.Noun + "Name"
	var steps []step
	each := func(action string, in ...string) { steps = append(steps, step{action, append(in, own, name)}) }
	for _, a := range p.Keys.Is {
		each("DeleteAccessKey", "AccessKeyId", a.AccessKeyId)
	}
	for _, g := range p.Groups.Is {
		each("RemoveUserFromGroup", "GroupName", g.GroupName)
	}
	for _, m := range p.Members.Is {
		each("RemoveUserFromGroup", "UserName", m.UserName)
	}
	for _, a := range p.Attached.Is {
		each(k.Of("Detach", "Policy"), "PolicyArn", a.PolicyArn)
	}
	for _, i := range p.Inline.Is {
		each(k.Of("Delete", "Policy"), "PolicyName", i.Name)
	}
	each(k.Of("Delete", ""))
	return &confirmation{What: k.One + " " + name, Word: name, Action: k.At(name) + "/delete", Back: "/console/identities/" + k.Path, Lost: v.lost(&p)}, steps, nil
}

// lost says what goes with an identity.
func (v *visit) lost(p *identityPage) (all []string) {
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	arn := v.session.Arn
	add(p.Kind.Noun == "User" && strings.HasSuffix(arn, "/"+p.Name) && strings.Contains(arn, ":user/"), "This is you: your session here ends with it.")
	for _, k := range p.Keys.Is {
		add(true, "Access key %s, which is %s: requests signed with it are refused from then on.", k.AccessKeyId, strings.ToLower(k.Status))
	}
	add(p.Kind.Noun == "Role", "Sessions of the role end, and nobody can assume it.")
	for _, g := range p.Groups.Is {
		add(true, "Its membership of group %s, and what that allows.", g.GroupName)
	}
	add(len(p.Members.Is) > 0, "What the group allows its users: %s", namesOf(p.Members.Is))
	for _, i := range p.Inline.Is {
		add(true, "Its own policy %s, with its text.", i.Name)
	}
	for _, a := range p.Attached.Is {
		add(true, "Policy %s is detached from it, and stays.", a.PolicyName)
	}
	add(p.Kind.Noun != "Group", "Key policies and trust policies that name it mean nobody then: another of the same name, made later, is another.")
	return all
}

// namesOf are the first of them.
func namesOf(all []entity) string {
	const most = 20
	var names []string
	for _, e := range all[:min(len(all), most)] {
		names = append(names, e.Name())
	}
	text := strings.Join(names, ", ")
	if more := len(all) - most; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text + "."
}
