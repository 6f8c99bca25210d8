package attest

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// chain returns the leaf of p if every certificate of its bundle is on one path from the leaf to a
// configured root and may be there at now.
func (v *Verifier) chain(p *payload, now time.Time) (*x509.Certificate, error) {
	root := v.root(p.bundle[0])
	if root == nil {
		return nil, refuse(Root, errors.New("the first certificate of the bundle is no configured root"))
	}
	leaf, err := certificate(p.certificate, checkLeaf)
	if err != nil {
		return nil, refuse(Chain, fmt.Errorf("leaf: %w", err))
	}
	line := []*x509.Certificate{root}
	for i, der := range p.bundle[1:] {
		ca, err := certificate(der, checkCA)
		if err != nil {
			return nil, refuse(Chain, fmt.Errorf("certificate %d: %w", i+1, err))
		}
		line = append(line, ca)
	}
	if err := checkLine(append(line, leaf), now); err != nil {
		return nil, refuse(Chain, err)
	}
	return leaf, nil
}

func (v *Verifier) root(der []byte) *x509.Certificate {
	for _, c := range v.Roots {
		if bytes.Equal(c.Raw, der) {
			return c
		}
	}
	return nil
}

// checkLine checks certificates from a root down to a leaf. Signatures, dates, path lengths and
// critical extensions are left to x509.
func checkLine(line []*x509.Certificate, now time.Time) error {
	root, leaf, between := line[0], line[len(line)-1], line[1:len(line)-1]
	if err := checkCA(root); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := checkNames(line); err != nil {
		return err
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: pool(root), Intermediates: pool(between...), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

// checkNames wants each certificate to be issued under the name of the one before it, and no name
// twice. Then x509, which goes by names, has one path to try, and it is the whole line: none is there
// unchecked, and no bundle of namesakes has it check a hundred signatures.
func checkNames(line []*x509.Certificate) error {
	seen := map[string]bool{}
	for i, c := range line {
		if i > 0 && !bytes.Equal(c.RawIssuer, line[i-1].RawSubject) {
			return fmt.Errorf("certificate %d was not issued by the one before it", i)
		}
		if seen[string(c.RawSubject)] {
			return fmt.Errorf("certificate %d has the name of another", i)
		}
		seen[string(c.RawSubject)] = true
	}
	return nil
}

func pool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}

func certificate(der []byte, check func(*x509.Certificate) error) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return c, check(c)
}

// basicConstraints is id-ce-basicConstraints (RFC 5280 §4.2.1.9).
var basicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}

// checkCA is stricter than x509, which takes an absent keyUsage for permission and does not ask
// whether basicConstraints are critical.
func checkCA(c *x509.Certificate) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return errors.New("not a CA")
	case !criticalBasicConstraints(c):
		return errors.New("basicConstraints are not critical")
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("may not sign certificates")
	}
	return nil
}

func criticalBasicConstraints(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(basicConstraints) {
			return e.Critical
		}
	}
	return false
}

func checkLeaf(c *x509.Certificate) error {
	switch {
	case !c.BasicConstraintsValid || c.IsCA:
		return errors.New("a CA, or does not say that it is none")
	case c.MaxPathLen >= 0:
		return errors.New("a path length, which only a CA has")
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("may not sign")
	}
	return nil
}
