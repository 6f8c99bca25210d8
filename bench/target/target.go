package target

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"qkms/bench/load"
)

// A Target is a server that answers requests.
type Target struct {
	*Process
	Name  string
	Site  load.Site
	Login load.Login

	Dir  string        // of a QKMS: its data directory
	Only *load.Request // of a server that speaks another language: what comes to GenerateDataKey there

	sized string // of a bare handler: where it is told how long its answers are
}

// pool is what trusts the certificates in a PEM file.
func pool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return p, nil
}

// trust is how to speak to whoever has the certificate that `qkms init` made in dir.
func trust(dir string) (*tls.Config, error) {
	p, err := pool(filepath.Join(dir, "tls", "ca.crt"))
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: p, ServerName: "localhost", MinVersion: tls.VersionTLS13}, nil
}
