package admin

import (
	"context"
	"fmt"
	"time"

	"qkms/internal/audit"
	"qkms/internal/iam"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/roster"
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

// CertificateDeleted is a certificate that is good for nothing any more.
type CertificateDeleted struct {
	CertificateName
	InForce
}

// AddCertificate registers a certificate.
var AddCertificate = &Action[Certificate, Certificate]{
	Name: "certificate/add", Event: "AddCertificate",
	run: func(ctx context.Context, c *call, p Certificate) (Certificate, error) {
		if !key.IsAccount(p.Account) {
			return p, fmt.Errorf("account %q is not twelve digits", p.Account)
		}
		m := &recordpb.Certificate{Name: p.Name, Spki: p.SPKI, Role: p.Role}
		if !p.Expires.IsZero() {
			m.Expires = p.Expires.UnixMilli()
		}
		change, err := iam.AddCertificate(ctx, roster.Call(c.Node, p.Account), m)
		if err != nil {
			return p, err
		}
		p.Created = time.UnixMilli(m.Created).UTC()
		return p, c.add(ctx, change)
	},
	audit: func(p Certificate) audit.Detail {
		return audit.Detail{audit.String("account", p.Account), audit.String("name", p.Name), audit.String("role", p.Role), audit.String("spki", p.SPKI)}
	},
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
var DeleteCertificate = &Action[CertificateName, CertificateDeleted]{
	Name: "certificate/delete", Event: "DeleteCertificate",
	run: func(ctx context.Context, c *call, p CertificateName) (CertificateDeleted, error) {
		change, err := iam.DeleteCertificate(ctx, roster.Call(c.Node, p.Account), p.Name)
		if err != nil {
			return CertificateDeleted{}, err
		}
		reach, err := c.commit(ctx, change)
		return CertificateDeleted{p, reach}, err
	},
	audit: func(p CertificateName) audit.Detail {
		return audit.Detail{audit.String("account", p.Account), audit.String("name", p.Name)}
	},
}
