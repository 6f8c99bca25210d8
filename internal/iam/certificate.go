package iam

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"time"

	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// TLS client certificates lead to roles (package sts). AWS has no operations to register them, and there are
// none here: operators do it, with errors for operators.

// ReadCertificate returns what a certificate or a public key in PEM says: SPKI, and of a certificate its end and
// its common name as a name.
func ReadCertificate(text []byte) (*recordpb.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, err
			}
			return &recordpb.Certificate{Name: cert.Subject.CommonName, Spki: fingerprint(cert.RawSubjectPublicKeyInfo), Expires: cert.NotAfter.UnixMilli()}, nil
		case "PUBLIC KEY":
			if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
				return nil, err
			}
			return &recordpb.Certificate{Spki: fingerprint(block.Bytes)}, nil
		}
	}
	return nil, errors.New("neither a certificate nor a public key in PEM")
}

func fingerprint(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

var (
	errKeyKnown  = errors.New("this key is registered already; one key leads to one role")
	errNameKnown = errors.New("a certificate of this name is registered already; delete it first")
)

var (
	certificateName = regexp.MustCompile(`\A[\w+=,.@-]{1,64}\z`)
	sha256Hex       = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
)

// CheckCertificate refuses what AddCertificate would refuse whatever the store has.
func CheckCertificate(m *recordpb.Certificate, now time.Time) error {
	switch {
	case !certificateName.MatchString(m.Name):
		return fmt.Errorf(`name %q is not 1 to 64 characters of letters, digits and _+=,.@-`, m.Name)
	case !sha256Hex.MatchString(m.Spki):
		return errors.New("the key is not named by a SHA-256 in lower-case hex")
	case m.Expires != 0 && m.Expires <= now.UnixMilli():
		return fmt.Errorf("the certificate has expired at %s", time.UnixMilli(m.Expires).UTC().Format(time.RFC3339))
	}
	return nil
}

// AddCertificate proposes that who holds the key of a certificate may have sessions of a role: m has the name of
// both, and the SPKI. The role is written with it: who deletes it meanwhile has to look again.
func AddCertificate(ctx context.Context, c *query.Call, m *recordpb.Certificate) (*record.Change, error) {
	if err := CheckCertificate(m, c.Now); err != nil {
		return nil, err
	}
	to, err := role(ctx, c, m.Role)
	if err != nil {
		return nil, err
	}
	if to.ver == 0 {
		return nil, fmt.Errorf("account %s has no role %q", c.Caller.Account, m.Role)
	}
	m.Account, m.Created = c.Caller.Account, c.Now.UnixMilli()
	byKey, byName := record.OfCertificate(m.Spki), record.OfCertificateName(m.Account, m.Name)
	for k, known := range map[record.Key]error{byKey: errKeyKnown, byName: errNameKnown} {
		_, ver, err := take[recordpb.Certificate](ctx, c, k)
		if err != nil {
			return nil, err
		}
		if ver != 0 {
			return nil, known
		}
	}
	change := c.Book.Change()
	to.touch(change)
	change.Begin(byKey, m.Created, m)
	change.Begin(byName, m.Created, m)
	return change, nil
}

// DeleteCertificate proposes to end what a certificate is good for.
func DeleteCertificate(ctx context.Context, c *query.Call, name string) (*record.Change, error) {
	byName := record.OfCertificateName(c.Caller.Account, name)
	m, ver, err := take[recordpb.Certificate](ctx, c, byName)
	if err != nil {
		return nil, err
	}
	if ver == 0 {
		return nil, fmt.Errorf("account %s has no certificate %q; see `qkms certificate list`", c.Caller.Account, name)
	}
	byKey := record.OfCertificate(m.Spki)
	_, of, err := take[recordpb.Certificate](ctx, c, byKey)
	if err != nil {
		return nil, err
	}
	change := c.Book.Change()
	change.Remove(byName, ver)
	change.Remove(byKey, of)
	return change, nil
}
