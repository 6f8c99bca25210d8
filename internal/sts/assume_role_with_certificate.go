package sts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"

	"qkms/internal/audit"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type assumeRoleWithCertificateIn struct {
	RoleSessionName string `is:"roleSessionName"`
	limits
}

// assumeRoleWithCertificate needs no signature but that of the TLS handshake, by a key that an operator has
// registered for a role. No authority vouches for the certificate: it is the key that is known. That a key leads to a
// role does not open the role: its trust policy has to name the certificate, as it would name an identity provider.
var assumeRoleWithCertificate = &query.Op[assumeRoleWithCertificateIn, assumed]{
	Name: "AssumeRoleWithCertificate", Anonymous: true, ReadOnly: true,
	Says: saying[assumeRoleWithCertificateIn],
	Run: func(ctx context.Context, c *query.Call, in *assumeRoleWithCertificateIn) (*assumed, *record.Change, error) {
		a := in.assumption("sts:AssumeRoleWithCertificate")
		a.session.Name = in.RoleSessionName
		if err := a.certified(ctx, c); err != nil {
			return nil, nil, err
		}
		a.ask("")
		c.Subject = a
		out, err := assume(ctx, c, a)
		return out, nil, err
	},
	Result:  func(out *assumed) audit.Detail { return out.told() },
	Differs: []string{"Not an operation of AWS: a TLS client certificate for a session of a role."},
}

// certified finds the role that the certificate of the connection leads to.
func (a *assumption) certified(ctx context.Context, c *query.Call) error {
	if c.Peer == nil {
		return fault.NoClientCertificate()
	}
	sum := sha256.Sum256(c.Peer.RawSubjectPublicKeyInfo)
	known, err := c.Identities.Certificate(ctx, hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	if known == nil {
		return fault.AssumeDeniedTo(a.action)
	}
	a.known(c, known)
	if c.Now.Before(c.Peer.NotBefore) || c.Now.After(c.Peer.NotAfter) || ended(c, known) {
		return fault.ClientCertificateExpired()
	}
	if !query.Fits("roleSessionName", a.session.Name) {
		return fault.ClientCertificateName(known.Name)
	}
	return nil
}

// ended says whether the certificate has expired that was registered: who holds a key can certify it anew for as
// long as they like.
func ended(c *query.Call, known *recordpb.Certificate) bool {
	return known.Expires != 0 && c.Now.UnixMilli() > known.Expires
}

func (a *assumption) known(c *query.Call, known *recordpb.Certificate) {
	iam := "arn:" + c.Identities.Partition + ":iam::" + known.Account
	a.account, a.name = known.Account, known.Role
	a.session.Name = cmp.Or(a.session.Name, known.Name)
	a.session.Provider, a.session.Subject = iam+":certificate/"+known.Name, known.Spki
	a.who = &policy.Principal{Kind: policy.WebIdentity, ARN: a.session.Provider}
	c.Account = known.Account
	c.Proved = audit.Identity{Type: audit.TypeCertificate, PrincipalID: known.Spki, ARN: a.session.Provider, AccountID: known.Account, UserName: known.Name}
}
