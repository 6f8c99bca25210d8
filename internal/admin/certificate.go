package admin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Certificate is the key of a TLS client certificate, whose holder may have sessions of a role if its trust policy
// agrees.
type Certificate struct {
	Account string    `json:"account"` // twelve digits
	Name    string    `json:"name"`    // 1 to 64 characters of \w+=,.@-, once in the account whatever their case
	Role    string    `json:"role"`    // its name
	SPKI    string    `json:"spki"`    // SHA-256 of SubjectPublicKeyInfo, in lower-case hex
	Expires time.Time `json:"expires,omitzero"`
	Created time.Time `json:"created,omitzero"`
}

// CertificateName names a registered certificate.
type CertificateName struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

var (
	certificateName = regexp.MustCompile(`\A[\w+=,.@-]{1,64}\z`)
	sha256Hex       = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
)

var (
	errKeyKnown  = errors.New("this key is registered already; one key leads to one role")
	errNameKnown = errors.New("a certificate of this name is registered already; delete it first")
)

// AddCertificate registers a certificate.
var AddCertificate = &Action[Certificate, Certificate]{
	Name: "certificate/add", Event: "AddCertificate",
	run: func(ctx context.Context, c *call, p Certificate) (Certificate, error) {
		if err := c.registrable(ctx, p); err != nil {
			return p, err
		}
		p.Created = c.Now().UTC()
		m := &recordpb.Certificate{Account: p.Account, Name: p.Name, Spki: p.SPKI, Role: p.Role, Created: p.Created.UnixMilli()}
		if !p.Expires.IsZero() {
			m.Expires = p.Expires.UnixMilli()
		}
		change := c.Book.Change()
		change.Begin(record.OfCertificate(p.SPKI), uint64(m.Created), m)
		change.Begin(record.OfCertificateName(p.Account, p.Name), uint64(m.Created), m)
		return p, c.commit(ctx, change)
	},
	audit: func(p Certificate) audit.Detail {
		return audit.Detail{audit.String("account", p.Account), audit.String("name", p.Name), audit.String("role", p.Role), audit.String("spki", p.SPKI)}
	},
}

func (c *call) registrable(ctx context.Context, p Certificate) error {
	switch {
	case !key.IsAccount(p.Account):
		return fmt.Errorf("account %q is not twelve digits", p.Account)
	case !certificateName.MatchString(p.Name):
		return fmt.Errorf(`name %q is not 1 to 64 characters of letters, digits and _+=,.@-; give --name`, p.Name)
	case !sha256Hex.MatchString(p.SPKI):
		return errors.New("the key is not named by a SHA-256 in lower-case hex")
	case !p.Expires.IsZero() && !p.Expires.After(c.Now()):
		return fmt.Errorf("the certificate has expired at %s", p.Expires.Format(time.RFC3339))
	}
	role, err := c.Identities.Role(ctx, p.Account, p.Role)
	if err != nil {
		return err
	}
	if role == nil {
		return fmt.Errorf("account %s has no role %q", p.Account, p.Role)
	}
	for k, known := range map[record.Key]error{record.OfCertificate(p.SPKI): errKeyKnown, record.OfCertificateName(p.Account, p.Name): errNameKnown} {
		m, _, err := record.Read[recordpb.Certificate](ctx, c.Book, k)
		if err != nil {
			return err
		}
		if m != nil {
			return known
		}
	}
	return nil
}

// ListCertificates tells which certificates an account has registered, in order of their names.
var ListCertificates = &Action[InAccount, []Certificate]{
	Name: "certificate/list", Event: "ListCertificates", ReadOnly: true,
	run: func(ctx context.Context, c *call, p InAccount) ([]Certificate, error) {
		if !key.IsAccount(p.Account) {
			return nil, fmt.Errorf("account %q is not twelve digits", p.Account)
		}
		all := []Certificate{} // none is an empty list in JSON, not null
		var after record.Key
		for {
			page, more, err := record.Scan[recordpb.Certificate](ctx, c.Book, record.Certificates(p.Account), after, 500)
			if err != nil {
				return nil, err
			}
			for _, it := range page {
				all, after = append(all, shown(it.Msg)), it.Key
			}
			if !more {
				return all, nil
			}
		}
	},
	audit: func(p InAccount) audit.Detail { return audit.Detail{audit.String("account", p.Account)} },
}

func shown(m *recordpb.Certificate) Certificate {
	c := Certificate{Account: m.Account, Name: m.Name, Role: m.Role, SPKI: m.Spki, Created: time.UnixMilli(m.Created).UTC()}
	if m.Expires != 0 {
		c.Expires = time.UnixMilli(m.Expires).UTC()
	}
	return c
}

// DeleteCertificate ends what a certificate is good for. Sessions that it was exchanged for last until their time.
var DeleteCertificate = &Action[CertificateName, CertificateName]{
	Name: "certificate/delete", Event: "DeleteCertificate",
	run: func(ctx context.Context, c *call, p CertificateName) (CertificateName, error) {
		m, ver, err := record.Read[recordpb.Certificate](ctx, c.Book, record.OfCertificateName(p.Account, p.Name))
		if err != nil {
			return p, err
		}
		if m == nil {
			return p, fmt.Errorf("account %s has no certificate %q; see `qkms certificate list`", p.Account, p.Name)
		}
		_, of, err := record.Read[recordpb.Certificate](ctx, c.Book, record.OfCertificate(m.Spki))
		if err != nil {
			return p, err
		}
		change := c.Book.Change()
		change.Remove(record.OfCertificateName(p.Account, p.Name), ver)
		change.Remove(record.OfCertificate(m.Spki), of)
		return p, c.commit(ctx, change)
	},
	audit: func(p CertificateName) audit.Detail {
		return audit.Detail{audit.String("account", p.Account), audit.String("name", p.Name)}
	},
}
