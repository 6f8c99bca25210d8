package roster

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"qkms/internal/authz/policy"
	"qkms/internal/iam"
	"qkms/internal/record/recordpb"
)

const anHour = 3600 // the longest session of a role that says nothing, in seconds

// closed is a trust policy for the time in which those that a role trusts are not there yet.
const closed = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}`

func (p *planner) roles(w *world) {
	for _, d := range w.Account.Roles {
		h := holderOf(w, "role", d.Name)
		h.policies, h.inlines = d.Policies, d.Inline
		p.tagged(h.subject, d.Tags)
		boundary := p.boundaryOf(h, d.Boundary)
		trusted := p.trusted(h, d.Trust)
		if m := w.state.roles[strings.ToLower(d.Name.Text)]; m != nil {
			h.attached, h.inline, h.boundary = m.Attached, m.Inline, m.Boundary
			p.changeRole(h, m, d, trusted)
			p.limit(h, boundary)
			p.retag(h.subject, m.Tags, d.Tags)
		} else {
			p.makeRole(h, d, boundary, trusted)
		}
		p.hold(h)
	}
}

// makeRole makes a role as the file has it, but for a trust policy that names who is made after it, or the role
// itself: until they are there it trusts nobody.
func (p *planner) makeRole(h *holder, d Role, boundary string, trusted []string) {
	trust, notes := d.Trust.Text, []string(nil)
	if slices.ContainsFunc(trusted, func(arn string) bool { return p.later(arn) }) {
		trust, notes = closed, []string{"trusting nobody until its trust policy is set"}
		p.add(changing, "~", h.subject, "trust policy", h.op("UpdateAssumeRolePolicy", "PolicyDocument", d.Trust.Text))
	}
	create := h.op("CreateRole", "AssumeRolePolicyDocument", trust, "MaxSessionDuration", strconv.Itoa(cmp.Or(d.MaxSession, anHour))).
		with("Path", d.Path).with("Description", d.Description).with("PermissionsBoundary", boundary)
	p.add(making, "+", h.subject, "", tags(create, d.Tags)).Notes = notes
	p.present[p.arn(h.w, "role", d.Path, d.Name.Text)] = true
}

func (p *planner) changeRole(h *holder, m *recordpb.Role, d Role, trusted []string) {
	p.spelled(h.subject, m.Name)
	p.stays(h.subject, m.Path, d.Path)
	session := cmp.Or(d.MaxSession, anHour)
	if m.Description != d.Description || int(m.MaxSession) != session {
		p.add(changing, "~", h.subject, "description and longest session",
			h.op("UpdateRole", "Description", d.Description, "MaxSessionDuration", strconv.Itoa(session)))
	}
	set := h.op("UpdateAssumeRolePolicy", "PolicyDocument", d.Trust.Text)
	if !alike(m.Trust, d.Trust.Text) {
		p.add(changing, "~", h.subject, "trust policy", set).Notes = differences(m.Trust, d.Trust.Text)
		return
	}
	ids, _, err := p.node.Identities.BindAll(p.ctx, trusted)
	p.failed = cmp.Or(p.failed, err)
	if !maps.Equal(ids, m.TrustBound) {
		p.add(changing, "~", h.subject, "trust policy, for who has these names now", set)
	}
}

// trusted returns whom a trust policy names, and refuses one that names who will not be there.
func (p *planner) trusted(h *holder, d Document) []string {
	if d.Text == "" {
		p.refuse(h.line, h.String(), "its trust policy is missing")
		return nil
	}
	doc, err := policy.ParseTrust(d.Text, p.node.Naming.Partition)
	if err != nil {
		p.refuse(d.Line, h.String(), "its trust policy: %s", said(err))
		return nil
	}
	if n := iam.Weight(d.Text); n > iam.MaxTrustPolicy {
		p.refuse(d.Line, h.String(), "its trust policy has %d characters that are not white space; %d is the most", n, iam.MaxTrustPolicy)
	}
	for _, arn := range doc.Principals() {
		if !p.willBe(arn) {
			p.refuse(d.Line, h.String(), "its trust policy names %s, which is neither in the file nor there", arn)
		}
	}
	return doc.Principals()
}

// willBe reports whether who is named in a trust policy will be there when everything is done.
func (p *planner) willBe(arn string) bool {
	f := strings.SplitN(arn, ":", 6)
	for _, w := range p.worlds {
		if len(f) != 6 || w.Account.Account != f[4] {
			continue
		}
		switch kind, name, _ := strings.Cut(f[5], "/"); kind {
		case "user", "role":
			return w.principals[arn]
		case "assumed-role":
			role, _, _ := strings.Cut(name, "/")
			return w.roleNamed(role)
		}
	}
	_, known, err := p.node.Identities.Bind(p.ctx, arn)
	p.failed = cmp.Or(p.failed, err)
	return known
}

// roleNamed reports whether there will be a role of this name, whatever its path.
func (w *world) roleNamed(name string) bool {
	for arn := range w.principals {
		if strings.Contains(arn, ":role/") && strings.HasSuffix(arn, "/"+name) {
			return true
		}
	}
	return false
}

// later reports whether who is named in a trust policy is made by a change that comes after.
func (p *planner) later(arn string) bool {
	if p.present[arn] {
		return false
	}
	_, known, err := p.node.Identities.Bind(p.ctx, arn)
	p.failed = cmp.Or(p.failed, err)
	return !known
}
