package roster

import (
	"context"
	"maps"
	"slices"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/iam"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Certificate is a TLS client certificate, by its key: who holds it may have sessions of a role whose trust
// policy agrees.
type Certificate struct {
	Name Word `yaml:"name"`
	Role Word `yaml:"role"`

	// PEM is a certificate or a public key. SPKI is the key without it: the SHA-256 of its
	// SubjectPublicKeyInfo in lower-case hex.
	PEM  Word `yaml:"certificate"`
	SPKI Word `yaml:"spki"`
}

func (d Certificate) word() Word { return d.Name }

// record is what is to be registered.
func (d Certificate) record() (*recordpb.Certificate, error) {
	m := &recordpb.Certificate{Spki: d.SPKI.Text}
	if d.PEM.Text != "" {
		var err error
		if m, err = iam.ReadCertificate([]byte(d.PEM.Text)); err != nil {
			return nil, err
		}
	}
	m.Name, m.Role = d.Name.Text, d.Role.Text
	return m, nil
}

// certificates plans those of an account. One that is to be another is deleted and added: nothing of it can
// change.
func (p *planner) certificates(w *world) {
	for _, d := range w.Account.Certificates {
		s := &subject{account: w.Account.Account, kind: "certificate", name: d.Name.Text, line: d.Name.Line}
		m, err := d.record()
		old := w.state.certificates[strings.ToLower(s.name)]
		stays := err == nil && old != nil && old.Name == m.Name && old.Spki == m.Spki && old.Role == m.Role && old.Expires == m.Expires
		if err == nil && !stays { // one that has expired may stay
			err = iam.CheckCertificate(m, p.node.Now())
		}
		if err != nil {
			p.refuse(s.line, s.String(), "%s", said(err))
			continue
		}
		if d.PEM.Text != "" && d.SPKI.Text != "" {
			p.refuse(s.line, s.String(), "it has both certificate and spki; one says it")
		}
		if !w.roleNamed(d.Role.Text) {
			p.refuse(s.line, s.String(), "role %s is neither in the file nor in account %s", d.Role.Text, s.account)
		}
		p.keyIsFree(s, m)
		switch {
		case stays:
		case old == nil:
			p.add(giving, "+", s, "", addCertificate(m))
		default:
			p.add(taking, "~", s, "end it as it was", deleteCertificate(old))
			p.add(giving, "~", s, "register it for role "+m.Role, addCertificate(m))
		}
	}
}

// keyIsFree refuses a key that leads elsewhere: one key leads to one role.
func (p *planner) keyIsFree(s *subject, m *recordpb.Certificate) {
	mine := s.account + " " + strings.ToLower(m.Name)
	if other := p.keys[m.Spki]; other != "" && other != mine {
		p.refuse(s.line, s.String(), "its key is that of another certificate in the file; one key leads to one role")
	}
	p.keys[m.Spki] = mine
	old, _, err := record.Read[recordpb.Certificate](p.ctx, p.node.Book, record.OfCertificate(m.Spki))
	if err != nil && p.failed == nil {
		p.failed = err
	}
	if old != nil && (old.Account != s.account || !strings.EqualFold(old.Name, m.Name)) {
		p.refuse(s.line, s.String(), "its key is registered as certificate %s of account %s; delete that first", old.Name, old.Account)
	}
}

// prunedCertificates go before the roles that they lead to.
func (p *planner) prunedCertificates(w *world) {
	for _, name := range slices.Sorted(maps.Keys(w.state.certificates)) {
		if m := w.state.certificates[name]; !listed(w.Account.Certificates, m.Name, Certificate.word) {
			s := &subject{account: w.Account.Account, kind: "certificate", name: m.Name}
			p.add(deleting, "-", s, "", deleteCertificate(m))
		}
	}
}

func addCertificate(m *recordpb.Certificate) operation {
	return operation{action: "AddCertificate", detail: told(m), own: func(ctx context.Context, c *query.Call) (*record.Change, error) {
		return iam.AddCertificate(ctx, c, m)
	}}
}

func deleteCertificate(m *recordpb.Certificate) operation {
	return operation{action: "DeleteCertificate", detail: told(m), own: func(ctx context.Context, c *query.Call) (*record.Change, error) {
		return iam.DeleteCertificate(ctx, c, m.Name)
	}}
}

func told(m *recordpb.Certificate) audit.Detail {
	return audit.Detail{audit.String("name", m.Name), audit.String("role", m.Role), audit.String("spki", m.Spki)}
}
