package roster

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"qkms/internal/authz/policy"
	"qkms/internal/iam"
	"qkms/internal/record/recordpb"
)

// policies plans the customer managed policies of an account.
func (p *planner) policies(w *world) {
	for _, d := range w.Account.Policies {
		s := policyOf(w, d.Name.Text, p.arn(w, "policy", d.Path, d.Name.Text), d.Name.Line)
		p.tagged(s, d.Tags)
		p.identityPolicy(s, "its document", d.Document)
		if n := iam.Weight(d.Document.Text); n > iam.MaxManagedPolicy {
			p.refuse(s.line, s.String(), "its document has %d characters that are not white space; %d is the most", n, iam.MaxManagedPolicy)
		}
		if m := w.state.policies[strings.ToLower(d.Name.Text)]; m != nil {
			p.changePolicy(s, m, d)
			continue
		}
		create := request("CreatePolicy", "PolicyName", d.Name.Text, "PolicyDocument", d.Document.Text).
			with("Path", d.Path).with("Description", d.Description)
		p.add(making, "+", s, "", tags(create, d.Tags))
	}
}

func policyOf(w *world, name, arn string, line int) *subject {
	return &subject{w.Account.Account, "policy", name, "Policy", "PolicyArn", arn, line}
}

// changePolicy gives a policy that is there another version or tags, which is all that can change.
func (p *planner) changePolicy(s *subject, m *recordpb.ManagedPolicy, d Policy) {
	p.spelled(s, m.Name)
	p.stays(s, m.Path, d.Path)
	if m.Description != d.Description {
		p.refuse(s.line, s.String(), "its description is %q, and that of a policy cannot be changed: give it that, or make a policy of another name", m.Description)
	}
	now := m.Versions[slices.IndexFunc(m.Versions, func(v *recordpb.PolicyVersion) bool { return v.Number == m.Default })].Text
	if !alike(now, d.Document.Text) {
		var ops []operation
		if len(m.Versions) >= iam.MaxVersions {
			oldest := m.Versions[slices.IndexFunc(m.Versions, func(v *recordpb.PolicyVersion) bool { return v.Number != m.Default })]
			ops = append(ops, s.op("DeletePolicyVersion", "VersionId", versionID(oldest.Number)))
		}
		ops = append(ops, s.op("CreatePolicyVersion", "PolicyDocument", d.Document.Text, "SetAsDefault", "true"))
		p.add(changing, "~", s, "document", ops...).Notes = differences(now, d.Document.Text)
	}
	p.retag(s, m.Tags, d.Tags)
}

func versionID(number uint32) string { return "v" + strconv.FormatUint(uint64(number), 10) }

// spelled refuses a name in other letters than those it was made with.
func (p *planner) spelled(s *subject, name string) {
	if name != s.name {
		p.refuse(s.line, s.String(), "it is there as %s; names are the same apart from case, so write it so", name)
	}
}

// stays refuses another path for what keeps the one it was made with.
func (p *planner) stays(s *subject, path, want string) {
	if path != cmp.Or(want, "/") {
		p.refuse(s.line, s.String(), "its path is %s, and that of a %s cannot be changed: give it that, or delete it first", path, s.kind)
	}
}

// identityPolicy refuses a document that is no policy of an identity.
func (p *planner) identityPolicy(s *subject, which string, d Document) {
	if d.Text == "" {
		p.refuse(s.line, s.String(), "%s is missing", which)
		return
	}
	if _, err := policy.ParseIdentity(d.Text, p.node.Naming.Partition); err != nil {
		p.refuse(d.Line, s.String(), "%s: %s", which, said(err))
	}
}
