package audit

import "qkms/internal/uuid"

// Copies returns what other accounts get of the record of a call that touched keys of theirs
// (access.md §7.1): one copy for each owner, in the order of Resources. Each has an EventID of its own
// and shares its SharedEventID with r, which Copies sets, or clears when there is no copy.
//
// A call that was not authorized stays in its caller's account: whoever could put records into others'
// logs by being refused could fill them, and write into them what they like.
//
// An owner learns who called by principal id and account, neither by ARN nor by access key (§7.2), and
// of the keys touched only of their own. Like CloudTrail's, a copy has the request's parameters, which
// may name keys of others as they were asked for.
func (r *Record) Copies() []*Record {
	r.SharedEventID = ""
	if r.RecipientAccount == "" || r.ErrorCode == "AccessDeniedException" {
		return nil
	}
	var copies []*Record
	for i, res := range r.Resources {
		if res.AccountID != r.RecipientAccount && firstOf(r.Resources[:i], res.AccountID) {
			if r.SharedEventID == "" {
				r.SharedEventID = uuid.New()
			}
			copies = append(copies, r.copyFor(res.AccountID))
		}
	}
	return copies
}

// firstOf reports whether none of the resources before is the account's.
func firstOf(before []Resource, account string) bool {
	for _, res := range before {
		if res.AccountID == account {
			return false
		}
	}
	return true
}

func (r *Record) copyFor(account string) *Record {
	c := *r
	c.EventID, c.RecipientAccount = "", account
	c.Identity = Identity{Type: "AWSAccount", PrincipalID: r.Identity.PrincipalID, AccountID: r.Identity.AccountID}
	c.Resources = nil
	for _, res := range r.Resources {
		if res.AccountID == account {
			c.Resources = append(c.Resources, res)
		}
	}
	return &c
}
