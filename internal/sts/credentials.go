package sts

import (
	"time"

	"qkms/internal/audit"
	"qkms/internal/query"
	"qkms/internal/record/recordpb"
)

// credentials are temporary ones, as they are told once.
type credentials struct {
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string
	Expiration      query.Time
}

// issue makes credentials for the session m that begins now. Its end is a whole second, as it is told.
func issue(c *query.Call, m *recordpb.Session, lasts time.Duration) (credentials, error) {
	m.Issued, m.Expires = c.Now.UnixMilli(), c.Now.Add(lasts).Truncate(time.Second).UnixMilli()
	t, err := c.Sessions.Issue(m)
	return credentials{t.AccessKeyID, t.Secret, t.Token, query.Time{Time: t.Expires}}, err
}

// told is what the audit record says of them: neither secret nor token.
func (c *credentials) told() audit.Detail {
	return audit.Detail{
		audit.String("accessKeyId", c.AccessKeyId),
		audit.String("expiration", c.Expiration.UTC().Format("Jan 2, 2006, 3:04:05 PM")), // as CloudTrail writes times here
	}
}
