package roster

import (
	"cmp"
	"slices"
	"strings"

	"qkms/internal/iam"
)

func (p *planner) groups(w *world) {
	for _, d := range w.Account.Groups {
		h := holderOf(w, "group", d.Name)
		h.policies, h.inlines = d.Policies, d.Inline
		if m := w.state.groups[strings.ToLower(d.Name.Text)]; m != nil {
			h.attached, h.inline = m.Attached, m.Inline
			p.spelled(h.subject, m.Name)
			p.move(h, m.Path, d.Path)
		} else {
			p.add(making, "+", h.subject, "", h.op("CreateGroup").with("Path", d.Path))
		}
		p.hold(h)
	}
}

func (p *planner) users(w *world) {
	for _, d := range w.Account.Users {
		h := holderOf(w, "user", d.Name)
		h.policies, h.inlines = d.Policies, d.Inline
		p.tagged(h.subject, d.Tags)
		boundary := p.boundaryOf(h, d.Boundary)
		var member []string
		if m := w.state.users[strings.ToLower(d.Name.Text)]; m != nil {
			h.attached, h.inline, h.boundary, member = m.Attached, m.Inline, m.Boundary, m.Groups
			p.spelled(h.subject, m.Name)
			p.move(h, m.Path, d.Path)
			p.limit(h, boundary)
			p.retag(h.subject, m.Tags, d.Tags)
		} else {
			p.add(making, "+", h.subject, "", tags(h.op("CreateUser").with("Path", d.Path).with("PermissionsBoundary", boundary), d.Tags))
			p.present[p.arn(w, "user", d.Path, d.Name.Text)] = true
		}
		p.join(h, member, d.Groups)
		p.hold(h)
	}
}

// move plans another path.
func (p *planner) move(h *holder, path, want string) {
	if want = cmp.Or(want, "/"); path != want {
		p.add(changing, "~", h.subject, "path "+want+" (was "+path+")", h.op("Update"+h.noun, "NewPath", want))
	}
}

// join plans the groups of a user.
func (p *planner) join(h *holder, member []string, groups []Word) {
	want := map[string]bool{}
	for _, g := range groups {
		if !h.w.groupNames[g.Text] {
			p.refuse(g.Line, h.String(), "group %s is neither in the file nor in account %s", g.Text, h.account)
		}
		if !want[g.Text] && !slices.Contains(member, g.Text) {
			p.add(giving, "~", h.subject, "add to group "+g.Text, h.op("AddUserToGroup", "GroupName", g.Text))
		}
		want[g.Text] = true
	}
	p.quota(h.subject, len(want), iam.MaxGroups, "groups")
	for _, g := range member {
		if !want[g] {
			p.add(taking, "~", h.subject, "remove from group "+g, h.op("RemoveUserFromGroup", "GroupName", g))
		}
	}
}
