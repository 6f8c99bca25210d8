package op

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// keyStoreSecrets are the password of a cluster's user and the secret of a proxy's credential; either
// may be empty. Whatever asks them to print themselves gets a placeholder.
//
// They live behind a func because fmt cannot call Format on an unexported field of somebody else's
// struct: it reflects, and under a verb that does not suit a pointer prints in full what it points to.
type keyStoreSecrets struct {
	reveal func() (password, credential string)
}

func hideSecrets(password, credential string) keyStoreSecrets {
	return keyStoreSecrets{func() (string, string) { return password, credential }}
}

// or returns s, with what is empty taken from other.
func (s keyStoreSecrets) or(other keyStoreSecrets) keyStoreSecrets {
	password, credential := s.reveal()
	otherPassword, otherCredential := other.reveal()
	return hideSecrets(cmp.Or(password, otherPassword), cmp.Or(credential, otherCredential))
}

func (s keyStoreSecrets) password() string {
	password, _ := s.reveal()
	return password
}

func (s keyStoreSecrets) credential() string {
	_, credential := s.reveal()
	return credential
}

const keyStorePlaceholder = "[custom key store secrets]"

// Format implements fmt.Formatter for every verb.
func (keyStoreSecrets) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, keyStorePlaceholder) }

// LogValue implements slog.LogValuer.
func (keyStoreSecrets) LogValue() slog.Value { return slog.StringValue(keyStorePlaceholder) }

// MarshalText refuses, and with it encoding/json.
func (keyStoreSecrets) MarshalText() ([]byte, error) {
	return nil, errors.New("op: the secrets of a custom key store are not text")
}
