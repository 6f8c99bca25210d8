package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"

	"qkms/internal/console"
)

// consoleConfig is how people sign in to the console besides with access keys.
type consoleConfig struct {
	// OIDCIssuer is the OpenID Connect provider that people sign in at, https://login.example.com. Whoever runs it can sign in as
	// anybody that the trust policy of OIDCRole lets in.
	OIDCIssuer string

	// OIDCClientID is what the provider knows the console as.
	OIDCClientID string

	// OIDCClientSecretFile holds the secret of the client, in its first line. Empty: the client is a public one.
	OIDCClientSecretFile string

	// OIDCRole is the ARN of the role whose sessions people get.
	OIDCRole string
}

// flag adds the flag with this name to fs, if it is one of these.
func (o *consoleConfig) flag(fs *flag.FlagSet, name string) bool {
	text := func(p *string, usage string) { fs.StringVar(p, name, *p, usage) }
	switch name {
	case "console-oidc-issuer":
		text(&o.OIDCIssuer, "let people sign in to the console at the OpenID Connect provider `URL`, which the account of the role has registered")
	case "console-oidc-client-id":
		text(&o.OIDCClientID, "the `ID` that the provider knows the console by")
	case "console-oidc-client-secret-file":
		text(&o.OIDCClientSecretFile, "`FILE` whose first line is the secret of that client; if not given: it has none")
	case "console-oidc-role":
		text(&o.OIDCRole, "the `ARN` of the role whose sessions they get, and whose trust policy says who they may be")
	default:
		return false
	}
	return true
}

var isRole = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::[0-9]{12}:role/[!-~]+$`).MatchString

// provider is that of the flags, or nil.
func (o *consoleConfig) provider(on bool) (*console.OIDC, error) {
	given := o.OIDCIssuer != "" || o.OIDCClientID != "" || o.OIDCRole != "" || o.OIDCClientSecretFile != ""
	switch {
	case !given:
		return nil, nil
	case !on:
		return nil, errors.New("--console-oidc-issuer is for the console: give --console, too")
	case o.OIDCIssuer == "" || o.OIDCClientID == "" || o.OIDCRole == "":
		return nil, errors.New("--console-oidc-issuer, --console-oidc-client-id and --console-oidc-role go together")
	case !isRole(o.OIDCRole):
		return nil, fmt.Errorf("--console-oidc-role %s: a role is written like arn:aws:iam::111122223333:role/console", o.OIDCRole)
	}
	p := &console.OIDC{Issuer: o.OIDCIssuer, ClientID: o.OIDCClientID, Role: o.OIDCRole}
	if o.OIDCClientSecretFile == "" {
		return p, nil
	}
	file, err := os.ReadFile(o.OIDCClientSecretFile)
	if err != nil {
		return nil, fmt.Errorf("--console-oidc-client-secret-file: %w", err)
	}
	secret, err := firstLine(file)
	if err != nil {
		return nil, fmt.Errorf("--console-oidc-client-secret-file %s: %w", o.OIDCClientSecretFile, err)
	}
	p.Secret = string(bytes.TrimSpace(secret))
	return p, nil
}
