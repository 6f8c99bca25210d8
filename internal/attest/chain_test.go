package attest_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"qkms/internal/attest"
	"qkms/internal/attest/attesttest"
)

func TestBadChain(t *testing.T) {
	key := recipientKey(t)
	for _, tt := range []struct {
		name string
		edit func(*attesttest.Templates)
	}{
		{"leaf expired", func(c *attesttest.Templates) { c.Leaf.NotAfter = now.Add(-time.Second) }},
		{"leaf not yet valid", func(c *attesttest.Templates) { c.Leaf.NotBefore = now.Add(time.Second) }},
		{"intermediate expired", func(c *attesttest.Templates) { c.Second.NotAfter = now.Add(-time.Second) }},
		{"intermediate not yet valid", func(c *attesttest.Templates) { c.First.NotBefore = now.Add(time.Second) }},
		{"root expired", func(c *attesttest.Templates) { c.Root.NotAfter = now.Add(-time.Second) }},
		{"leaf is a CA", func(c *attesttest.Templates) { c.Leaf.IsCA = true }},
		{"leaf does not say whether it is a CA", func(c *attesttest.Templates) { c.Leaf.BasicConstraintsValid = false }},
		{"leaf has a path length", func(c *attesttest.Templates) { basicConstraints(c.Leaf, true, 0x02, 0x01, 0x00) }},
		{"leaf may not sign", func(c *attesttest.Templates) { c.Leaf.KeyUsage = x509.KeyUsageKeyAgreement }},
		{"leaf without key usage", func(c *attesttest.Templates) { c.Leaf.KeyUsage = 0 }},
		{"leaf with an unknown critical extension", func(c *attesttest.Templates) {
			c.Leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}},
		{"intermediate is no CA", func(c *attesttest.Templates) {
			c.Second.IsCA, c.Second.MaxPathLen, c.Second.MaxPathLenZero = false, -1, false
		}},
		{"intermediate may not sign certificates", func(c *attesttest.Templates) { c.Second.KeyUsage = x509.KeyUsageCRLSign }},
		{"intermediate without key usage", func(c *attesttest.Templates) { c.First.KeyUsage = 0 }},
		{"intermediate with constraints that are not critical", func(c *attesttest.Templates) { basicConstraints(c.Second, false, 0x01, 0x01, 0xff) }},
		{"path length exceeded", func(c *attesttest.Templates) { c.First.MaxPathLen, c.First.MaxPathLenZero = 0, true }},
		{"root is no CA", func(c *attesttest.Templates) { c.Root.IsCA = false }},
		{"root may not sign certificates", func(c *attesttest.Templates) { c.Root.KeyUsage = x509.KeyUsageDigitalSignature }},
		{"leaf outside the names that the root permits", func(c *attesttest.Templates) {
			c.Root.PermittedDNSDomainsCritical, c.Root.PermittedDNSDomains = true, []string{"example.com"}
			c.Leaf.DNSNames = []string{"example.org"}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := attesttest.New(t, now, tt.edit)
			wantRefused(t, trusting(h), h.Document(t, &key.PublicKey, nil), attest.Chain)
		})
	}
}

// basicConstraints replaces the extension by one with these contents.
func basicConstraints(c *x509.Certificate, critical bool, contents ...byte) {
	c.BasicConstraintsValid = false
	value := append([]byte{0x30, byte(len(contents))}, contents...)
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: critical, Value: value}}
}

func TestBadBundle(t *testing.T) {
	h, other, key := attesttest.New(t, now), attesttest.New(t, now), recipientKey(t)
	root, first, second := h.Bundle[0], h.Bundle[1], h.Bundle[2]
	for _, tt := range []struct {
		name   string
		leaf   []byte
		bundle [][]byte
		want   attest.Check
	}{
		{"another root of the same name", h.Leaf, [][]byte{other.Bundle[0], first, second}, attest.Root},
		{"another hypervisor altogether", other.Leaf, other.Bundle, attest.Root},
		{"root not first", h.Leaf, [][]byte{first, root, second}, attest.Root},
		{"no root", h.Leaf, [][]byte{first, second}, attest.Root},
		{"out of order", h.Leaf, [][]byte{root, second, first}, attest.Chain},
		{"an intermediate missing", h.Leaf, [][]byte{root, second}, attest.Chain},
		{"all intermediates missing", h.Leaf, [][]byte{root}, attest.Chain},
		{"an intermediate twice", h.Leaf, [][]byte{root, first, first, second}, attest.Chain},
		{"the root twice", h.Leaf, [][]byte{root, root, first, second}, attest.Chain},
		{"an intermediate of the same name", h.Leaf, [][]byte{root, first, other.Bundle[1], second}, attest.Chain},
		{"an intermediate that is of no use", h.Leaf, [][]byte{root, first, second, other.Bundle[1]}, attest.Chain},
		{"intermediates of another root of the same name", h.Leaf, [][]byte{root, other.Bundle[1], other.Bundle[2]}, attest.Chain},
		{"leaf of another hypervisor", other.Leaf, h.Bundle, attest.Chain},
		{"intermediate that is none", h.Leaf, [][]byte{root, first, []byte("certificate")}, attest.Chain},
		{"leaf that is none", []byte("certificate"), h.Bundle, attest.Chain},
		{"leaf with a byte too many", append(h.Leaf[:len(h.Leaf):len(h.Leaf)], 0), h.Bundle, attest.Chain},
		{"root as leaf", root, [][]byte{root}, attest.Chain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := h.Payload(t, &key.PublicKey)
			m.Set("certificate", tt.leaf)
			m.Set("cabundle", tt.bundle)
			wantRefused(t, trusting(h), h.Sign(t, attesttest.Encode(m)), tt.want)
		})
	}
}

func TestLeafOnAnotherCurve(t *testing.T) {
	key := recipientKey(t)
	h := attesttest.New(t, now, func(c *attesttest.Templates) { c.LeafCurve = elliptic.P256() })
	wantRefused(t, trusting(h), h.Document(t, &key.PublicKey, nil), attest.Signature)
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	wantRefused(t, &attest.Verifier{}, h.Document(t, &key.PublicKey, nil), attest.Root)
	wantRefused(t, &attest.Verifier{Roots: []*x509.Certificate{attest.NitroRoot()}}, h.Document(t, &key.PublicKey, nil), attest.Root)
}

func TestParseRoots(t *testing.T) {
	h := attesttest.New(t, now)
	two := append([]byte("a root of ours\n"), append(h.RootPEM(), h.RootPEM()...)...)
	roots, err := attest.ParseRoots(two)
	if err != nil || len(roots) != 2 || !roots[1].Equal(h.Root) {
		t.Errorf("got %d roots, %v; want two", len(roots), err)
	}
	noCA := attesttest.New(t, now, func(c *attesttest.Templates) { c.Root.IsCA = false })
	for name, bad := range map[string][]byte{
		"nothing":       nil,
		"no PEM":        h.Root.Raw,
		"a private key": file(t, "recipient_key.pem"),
		"not a CA":      noCA.RootPEM(),
		"broken":        []byte("-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"),
	} {
		if roots, err := attest.ParseRoots(bad); err == nil {
			t.Errorf("%s: got %d roots, want an error", name, len(roots))
		}
	}
}

func TestNitroRoot(t *testing.T) {
	root := attest.NitroRoot() // compares the fingerprint itself
	if got, want := root.Subject.String(), "CN=aws.nitro-enclaves,OU=AWS,O=Amazon,C=US"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := root.NotAfter, time.Date(2049, 10, 28, 14, 28, 5, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got it valid until %v, want %v", got, want)
	}
	if err := root.CheckSignatureFrom(root); err != nil {
		t.Error(err)
	}
}
