package explain

import (
	"context"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/identity"
	"qkms/internal/record/recordpb"
)

// session makes c the session that would be of a role, taken now and limited by nothing.
func (e Explainer) session(ctx context.Context, c *authn.Caller, path string) error {
	role, name, _ := strings.Cut(path, "/")
	r, err := e.Ops.Authz.Identities.Role(ctx, c.Account, role)
	if err == nil && r == nil {
		err = unfit("there is no role %s in account %s", role, c.Account)
	}
	if err != nil {
		return err
	}
	now := e.Ops.Resolver.Now()
	c.Kind, c.PrincipalID, c.Role = authn.KindSession, r.Id+":"+name, r
	c.Session = &authn.Session{
		Session: &recordpb.Session{Account: c.Account, Role: r.Name, RoleId: r.Id, Name: name, Issued: now.UnixMilli()},
		Issued:  now, Tags: identity.Tags{},
	}
	return nil
}
