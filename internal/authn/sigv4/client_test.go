package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"qkms/internal/authn/sigv4"
)

// A client signs the way access §1.2 describes it, in the plainest way there is: nothing in here is
// shared with the code under test.
type client struct {
	id, secret, date, region, service, term string
	at                                      time.Time
}

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func alice() client {
	return client{
		id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		date: "20260314", region: "us-east-1", service: "kms", term: "aws4_request", at: noon,
	}
}

func (c client) stamp() string { return c.at.Format("20060102T150405Z") }

func (c client) scope() string {
	return strings.Join([]string{c.date, c.region, c.service, c.term}, "/")
}

func (c client) key() [32]byte {
	return sigv4.SigningKey([]byte(c.secret), c.date, c.region, c.service)
}

// request is what an SDK would send, not signed yet.
func (c client) request(body string) *sigv4.Request {
	h := http.Header{}
	h.Set("Content-Type", "application/x-amz-json-1.1")
	h.Set("Content-Length", fmt.Sprint(len(body)))
	h.Set("X-Amz-Target", "TrentService.Encrypt")
	h.Set("X-Amz-Date", c.stamp())
	h.Set("User-Agent", "client/1")
	return &sigv4.Request{Method: "POST", Path: "/", Host: "kms.example:8443", Header: h, Body: []byte(body)}
}

// headers are those a Go SDK signs.
func headers(also ...string) string {
	names := append([]string{"host", "content-type", "content-length", "x-amz-date", "x-amz-target"}, also...)
	sort.Strings(names)
	return strings.Join(names, ";")
}

// sign puts the Authorization header on r.
func (c client) sign(r *sigv4.Request, signedHeaders string) *sigv4.Request {
	signature := c.signature(r, r.RawQuery, signedHeaders)
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		c.id, c.scope(), signedHeaders, signature))
	return r
}

// presign puts the signature into the query string of r.
func (c client) presign(r *sigv4.Request, expires, token string) *sigv4.Request {
	const signed = "host"
	r.Header.Del("X-Amz-Date")
	r.Header.Del("X-Amz-Target")
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {c.id + "/" + c.scope()},
		"X-Amz-Date":          {c.stamp()},
		"X-Amz-SignedHeaders": {signed},
		"Action":              {"GetCallerIdentity"},
	}
	if expires != "" {
		q.Set("X-Amz-Expires", expires)
	}
	if token != "" {
		q.Set("X-Amz-Security-Token", token)
	}
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	r.RawQuery = query + "&X-Amz-Signature=" + c.signature(r, query, signed)
	return r
}

func (c client) signature(r *sigv4.Request, query, signedHeaders string) string {
	canonical := r.Method + "\n" + r.Path + "\n" + query + "\n"
	for _, name := range strings.Split(signedHeaders, ";") {
		value := r.Host
		if name != "host" && name != ":authority" {
			var values []string
			for _, v := range r.Header.Values(name) {
				values = append(values, strings.Join(strings.Fields(v), " "))
			}
			value = strings.Join(values, ",")
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + signedHeaders + "\n"
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" {
		canonical += claimed
	} else {
		canonical += hexHash(string(r.Body))
	}
	key := "AWS4" + c.secret
	for _, part := range []string{c.date, c.region, c.service, c.term} {
		key = mac(key, part)
	}
	toSign := "AWS4-HMAC-SHA256\n" + c.stamp() + "\n" + c.scope() + "\n" + hexHash(canonical)
	return hex.EncodeToString([]byte(mac(key, toSign)))
}

func hexHash(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func mac(key, message string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(message))
	return string(h.Sum(nil))
}

func rules() sigv4.Rules {
	return sigv4.Rules{Now: noon, Service: "kms", Regions: func(r string) bool { return r == "us-east-1" }}
}

// check parses and verifies r as c's.
func check(t *testing.T, c client, r *sigv4.Request) error {
	t.Helper()
	s, err := sigv4.Parse(r, rules())
	if err != nil {
		return err
	}
	return s.Verify(c.key())
}
