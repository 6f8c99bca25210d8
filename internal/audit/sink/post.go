package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// A poster sends batches to one URL.
type poster struct {
	url    string // may have a token in its query: never in an error
	token  secretFile
	zip    bool
	client *http.Client
}

func newPoster(u *url.URL, o *options) (*poster, error) {
	plain := strings.HasSuffix(u.Scheme, "http")
	to := url.URL{Scheme: strings.TrimPrefix(u.Scheme, "otlp+"), Host: u.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: o.take("query")}
	p := &poster{url: to.String(), token: secretFile(o.take("token-file")), zip: o.oneOf("gzip", "off", "on") == "on"}
	config, err := tlsConfig(o, plain)
	if err != nil {
		return nil, err
	}
	if u.Host == "" {
		return nil, errors.New("there is no host in the URL")
	}
	if plain && !isLoopback(u.Hostname()) {
		return nil, errors.New("plain HTTP beyond loopback hands the log to whoever is on the path, and lets them answer for the receiver: write https")
	}
	if err := p.token.check(); err != nil {
		return nil, fmt.Errorf("token-file: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a redirect could lead anywhere, plain HTTP included
	}}
	return p, nil
}

// isLoopback is about an address or localhost: other names may mean anything tomorrow.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// tlsConfig takes what is about TLS: further roots, and a certificate of the client.
func tlsConfig(o *options, plain bool) (*tls.Config, error) {
	ca, cert, key := o.take("ca-file"), o.take("cert-file"), o.take("key-file")
	if plain && ca+cert+key != "" {
		return nil, errors.New("ca-file, cert-file and key-file are of TLS, and this is none")
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("ca-file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca-file %s: no PEM certificate in it", ca)
		}
	}
	if cert+key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("cert-file and key-file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// post sends one body; sign, if there is one, sees it as it is sent. It returns the beginning of a
// successful answer.
func (p *poster) post(ctx context.Context, contentType string, body []byte, sign func(http.Header, []byte) error) ([]byte, error) {
	req, err := p.request(ctx, contentType, body, sign)
	if err != nil {
		return nil, err
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, unquoted(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // all of it, so that the connection serves again
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return answer, unquoted(err)
	}
	return nil, refusal(res)
}

func (p *poster) request(ctx context.Context, contentType string, body []byte, sign func(http.Header, []byte) error) (*http.Request, error) {
	if p.zip {
		body = zipped(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, unquoted(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "qkms-audit")
	if p.zip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	if p.token != "" {
		token, err := p.token.read()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+string(token))
	}
	if sign != nil {
		err = sign(req.Header, body)
	}
	return req, err
}

// unquoted is err without the URL that net/http puts in front.
func unquoted(err error) error {
	var quoting *url.Error
	if !errors.As(err, &quoting) {
		return err
	}
	var timeout net.Error
	if errors.As(quoting.Err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	return quoting.Err
}

// refusal is an answer that is none of success. Its body is not quoted: it may repeat what was sent.
func refusal(res *http.Response) error {
	err := fmt.Errorf("the receiver answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	switch {
	case res.StatusCode == http.StatusRequestEntityTooLarge:
		return errors.Join(err, errTooMuch)
	case res.StatusCode/100 == 3:
		return fmt.Errorf("%w: redirects are not followed", err)
	}
	return &busyError{err, retryAfter(res.Header.Get("Retry-After"), time.Now())}
}

// retryAfter reads that header (RFC 9110 §10.2.3): seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return b.Bytes()
}

func (p *poster) close() error {
	p.client.CloseIdleConnections()
	return nil
}
