package oversight

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// SessionTime is how long a session of the console lasts. Whoever finds a browser open has it for no longer.
const SessionTime = time.Hour

// A Login is what the console works with until Expires. The credentials are empty of who signed in with temporary
// ones: those go on.
type Login struct {
	Arn     string
	Account string
	Expires time.Time

	AccessKeyId     string `json:",omitempty"`
	SecretAccessKey string `json:",omitempty"`
	SessionToken    string `json:",omitempty"`
}

// consoleLogin begins a session of the console: it takes an access key for temporary credentials, so that the
// browser never has the secret of a key that lasts. It needs no permission: nobody may do more with them than before.
//
// They end with the access key. Unlike those of GetSessionToken they are good for IAM, as a session of AWS's console
// is: who is signed in looks after users, too.
var consoleLogin = &query.Op[struct{}, Login]{
	Name: "ConsoleLogin",
	Check: func(c *query.Call, _ *struct{}) error {
		if c.Caller.Kind == authn.KindService {
			return fault.LoginOfService()
		}
		return nil
	},
	Run: func(_ context.Context, c *query.Call, _ *struct{}) (*Login, *record.Change, error) {
		out := &Login{Arn: c.Caller.ARN, Account: c.Caller.Account, Expires: c.Now.Add(SessionTime).UTC().Truncate(time.Second)}
		if s := c.Caller.Session; s != nil {
			if s.Expires.Before(out.Expires) {
				out.Expires = s.Expires
			}
			return out, nil, nil
		}
		m := &recordpb.Session{
			Account: out.Account, Issuer: c.Caller.AccessKeyID, Console: true,
			Issued: c.Now.UnixMilli(), Expires: out.Expires.UnixMilli(),
		}
		if u := c.Caller.User; u != nil {
			m.User, m.UserId = u.Name, u.Id
		}
		t, err := c.Sessions.Issue(m)
		out.AccessKeyId, out.SecretAccessKey, out.SessionToken = t.AccessKeyID, t.Secret, t.Token
		return out, nil, err
	},
	Result: func(out *Login) audit.Detail {
		return audit.Detail{
			audit.String("accessKeyId", out.AccessKeyId).If(out.AccessKeyId != ""),
			audit.String("expiration", out.Expires.Format(time.RFC3339)),
		}
	},
	ReadOnly: true,
}
