package authn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"qkms/internal/identity"
)

// Kinds of callers, named as userIdentity.type of an audit record names them.
const (
	KindRoot    = "Root"        // the root user of an account
	KindUser    = "IAMUser"     // an IAM user
	KindSession = "AssumedRole" // a session of a role
	KindService = "AWSService"  // a service principal, for tests of integrations
)

// A Caller is who a request was proved to come from. It is shared with nobody, what it points to is:
// never change that.
type Caller struct {
	Kind        string // one of the constants above; of any other nobody may do anything
	Account     string // 12 digits; empty of a service
	Region      string // of the credential scope: the region the caller works in
	ARN         string // as policies name it; of a session its own, of a service its name
	PrincipalID string // as aws:userid has it; the account, for its root user
	AccessKeyID string
	Scope       string // what was signed for: the service and Region, with a space between

	User    *identity.User // of KindUser
	Role    *identity.Role // of KindSession
	Session *Session       // of temporary credentials; nil of long-term ones

	// SourceARN and SourceAccount are for whose resource a service calls, as it says (access.md §5.2):
	// of KindService only.
	SourceARN, SourceAccount string
}

// PrincipalARN is what aws:PrincipalArn is: of a session the role, with its path (access.md §2.3).
func (c *Caller) PrincipalARN() string {
	if c.Role != nil {
		return c.Role.ARN
	}
	return c.ARN
}

// Tag is the value of one of the caller's tags, its key folded; session tags override those of the role
// (access.md §2.3).
func (c *Caller) Tag(key string) (string, bool) {
	if c.Session != nil {
		if v, ok := c.Session.Tags[key]; ok {
			return v, true
		}
	}
	var v string
	var ok bool
	switch {
	case c.User != nil:
		v, ok = c.User.Tags[key]
	case c.Role != nil:
		v, ok = c.Role.Tags[key]
	}
	return v, ok
}

// A Credential is an access key: a long-term one as the store knows it, or a temporary one as its session
// token tells.
type Credential struct {
	AccessKeyID string
	Account     string // whose root user it signs for, unless User, Service or Session says otherwise
	Secret      Secret
	Active      bool

	User, UserID string   // name and unique id of the IAM user it is of
	Service      string   // the service principal it is of
	Session      *Session // nil of a long-term one

	rootARN string // of the root user of Account; empty: not known yet
}

// A Secret is a secret access key in memory. Whatever asks it to print itself gets a placeholder. The
// zero Secret is empty. Secrets are safe for concurrent use.
//
// The bytes live behind a func because fmt cannot call Format on an unexported field of somebody
// else's struct: it reflects, and would print a []byte in full.
type Secret struct {
	bytes   func() []byte
	signing *signingKeys // derived from it
}

// NewSecret returns a Secret with a copy of b.
func NewSecret(b []byte) Secret {
	own := bytes.Clone(b)
	return Secret{func() []byte { return own }, new(signingKeys)}
}

// reveal returns the bytes, which must not be changed.
func (s Secret) reveal() []byte {
	if s.bytes == nil {
		return nil
	}
	return s.bytes()
}

const placeholder = "[secret access key]"

// Format implements fmt.Formatter for every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, placeholder) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(placeholder) }

// MarshalText refuses, and with it encoding/json: a secret has no place in a document.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("authn: a secret access key is not text")
}
