package roster

import (
	"cmp"
	"slices"
	"strings"

	"qkms/internal/iam"
	"qkms/internal/record/recordpb"
)

// A holder is what has policies, a user, a group or a role: as the store has it, empty if it does not, and as
// it is to be.
type holder struct {
	*subject
	w *world

	attached []string
	inline   []*recordpb.NamedPolicy
	boundary string

	policies []Word
	inlines  Documents
}

func holderOf(w *world, kind string, name Word) *holder {
	noun := strings.ToUpper(kind[:1]) + kind[1:]
	return &holder{subject: &subject{w.Account.Account, kind, name.Text, noun, noun + "Name", name.Text, name.Line}, w: w}
}

// hold plans the policies of h.
func (p *planner) hold(h *holder) {
	p.attach(h)
	p.writeInline(h)
}

func (p *planner) attach(h *holder) {
	var want []string
	for _, word := range h.policies {
		if arn := p.policyARN(h.subject, h.w, word); arn != "" && !slices.Contains(want, arn) {
			want = append(want, arn)
		}
	}
	p.quota(h.subject, len(want), iam.MaxAttached, "policies attached")
	for _, arn := range h.attached {
		if !slices.Contains(want, arn) {
			p.add(taking, "~", h.subject, "detach "+arn, h.op("Detach"+h.noun+"Policy", "PolicyArn", arn))
		}
	}
	for _, arn := range want {
		if !slices.Contains(h.attached, arn) {
			p.add(giving, "~", h.subject, "attach "+arn, h.op("Attach"+h.noun+"Policy", "PolicyArn", arn))
		}
	}
}

// policyARN is the ARN of a managed policy that the file names by it or by its name.
func (p *planner) policyARN(s *subject, w *world, word Word) string {
	line := cmp.Or(word.Line, s.line)
	if !strings.HasPrefix(word.Text, "arn:") {
		arn := w.policyARNs[word.Text]
		if arn == "" {
			p.refuse(line, s.String(), "policy %s is neither in the file nor in account %s", word.Text, s.account)
		}
		return arn
	}
	name := word.Text[strings.LastIndexByte(word.Text, '/')+1:]
	if w.policyARNs[name] == word.Text {
		return word.Text
	}
	if strings.Contains(word.Text, "::aws:policy/") {
		m, err := p.node.Identities.Managed(p.ctx, word.Text)
		if err != nil {
			p.failed = cmp.Or(p.failed, err)
		}
		if m != nil {
			return word.Text
		}
	}
	p.refuse(line, s.String(), "there is no policy %s, and the file makes none", word.Text)
	return ""
}

// writeInline puts what becomes shorter first: all of them together have a limit.
func (p *planner) writeInline(h *holder) {
	was := map[string]string{}
	for _, d := range h.inline {
		was[d.Name] = d.Text
	}
	total, wanted := 0, map[string]bool{}
	var put Documents
	for _, d := range h.inlines {
		p.identityPolicy(h.subject, "inline policy "+d.Name.Text, d.Document)
		if wanted[d.Name.Text] {
			p.refuse(d.Name.Line, h.String(), "inline policy %s occurs twice", d.Name.Text)
		}
		wanted[d.Name.Text] = true
		total += iam.Weight(d.Text)
		if !alike(was[d.Name.Text], d.Text) {
			put = append(put, d)
		}
	}
	if most := iam.MaxInline(h.kind); total > most {
		p.refuse(h.line, h.String(), "its inline policies have %d characters together that are not white space; %d is the most", total, most)
	}
	for _, d := range h.inline {
		if !wanted[d.Name] {
			p.add(taking, "~", h.subject, "remove inline policy "+d.Name, h.op("Delete"+h.noun+"Policy", "PolicyName", d.Name))
		}
	}
	growth := func(d NamedDocument) int { return iam.Weight(d.Text) - iam.Weight(was[d.Name.Text]) }
	slices.SortStableFunc(put, func(a, b NamedDocument) int { return growth(a) - growth(b) })
	for _, d := range put {
		c := p.add(giving, "~", h.subject, "inline policy "+d.Name.Text, h.op("Put"+h.noun+"Policy", "PolicyName", d.Name.Text, "PolicyDocument", d.Text))
		if before, there := was[d.Name.Text]; there {
			c.Notes = differences(before, d.Text)
		}
	}
}

// limit plans the permissions boundary of what is there.
func (p *planner) limit(h *holder, boundary string) {
	switch {
	case boundary == h.boundary:
	case boundary == "":
		p.add(changing, "~", h.subject, "no boundary", h.op("Delete"+h.noun+"PermissionsBoundary"))
	default:
		p.add(changing, "~", h.subject, "boundary "+boundary, h.op("Put"+h.noun+"PermissionsBoundary", "PermissionsBoundary", boundary))
	}
}

// boundaryOf is the ARN of a boundary that the file names, "" for none.
func (p *planner) boundaryOf(h *holder, word Word) string {
	if word.Text == "" {
		return ""
	}
	return p.policyARN(h.subject, h.w, word)
}
