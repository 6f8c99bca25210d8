package sts

import (
	"cmp"
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type getSessionTokenIn struct {
	DurationSeconds int    `is:"sessionDuration"`
	SerialNumber    string `is:"serialNumber"`
	TokenCode       string `is:"tokenCode"`
}

type getSessionTokenOut struct{ Credentials credentials }

const (
	defaultOwnDuration = 12 * time.Hour
	longestOfRoot      = time.Hour // a root user who asks for more gets this [D]
)

// getSessionToken gives a user or the root user temporary credentials of their own. It needs no permission: they
// may do nothing with them that they may not do anyway, and not call IAM (iam.Service.Admits).
var getSessionToken = &query.Op[getSessionTokenIn, getSessionTokenOut]{
	Name: "GetSessionToken",
	Check: func(c *query.Call, in *getSessionTokenIn) error {
		switch {
		case c.Caller.Session != nil:
			return fault.SessionOfSession()
		case c.Caller.Kind == authn.KindService:
			return fault.SessionOfService()
		case in.SerialNumber != "" || in.TokenCode != "":
			return fault.NoSecondFactor()
		}
		return nil
	},
	Run: func(_ context.Context, c *query.Call, in *getSessionTokenIn) (*getSessionTokenOut, *record.Change, error) {
		lasts := cmp.Or(time.Duration(in.DurationSeconds)*time.Second, defaultOwnDuration)
		m := &recordpb.Session{Account: c.Caller.Account, Issuer: c.Caller.AccessKeyID}
		if u := c.Caller.User; u != nil {
			m.User, m.UserId = u.Name, u.Id
		} else {
			lasts = min(lasts, longestOfRoot)
		}
		issued, err := issue(c, m, lasts)
		return &getSessionTokenOut{issued}, nil, err
	},
	Result: func(out *getSessionTokenOut) audit.Detail {
		return audit.Detail{audit.Object("credentials", out.Credentials.told())}
	},
	ReadOnly: true,
	Differs:  []string{"There are no MFA devices: SerialNumber and TokenCode are refused."},
}
