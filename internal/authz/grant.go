package authz

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/record/recordpb"
)

// byGrant lets the grants on the key have their say where the policies do not allow, and makes v what comes
// of it.
func (r Rules) byGrant(ctx context.Context, a *asking, found *policy.Findings, v *Verdict) error {
	for _, subject := range r.subjects(a.req.Caller) {
		grants, err := r.Book.Granted(ctx, a.key.Account, a.key.Region, a.key.Id, subject)
		if err != nil {
			return err
		}
		for _, g := range grants {
			to := r.partyOf(g.Grantee, g.GranteeId, g.GranteeService, a.req.Caller)
			if to == nobody {
				continue
			}
			permitted := permits(g, a.req, a.need)
			if v.Trace != nil {
				v.Trace.Grants = append(v.Trace.Grants, GrantStep{g, lists(g, a.need), permitted, to == itsAccount})
			}
			if !permitted {
				continue
			}
			worth := worth(g, to, a.req.Caller)
			d := found.Decide(worth)
			if d.Allowed {
				v.Decision, v.Told, v.Grant = d, d, g.Id
				return nil
			}
			if v.Reason == policy.NoKeyPolicy {
				v.Decision, v.Told = d, d // what keeps the grant from having its effect
			}
			if v.Trace != nil {
				v.Trace.worth = max(v.Trace.worth, worth)
			}
		}
	}
	return nil
}

// lists says whether a grant has the operation of a need.
func lists(g *recordpb.Grant, n *key.Need) bool {
	return slices.Contains(g.Operations, strings.TrimPrefix(n.Action, "kms:"))
}

// subjects are the names under which the caller has grants (record.Subject): its own, those of the session's
// role, and those of its account, whose policies say who of it may use them.
func (r Rules) subjects(c *authn.Caller) []string {
	account := authn.RootARN(r.Naming.Partition, c.Account)
	switch {
	case c.Kind == authn.KindRoot:
		return []string{account}
	case c.Kind == authn.KindUser && c.User != nil:
		return []string{c.User.Id, account}
	case c.Kind == authn.KindSession && c.Role != nil:
		return []string{c.Role.Id, c.ARN, account}
	case c.Kind == authn.KindService:
		return []string{c.ARN}
	}
	return nil // deny when unsure: whom else a grant means is not known here
}

// A party is how a principal of a grant means the caller.
type party int

const (
	nobody party = iota
	itself
	itsAccount
)

// partyOf tells for a principal by its ARN, the unique id that was bound to it, or its service name. The id
// decides: a user or role has its grants under whatever name it goes by now, and who is made anew under that
// name has none of them. A grant to one session is not to the others of its role.
func (r Rules) partyOf(arn, id, service string, c *authn.Caller) party {
	session := strings.Contains(arn, ":assumed-role/")
	switch {
	case c.Kind == authn.KindService:
		if service == c.ARN {
			return itself
		}
	case id != "":
		if id == uniqueID(c) && (!session || arn == c.ARN) {
			return itself
		}
	case arn == authn.RootARN(r.Naming.Partition, c.Account):
		if c.Kind == authn.KindRoot {
			return itself
		}
		return itsAccount
	}
	return nobody
}

// uniqueID is that of the user, or of the role whose session it is; empty of any other.
func uniqueID(c *authn.Caller) string {
	switch {
	case c.User != nil:
		return c.User.Id
	case c.Role != nil:
		return c.Role.Id
	}
	return ""
}

// worth is what a grant that permits the request contributes.
func worth(g *recordpb.Grant, to party, c *authn.Caller) policy.Grant {
	switch {
	case to == itsAccount:
		return policy.GrantedAccount
	case c.Account == g.Account && g.Grantee == c.ARN && c.Kind == authn.KindSession:
		return policy.GrantedItself
	case c.Account != "" && g.IssuingAccount == c.Account:
		return policy.GrantedOwn
	}
	return policy.Granted
}

// permits is access.md §6.4, for a grant to the caller on the key. A grant's SourceArn is about calls that
// services make, and about no other.
func permits(g *recordpb.Grant, req *Request, n *key.Need) bool {
	operation := strings.TrimPrefix(n.Action, "kms:")
	if !slices.Contains(g.Operations, operation) {
		return false
	}
	if req.grants {
		return true
	}
	if g.SourceArn != "" && req.Caller.Kind == authn.KindService && req.Caller.SourceARN != g.SourceArn && operation != "RetireGrant" {
		return false
	}
	switch operation {
	case "DescribeKey", "RetireGrant":
		return true
	case "CreateGrant":
		return narrows(g, req, n.Context)
	}
	return satisfies(g, n.Context)
}

// satisfies says whether an encryption context is one that the grant's constraint lets through.
func satisfies(g *recordpb.Grant, context map[string]string) bool {
	if len(g.ContextEquals) > 0 {
		return same(g.ContextEquals, context)
	}
	return within(g.ContextSubset, context)
}

// narrows says whether a grant that is asked for gives no more than g, through which alone its creator may
// create it (access.md §6.5): otherwise one could give oneself what one was not given.
func narrows(g *recordpb.Grant, req *Request, pairs map[string]string) bool {
	for _, operation := range req.says("kms:grantoperations") {
		if !slices.Contains(g.Operations, operation) {
			return false
		}
	}
	if g.SourceArn != "" && !slices.Contains(req.says("kms:grantconstraintsourcearn"), g.SourceArn) {
		return false
	}
	if len(g.ContextEquals) > 0 {
		return slices.Contains(req.says("kms:grantconstrainttype"), "EncryptionContextEquals") && same(g.ContextEquals, pairs)
	}
	return within(g.ContextSubset, pairs)
}

// within says whether every pair of small is one of large. The names of pairs compare without case, their
// values with it (access.md §6.4, §10 row 2).
func within(small, large map[string]string) bool {
	for name, v := range small {
		if large[name] != v || !has(large, name) {
			if !slices.Contains(folded(large, policy.Fold(name)), v) {
				return false
			}
		}
	}
	return true
}

func has(m map[string]string, name string) bool { _, ok := m[name]; return ok }

func same(a, b map[string]string) bool { return len(a) == len(b) && within(a, b) && within(b, a) }

// folded returns the values in m of all names that are name, apart from their case.
func folded(m map[string]string, name string) (values []string) {
	for k, v := range m {
		if foldsTo(k, name) {
			values = append(values, v)
		}
	}
	return values
}

// foldsTo reports whether policy.Fold(s) is name, without making it.
func foldsTo(s, name string) bool {
	if len(s) != len(name) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
