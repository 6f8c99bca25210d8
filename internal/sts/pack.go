package sts

import (
	"context"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/query"
)

// roomInToken is how many bytes of policies and tags a session token holds: with what else is in it, sealed and in
// base64, a header line of less than 8 KiB, which proxies and servers usually take.
const roomInToken = 4096

// pack makes sure that the session policies are ones and that they fit, and returns how many per cent of the room
// they and the tags take: 0 when there are none.
func (a *assumption) pack(ctx context.Context, c *query.Call) (percent int, err error) {
	if err := a.policies(ctx, c); err != nil {
		return 0, err
	}
	size := len(a.session.Policy)
	for _, arn := range a.session.PolicyArns {
		size += len(arn)
	}
	policies := size
	for k, v := range a.session.Tags {
		size += len(k) + len(v)
	}
	for _, k := range a.session.Transitive {
		size += len(k)
	}
	percent = (100*size + roomInToken - 1) / roomInToken
	switch {
	case size > roomInToken && policies > 0:
		return 0, fault.PackedPolicyTooBig(percent)
	case size > roomInToken:
		return 0, fault.PackedTagsTooBig(percent)
	}
	return percent, nil
}

func (a *assumption) policies(ctx context.Context, c *query.Call) error {
	if a.session.Policy != "" {
		if _, err := policy.ParseIdentity(a.session.Policy, c.Identities.Partition); err != nil {
			return err
		}
	}
	for _, arn := range a.session.PolicyArns {
		m, err := c.Identities.Managed(ctx, arn)
		if err != nil {
			return err
		}
		if !usable(m, a.account) {
			return fault.SessionPolicyMissing(arn)
		}
	}
	return nil
}

// usable reports whether m can limit sessions in account: another account's policy could be changed by that one.
func usable(m *identity.Managed, account string) bool {
	return m != nil && (m.AWS || m.Account == account)
}
