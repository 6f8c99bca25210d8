package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"qkms/internal/admin"
	"qkms/internal/authn/webidentity"
	"qkms/internal/iam"
)

// identityConfig is what verbs are told about who may have credentials, and how.
type identityConfig struct {
	// OIDCCA is a PEM file of authorities besides the system's that certificates of OpenID Connect providers
	// may come from. Who holds the key of one can pass for any provider, and so for any workload.
	OIDCCA string

	// OIDCAllow are addresses where providers may be asked although they are this machine's or its link's.
	// Administrators of accounts choose which of them.
	OIDCAllow []netip.Prefix

	// Loopback allows providers on this machine, by plain HTTP too; dev only.
	Loopback bool

	// Service is a service principal to make an access key of, for tests of integrations.
	Service string

	// User and Role are whom something is of.
	User, Role string

	// Via is the service that forwards the calls of a session.
	Via string

	// Duration is how long a session lasts; of credentials 0 is as long as it does by default.
	Duration time.Duration

	// Name is of a certificate, or of the session that it is exchanged for.
	Name string

	// Endpoint is where a server is, https://HOST:PORT.
	Endpoint string

	// Cert and Key are the PEM files of a TLS client certificate and its key. Key empty: both are in Cert.
	Cert, Key string

	// CA is a PEM file of the authorities that the server's certificate may come from. Empty: the system's.
	CA string
}

// flag adds the flag with this name to fs, if it is one of these.
func (i *identityConfig) flag(fs *flag.FlagSet, name string) bool {
	text := func(p *string, usage string) { fs.StringVar(p, name, *p, usage) }
	switch name {
	case "key": // of the audit verbs, too
		if fs.Name() != "credentials" {
			return false
		}
		text(&i.Key, "PEM `FILE` of its key; if not given: in the same file")
	case "oidc-ca":
		text(&i.OIDCCA, "PEM `FILE` of further authorities for OpenID Connect providers, besides the system's")
	case "oidc-allow":
		fs.Var((*prefixes)(&i.OIDCAllow), name, "let OpenID Connect providers be asked in `NETWORKS` that are this machine's or its link's, as 127.0.0.0/8,::1/128")
	case "service":
		text(&i.Service, "make it for the service principal `NAME`, as s3.amazonaws.com, for tests of integrations")
	case "user":
		text(&i.User, "the user's `NAME`")
	case "role":
		text(&i.Role, "the role's `NAME`")
	case "via":
		text(&i.Via, "as if the service `NAME` forwarded the calls, as s3.us-east-1.amazonaws.com")
	case "duration":
		fs.DurationVar(&i.Duration, name, i.Duration, "let the credentials last for this `TIME`")
	case "name":
		if fs.Name() == "credentials" {
			text(&i.Name, "call the session `NAME`; if not given: as the certificate was registered")
			return true
		}
		text(&i.Name, "the `NAME`; if not given: the common name of the certificate")
	case "endpoint":
		text(&i.Endpoint, "the server, `URL`, as https://kms.example.com:8443")
	case "cert":
		text(&i.Cert, "PEM `FILE` of the client certificate")
	case "ca":
		text(&i.CA, "PEM `FILE` of the authorities of the server's certificate; if not given: the system's")
	default:
		return false
	}
	return true
}

type prefixes []netip.Prefix

func (p *prefixes) String() string {
	texts := make([]string, len(*p))
	for i, one := range *p {
		texts[i] = one.String()
	}
	return strings.Join(texts, ",")
}

func (p *prefixes) Set(s string) error {
	*p = nil
	for text := range strings.SplitSeq(s, ",") {
		one, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return errors.New("a network is written like 127.0.0.0/8")
		}
		*p = append(*p, one)
	}
	return nil
}

// providers is how OpenID Connect providers are asked.
func (i *identityConfig) providers() (c webidentity.Config, err error) {
	c.Allow, c.Loopback = i.OIDCAllow, i.Loopback
	if i.OIDCCA == "" {
		return c, nil
	}
	if c.Roots, err = x509.SystemCertPool(); err != nil {
		return c, fmt.Errorf("--oidc-ca: the system's authorities: %w", err)
	}
	if err := addAuthorities(c.Roots, i.OIDCCA); err != nil {
		return c, fmt.Errorf("--oidc-ca: %w", err)
	}
	return c, nil
}

func addAuthorities(pool *x509.CertPool, path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(file) {
		return fmt.Errorf("%s holds no PEM certificate", path)
	}
	return nil
}

// sessionCreate is `qkms session create`.
func sessionCreate(ctx context.Context, c *command) error {
	asked := admin.NewSession{Account: c.Account, User: c.Identity.User, Role: c.Identity.Role, Via: c.Identity.Via, Seconds: int(c.Identity.Duration.Seconds())}
	made, err := admin.Do(ctx, c.place(), admin.CreateSession, asked, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(made)
	}
	line(c.out, "Temporary credentials until %s; they are not shown again:\n\nexport AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_SESSION_TOKEN=%s",
		made.Expiration.Format(time.RFC3339), made.AccessKeyId, made.SecretAccessKey, made.SessionToken)
	return nil
}

// certificateAdd is `qkms certificate add`.
func certificateAdd(ctx context.Context, c *command) error {
	asked, err := readCertificate(c.operands[0])
	if err != nil {
		return err
	}
	asked.Account, asked.Role = c.Account, c.Identity.Role
	if c.Identity.Name != "" {
		asked.Name = c.Identity.Name
	}
	if asked.Name == "" {
		return fmt.Errorf("%s says no name to register it under: give --name", c.operands[0])
	}
	made, err := admin.Do(ctx, c.place(), admin.AddCertificate, asked, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(made)
	}
	line(c.out, "The key of certificate %s leads to role %s of account %s. It opens the role once its trust policy has the statement\n\n"+
		`{"Effect":"Allow","Principal":{"Federated":"arn:%s:iam::%s:certificate/%s"},"Action":"sts:AssumeRoleWithCertificate"}`,
		made.Name, made.Role, made.Account, c.Partition, made.Account, made.Name)
	return nil
}

// readCertificate reads a PEM file with a certificate, or with a public key, which does not expire.
func readCertificate(path string) (admin.Certificate, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return admin.Certificate{}, err
	}
	m, err := iam.ReadCertificate(file)
	if err != nil {
		return admin.Certificate{}, fmt.Errorf("%s: %w", path, err)
	}
	k := admin.Certificate{Name: m.Name, SPKI: m.Spki}
	if m.Expires != 0 {
		k.Expires = time.UnixMilli(m.Expires).UTC()
	}
	return k, nil
}

func certificateList(ctx context.Context, c *command) error {
	all, err := admin.Do(ctx, c.place(), admin.ListCertificates, admin.InAccount{Account: c.Account}, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(all)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	line(w, "NAME\tROLE\tEXPIRES\tKEY (SHA-256)")
	for _, k := range all {
		expires := "never"
		if !k.Expires.IsZero() {
			expires = k.Expires.Format(time.RFC3339)
		}
		line(w, "%s\t%s\t%s\t%s", k.Name, k.Role, expires, k.SPKI)
	}
	return w.Flush()
}

func certificateDelete(ctx context.Context, c *command) error {
	k, err := admin.Do(ctx, c.place(), admin.DeleteCertificate, admin.CertificateName{Account: c.Account, Name: c.operands[0]}, nil)
	if err != nil {
		return err
	}
	return c.printChanged(k, k.InForce, k.Name+" is deleted; credentials that it was exchanged for last until their time")
}
