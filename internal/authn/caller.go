package authn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KindRoot is the Kind of an account's root user, named as userIdentity.type of an audit record names
// it.
const KindRoot = "Root"

// A Caller is who a request was proved to come from.
type Caller struct {
	Kind        string // KindRoot
	Account     string // 12 digits
	Region      string // of the credential scope: the region the caller works in
	ARN         string // as policies name it: arn:<partition>:iam::<account>:root
	PrincipalID string // as aws:userid has it; the account, for its root user
	AccessKeyID string
}

// A Credential is a long-term access key as the store knows it.
type Credential struct {
	AccessKeyID string
	Account     string // whose root user it signs for
	Secret      Secret
	Active      bool
}

// A Secret is a secret access key in memory. Whatever asks it to print itself gets a placeholder. The
// zero Secret is empty. Secrets are safe for concurrent use.
//
// The bytes live behind a func because fmt cannot call Format on an unexported field of somebody
// else's struct: it reflects, and would print a []byte in full.
type Secret struct{ bytes func() []byte }

// NewSecret returns a Secret with a copy of b.
func NewSecret(b []byte) Secret {
	own := bytes.Clone(b)
	return Secret{func() []byte { return own }}
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
