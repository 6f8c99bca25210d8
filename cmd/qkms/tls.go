package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files of the TLS pair that init makes, in DIR/tls.
const (
	caCert     = "ca.crt"
	caKey      = "ca.key"
	serverCert = "server.crt"
	serverKey  = "server.key"
)

const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 2 * 365 * 24 * time.Hour // below the 825 days that some clients take at most
	skew       = time.Hour                // clients whose clock is behind
)

func (c *command) tlsDir() string { return filepath.Join(c.Data, "tls") }

// makeTLS makes a CA that signs for this server alone, and the server's certificate. It returns false
// when both are there. With the CA there and the server's pair removed it makes a new pair, which
// clients trust already: so a certificate is renewed.
func (c *command) makeTLS() (bool, error) {
	dir := c.tlsDir()
	if exists(filepath.Join(dir, serverCert)) && exists(filepath.Join(dir, serverKey)) {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	ca, err := c.authority(dir)
	if err != nil {
		return false, err
	}
	if err := c.certify(dir, ca); err != nil {
		return false, err
	}
	line(c.out, "Made a TLS pair in %s. Clients trust its CA, %s (AWS_CA_BUNDLE), which is:\n\n%s", dir, filepath.Join(dir, caCert),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]}))
	return true, nil
}

// authority loads the CA, or makes it. Its key is written after its certificate: without a key it is
// made anew, and no client can have trusted it yet.
func (c *command) authority(dir string) (tls.Certificate, error) {
	cert, key := filepath.Join(dir, caCert), filepath.Join(dir, caKey)
	if exists(key) {
		return tls.LoadX509KeyPair(cert, key)
	}
	name, _ := os.Hostname()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "QKMS CA of " + name}, NotAfter: time.Now().Add(caLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return issue(template, nil, cert, key)
}

func (c *command) certify(dir string, ca tls.Certificate) error {
	template := &x509.Certificate{
		NotAfter: time.Now().Add(serverLife), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	names := slices.Clone(c.Hostnames)
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if n != "" && !slices.Contains(template.DNSNames, n) {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	template.Subject = pkix.Name{CommonName: template.DNSNames[len(template.DNSNames)-1]}
	_, err := issue(template, &ca, filepath.Join(dir, serverCert), filepath.Join(dir, serverKey))
	return err
}

// issue makes a key and a certificate for it, signed by ca or by itself, and writes both: the
// certificate first, as exists(key) is what says that the pair is whole.
func issue(template *x509.Certificate, ca *tls.Certificate, certFile, keyFile string) (pair tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, err
	}
	serial := make([]byte, 16)
	_, _ = rand.Read(serial)          // never fails: crypto/rand ends the process instead
	serial[0] = serial[0]&0x7f | 0x40 // positive, at most 20 octets, not zero (RFC 5280 §4.1.2.2)
	template.SerialNumber = new(big.Int).SetBytes(serial)
	template.NotBefore = time.Now().Add(-skew)
	parent, signer := template, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return pair, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return pair, err
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair, err
	}
	defer clear(text)
	err = errors.Join(
		replaceFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		replaceFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})),
	)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// tlsConfig is what serve speaks: TLS 1.3 with the standard library's choice of everything else.
func (c *command) tlsConfig() (*tls.Config, error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, misused("--tls-cert and --tls-key go together")
	}
	cert, key := c.certificate()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no TLS pair: `qkms init --data %s` makes one, --tls-cert and --tls-key name one: %w", c.Data, err)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS pair %s, %s: %w", cert, key, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}, nil
}

func (c *command) certificate() (cert, key string) {
	if c.TLSCert != "" {
		return c.TLSCert, c.TLSKey
	}
	return filepath.Join(c.tlsDir(), serverCert), filepath.Join(c.tlsDir(), serverKey)
}
