package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/key"
	"qkms/internal/record/recordpb"
)

// NewSession asks for temporary credentials of a user or of a role, which nobody's policies are asked about: an
// operator could make the account's root user an access key.
type NewSession struct {
	Account string `json:"account"`        // twelve digits
	User    string `json:"user,omitempty"` // name of the user,
	Role    string `json:"role,omitempty"` // or of the role

	// Via is the service that forwards the caller's calls, with its Region, as kms:ViaService has it:
	// s3.us-east-1.amazonaws.com. Empty: the calls are the caller's own.
	Via string `json:"via,omitempty"`

	Seconds int `json:"seconds"` // how long they last: 900 to 43,200
}

// SessionMade are temporary credentials, in the form that SDKs take from a credential_process.
type SessionMade struct {
	Version         int    // 1
	AccessKeyId     string //nolint:revive // as the SDKs spell it
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

const operatorsSession = "operator" // its name, of a role

// CreateSession makes temporary credentials.
var CreateSession = &Action[NewSession, SessionMade]{
	Name: "session/create", Event: "CreateSession",
	run: func(ctx context.Context, c *call, p NewSession) (SessionMade, error) {
		m, err := c.session(ctx, p)
		if err != nil {
			return SessionMade{}, err
		}
		t, err := c.Sessions.Issue(m)
		if err != nil {
			return SessionMade{}, err
		}
		c.rec.Response = audit.Detail{audit.String("accessKeyId", t.AccessKeyID), audit.String("expiration", t.Expires.Format(time.RFC3339))}
		return SessionMade{1, t.AccessKeyID, t.Secret, t.Token, t.Expires}, nil
	},
	audit: func(p NewSession) audit.Detail {
		return audit.Detail{
			audit.String("account", p.Account), audit.String("user", p.User).If(p.User != ""), audit.String("role", p.Role).If(p.Role != ""),
			audit.String("via", p.Via).If(p.Via != ""), audit.Int("seconds", p.Seconds),
		}
	},
}

// session is what is asked for, once it makes sense.
func (c *call) session(ctx context.Context, p NewSession) (*recordpb.Session, error) {
	switch {
	case !key.IsAccount(p.Account):
		return nil, fmt.Errorf("account %q is not twelve digits", p.Account)
	case (p.User == "") == (p.Role == ""):
		return nil, errors.New("a session is of a user or of a role: name one")
	case p.Via != "" && !authn.IsService(p.Via):
		return nil, fmt.Errorf("service %q is not written like s3.us-east-1.amazonaws.com", p.Via)
	case p.Seconds < 900 || p.Seconds > 43200:
		return nil, errors.New("a session lasts from 15 minutes to 12 hours")
	}
	now := c.Now()
	m := &recordpb.Session{
		Account: p.Account, Via: p.Via, Issued: now.UnixMilli(),
		Expires: now.Add(time.Duration(p.Seconds) * time.Second).Truncate(time.Second).UnixMilli(),
	}
	return m, c.of(ctx, m, p)
}

// of says whose session m is.
func (c *call) of(ctx context.Context, m *recordpb.Session, p NewSession) error {
	if p.User != "" {
		u, err := c.Identities.User(ctx, p.Account, p.User)
		if err != nil {
			return err
		}
		if u == nil {
			return fmt.Errorf("account %s has no user %q", p.Account, p.User)
		}
		m.User, m.UserId, m.Issuer = u.Name, u.Id, authn.ByOperator
		return nil
	}
	r, err := c.Identities.Role(ctx, p.Account, p.Role)
	if err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("account %s has no role %q", p.Account, p.Role)
	}
	m.Role, m.RoleId, m.Name = r.Name, r.Id, operatorsSession
	return nil
}
