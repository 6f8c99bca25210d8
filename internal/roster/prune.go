package roster

import (
	"maps"
	"slices"

	"qkms/internal/record/recordpb"
)

// pruned plans to delete what the file does not list. Access keys of the root user are no identities, and stay.
func (p *planner) pruned(w *world) {
	if !p.prune {
		return
	}
	a := w.Account
	p.prunedCertificates(w)
	for _, m := range unlisted(w.state.roles, a.Roles, Role.word) {
		h := holderOf(w, "role", Word{Text: m.Name})
		h.attached, h.inline = m.Attached, m.Inline
		p.delete(h, nil)
	}
	for _, m := range unlisted(w.state.users, a.Users, User.word) {
		p.deleteUser(holderOf(w, "user", Word{Text: m.Name}), m)
	}
	for _, m := range unlisted(w.state.groups, a.Groups, Group.word) {
		h := holderOf(w, "group", Word{Text: m.Name})
		h.attached, h.inline = m.Attached, m.Inline
		p.delete(h, nil)
	}
	for _, address := range slices.Sorted(maps.Keys(w.state.providers)) {
		if !slices.ContainsFunc(a.Providers, func(d Provider) bool { return d.address() == address }) {
			s := p.providerOf(w, address, 0)
			p.add(deleting, "-", s, "", s.op("DeleteOpenIDConnectProvider"))
		}
	}
	for _, m := range unlisted(w.state.policies, a.Policies, Policy.word) {
		p.deletePolicy(policyOf(w, m.Name, p.arn(w, "policy", m.Path, m.Name), 0), m)
	}
}

// unlisted are those of the store that the file does not list, in order of their names.
func unlisted[M, D any](there map[string]M, list []D, of func(D) Word) (all []M) {
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !listed(list, name, of) {
			all = append(all, there[name])
		}
	}
	return all
}

// delete plans to take everything from h, which an entity must be without to be deleted, and then h itself.
func (p *planner) delete(h *holder, first []operation) *Change {
	ops, notes := first, []string(nil)
	for _, arn := range h.attached {
		ops = append(ops, h.op("Detach"+h.noun+"Policy", "PolicyArn", arn))
		notes = append(notes, "- attached policy "+arn)
	}
	for _, d := range h.inline {
		ops = append(ops, h.op("Delete"+h.noun+"Policy", "PolicyName", d.Name))
		notes = append(notes, "- inline policy "+d.Name)
	}
	c := p.add(deleting, "-", h.subject, "", append(ops, h.op("Delete"+h.noun))...)
	c.Notes = notes
	return c
}

func (p *planner) deleteUser(h *holder, m *recordpb.User) {
	h.attached, h.inline = m.Attached, m.Inline
	var ops []operation
	var notes []string
	for _, id := range m.AccessKeys {
		ops = append(ops, h.op("DeleteAccessKey", "AccessKeyId", id))
		notes = append(notes, "- access key "+id)
	}
	for _, g := range m.Groups {
		ops = append(ops, h.op("RemoveUserFromGroup", "GroupName", g))
		notes = append(notes, "- member of group "+g)
	}
	c := p.delete(h, ops)
	c.Notes = append(notes, c.Notes...)
}

func (p *planner) deletePolicy(s *subject, m *recordpb.ManagedPolicy) {
	var ops []operation
	for _, v := range m.Versions {
		if v.Number != m.Default {
			ops = append(ops, s.op("DeletePolicyVersion", "VersionId", versionID(v.Number)))
		}
	}
	p.add(deleting, "-", s, "", append(ops, s.op("DeletePolicy"))...)
}
