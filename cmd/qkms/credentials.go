package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"qkms/internal/admin"
)

// credentials is `qkms credentials`: what an SDK runs as its credential_process.
func credentials(ctx context.Context, c *command) error {
	client, err := c.Identity.client()
	if err != nil {
		return err
	}
	made, err := c.Identity.exchange(ctx, client)
	if err != nil {
		return err
	}
	return c.printJSON(made)
}

// client is one that presents the certificate.
func (i *identityConfig) client() (*http.Client, error) {
	if i.Cert == "" || i.Endpoint == "" {
		return nil, misused("qkms credentials: --cert and --endpoint are needed")
	}
	if u, err := url.Parse(i.Endpoint); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, misused("--endpoint %q is not written like https://kms.example.com:8443; a certificate is shown by TLS only", i.Endpoint)
	}
	pair, err := tls.LoadX509KeyPair(i.Cert, cmp.Or(i.Key, i.Cert))
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	if i.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if err := addAuthorities(config.RootCAs, i.CA); err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment}, Timeout: 30 * time.Second}, nil
}

// exchange asks for credentials. A redirect is not followed: nobody else is to be shown the certificate.
func (i *identityConfig) exchange(ctx context.Context, client *http.Client) (made admin.SessionMade, err error) {
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	form := url.Values{"Action": {"AssumeRoleWithCertificate"}, "Version": {"2011-06-15"}}
	if i.Duration != 0 {
		form.Set("DurationSeconds", strconv.Itoa(int(i.Duration.Seconds())))
	}
	if i.Name != "" {
		form.Set("RoleSessionName", i.Name)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(i.Endpoint, "/")+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return made, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return made, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return made, err
	}
	defer clear(text)
	return readCredentials(res.StatusCode, text)
}

// readCredentials reads the answer of an exchange.
func readCredentials(status int, text []byte) (made admin.SessionMade, err error) {
	var answer struct {
		Code    string            `xml:"Error>Code"`
		Message string            `xml:"Error>Message"`
		Made    admin.SessionMade `xml:"AssumeRoleWithCertificateResult>Credentials"`
	}
	switch err := xml.Unmarshal(text, &answer); {
	case err != nil:
		return made, fmt.Errorf("the server answered HTTP %d, and not as STS does: %w", status, err)
	case status != http.StatusOK:
		return made, fmt.Errorf("%s: %s", answer.Code, answer.Message)
	case answer.Made.AccessKeyId == "" || answer.Made.SessionToken == "":
		return made, errors.New("the server answered without credentials")
	}
	answer.Made.Version = 1
	return answer.Made, nil
}
