package kmstest

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Client sends signed requests. The signer is written from the specification alone and shares no
// line with the verifier it is used against.
type Client struct {
	Server      *Server
	AccessKeyID string
	Secret      string
	Token       string // session token; empty with long-term credentials
	Region      string
	Service     string // signing name; empty: kms
}

// In returns the client in another Region.
func (c *Client) In(region string) *Client {
	other := *c
	other.Region = region
	return &other
}

// A Reply is an answer of the server.
type Reply struct {
	Status int
	Header http.Header
	Raw    []byte
	Fields map[string]any // of the JSON body; nil when it is empty
}

// Code is the exception name, or "" of a success.
func (r *Reply) Code() string {
	s, _ := r.Fields["__type"].(string)
	return s
}

// Message is the exception's sentence, or "".
func (r *Reply) Message() string {
	for _, name := range []string{"message", "Message"} {
		if s, ok := r.Fields[name].(string); ok {
			return s
		}
	}
	return ""
}

// String returns a member of the answer that is a string, following dots into objects.
func (r *Reply) String(path string) string {
	var v any = r.Fields
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// Call sends one operation with a body: a string as it is, anything else as JSON.
func (c *Client) Call(operation string, body any) *Reply {
	c.Server.t.Helper()
	raw, isText := body.(string)
	if !isText {
		b, err := json.Marshal(body)
		if err != nil {
			c.Server.t.Fatal(err)
		}
		raw = string(b)
	}
	r, err := c.Do(c.Request(operation, []byte(raw)))
	if err != nil {
		c.Server.t.Fatalf("%s: %v", operation, err)
	}
	return r
}

// Must is Call that fails the test unless the call succeeds.
func (c *Client) Must(operation string, body any) *Reply {
	c.Server.t.Helper()
	r := c.Call(operation, body)
	if r.Status != http.StatusOK {
		c.Server.t.Fatalf("%s: got %d %s", operation, r.Status, r.Raw)
	}
	return r
}

// Do sends a request and reads the answer.
func (c *Client) Do(req *http.Request) (*Reply, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	r := &Reply{Status: res.StatusCode, Header: res.Header, Raw: raw}
	if len(raw) > 0 && strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &r.Fields); err != nil {
			return nil, fmt.Errorf("answer is not JSON: %q: %w", raw, err)
		}
	}
	return r, nil
}

// Request returns a signed request for one operation.
func (c *Client) Request(operation string, body []byte) *http.Request {
	req, err := http.NewRequest("POST", c.Server.URL+"/", bytes.NewReader(body))
	if err != nil {
		panic("kmstest: internal error: " + err.Error()) // the URL is the test server's own
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	c.Sign(req, body, c.Server.Clock.Now())
	return req
}

// Sign signs every header the request has, and its host.
func (c *Client) Sign(req *http.Request, body []byte, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	scope := strings.Join([]string{stamp[:8], c.Region, cmp.Or(c.Service, "kms"), "aws4_request"}, "/")
	req.Header.Set("X-Amz-Date", stamp)
	if c.Token != "" {
		req.Header.Set("X-Amz-Security-Token", c.Token)
	}

	values := map[string]string{"host": req.URL.Host}
	for name, v := range req.Header {
		values[strings.ToLower(name)] = strings.Join(v, ",")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	canonical := req.Method + "\n/\n" + req.URL.RawQuery + "\n" // the query, if any, in canonical form already
	for _, name := range names {
		canonical += name + ":" + values[name] + "\n"
	}
	signed := strings.Join(names, ";")
	canonical += "\n" + signed + "\n" + hexHash(body)
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hexHash([]byte(canonical))

	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x",
		c.AccessKeyID, scope, signed, mac(c.signingKey(scope), text)))
}

// Presign returns the URL of a GET with the query, which is in canonical form, good for so many seconds.
func (c *Client) Presign(query string, seconds int) string {
	now := c.Server.Clock.Now()
	stamp := now.UTC().Format("20060102T150405Z")
	scope := strings.Join([]string{stamp[:8], c.Region, cmp.Or(c.Service, "kms"), "aws4_request"}, "/")
	query += fmt.Sprintf("&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s&X-Amz-Date=%s&X-Amz-Expires=%d&X-Amz-SignedHeaders=host",
		strings.ReplaceAll(c.AccessKeyID+"/"+scope, "/", "%2F"), stamp, seconds)
	pairs := strings.Split(query, "&")
	slices.Sort(pairs)
	query = strings.Join(pairs, "&")
	host := strings.TrimPrefix(c.Server.URL, "http://")
	canonical := "GET\n/\n" + query + "\nhost:" + host + "\n\nhost\n" + hexHash(nil)
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hexHash([]byte(canonical))
	return fmt.Sprintf("%s/?%s&X-Amz-Signature=%x", c.Server.URL, query, mac(c.signingKey(scope), text))
}

// signingKey derives the key of a scope from the secret.
func (c *Client) signingKey(scope string) []byte {
	k := []byte("AWS4" + c.Secret)
	for part := range strings.SplitSeq(scope, "/") {
		k = mac(k, part)
	}
	return k
}

func hexHash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func mac(k []byte, text string) []byte {
	m := hmac.New(sha256.New, k)
	m.Write([]byte(text))
	return m.Sum(nil)
}
