// Package sigv4_test checks our verifier against the signer of the AWS SDK for Go.
package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"qkms/internal/authn/sigv4"
)

const (
	requests = 400
	flips    = 60 // of single bytes, per request
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// What the SDK signs arrives and verifies; with any one byte changed of what it signed, it does not.
func TestHeaderForm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range requests {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			creds, hr, body := randomCredentials(rng), randomRequest(rng), randomBody(rng)
			setBody(hr, body)
			signer := v4.NewSigner()
			if err := signer.SignHTTP(context.Background(), creds, hr, hash(body), "kms", "us-east-1", noon); err != nil {
				t.Fatal(err)
			}
			checkReceived(t, rng, receive(t, hr), creds)
		})
	}
}

func TestPresignedForm(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range requests {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			creds, hr, body := randomCredentials(rng), randomRequest(rng), randomBody(rng)
			if rng.IntN(2) == 0 {
				q := hr.URL.Query()
				q.Set("X-Amz-Expires", strconv.Itoa(1+rng.IntN(604800)))
				hr.URL.RawQuery = q.Encode()
			}
			signer := v4.NewSigner()
			setBody(hr, body)
			uri, signed, err := signer.PresignHTTP(context.Background(), creds, hr, hash(body), "kms", "us-east-1", noon)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := http.NewRequest(hr.Method, uri, nil)
			if err != nil {
				t.Fatal(err)
			}
			sent.Host = signed.Get("Host")
			signed.Del("Host")
			sent.Header = signed
			setBody(sent, body)
			checkReceived(t, rng, receive(t, sent), creds)
		})
	}
}

func checkReceived(t *testing.T, rng *rand.Rand, r *sigv4.Request, creds aws.Credentials) {
	t.Helper()
	s, err := verify(r, creds.SecretAccessKey)
	if err != nil {
		t.Fatalf("got %v, want it accepted: %+v", err, r)
	}
	if s.AccessKeyID != creds.AccessKeyID || s.SessionToken != creds.SessionToken {
		t.Errorf("got %q with token %q, want %q with %q", s.AccessKeyID, s.SessionToken, creds.AccessKeyID, creds.SessionToken)
	}
	if _, err := verify(r, creds.SecretAccessKey+"x"); err == nil {
		t.Error("under another secret: got it accepted, want a refusal")
	}
	for range flips {
		what, changed := flip(rng, r)
		if _, err := verify(changed, creds.SecretAccessKey); err == nil {
			// A stranger's access key id is not signed, but its owner's secret is another one.
			if claimed := sigv4.Claimed(changed); claimed != creds.AccessKeyID {
				continue
			}
			t.Fatalf("%s changed: got it accepted, want a refusal:\n%+v\n%+v", what, r, changed)
		}
	}
}

func verify(r *sigv4.Request, secret string) (*sigv4.Signed, error) {
	s, err := sigv4.Parse(r, sigv4.Rules{
		Now: noon.Add(time.Second), Service: "kms", Regions: func(r string) bool { return r == "us-east-1" },
	})
	if err != nil {
		return nil, err
	}
	return &s, s.Verify(sigv4.SigningKey([]byte(secret), s.Date, s.Region, s.Service))
}

// receive sends hr through the wire format.
func receive(t *testing.T, hr *http.Request) *sigv4.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := hr.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := sigv4.From(got, body)
	return &r
}

// flip changes one bit of one byte of something that is signed, in a copy of r.
func flip(rng *rand.Rand, r *sigv4.Request) (what string, changed *sigv4.Request) {
	c := *r
	c.Header = r.Header.Clone()
	c.Header.Del("User-Agent") // nobody signs it
	if len(c.Body) == 0 {
		c.Header.Del("Content-Length") // nor a length of nothing
	}
	c.Body = bytes.Clone(r.Body)
	for {
		switch rng.IntN(6) {
		case 0:
			c.Method = flipByte(rng, c.Method)
			return "method", &c
		case 1:
			if c.Path == "/" {
				c.Path = "/x" // "/" with a bit changed may be ".", which is the same path
			} else {
				c.Path = "/" + flipByte(rng, c.Path[1:])
			}
			return "path", &c
		case 2:
			c.Host = flipByte(rng, c.Host)
			return "host", &c
		case 3:
			if len(c.Body) > 0 {
				c.Body[rng.IntN(len(c.Body))] ^= 1
				return "body", &c
			}
		case 4:
			if c.RawQuery != "" {
				c.RawQuery = flipByte(rng, c.RawQuery)
				return "query", &c
			}
		case 5:
			var names []string
			for name := range c.Header {
				names = append(names, name)
			}
			if len(names) == 0 {
				continue
			}
			slices.Sort(names)
			name := names[rng.IntN(len(names))]
			values := c.Header[name]
			i := rng.IntN(len(values))
			if values[i] != "" {
				values[i] = flipByte(rng, values[i])
				return name, &c
			}
		}
	}
}

func flipByte(rng *rand.Rand, s string) string {
	b := []byte(s)
	b[rng.IntN(len(b))] ^= 1
	return string(b)
}

func randomCredentials(rng *rand.Rand) aws.Credentials {
	c := aws.Credentials{AccessKeyID: "AKIA" + word(rng, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), SecretAccessKey: word(rng, 40, anything)}
	if rng.IntN(3) == 0 {
		c.SessionToken = word(rng, 1+rng.IntN(800), anything)
	}
	return c
}

const anything = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+="

func randomRequest(rng *rand.Rand) *http.Request {
	host := pick(rng, "localhost:8443", "kms.us-east-1.amazonaws.com", "KMS.Example:443", "127.0.0.1:80", "[::1]:9000")
	path := pick(rng, "/", "/", "", "/a/b/", "/a%2Fb/c%20d", "/x.y-z_~")
	query := pick(rng, "", "", "b=2&a=1", "a=%2F%20%25&a=&a=1&A=%C3%A9", "a=b+c", "flag")
	hr, err := http.NewRequest(pick(rng, "POST", "GET"), pick(rng, "http", "https")+"://"+host+path+"?"+query, nil)
	if err != nil {
		panic(err)
	}
	hr.Header.Set("Content-Type", "application/x-amz-json-1.1")
	hr.Header.Set("X-Amz-Target", "TrentService."+word(rng, 7, anything[:26]))
	hr.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	for range rng.IntN(4) {
		name := fmt.Sprintf("X-Note-%d", rng.IntN(3))
		hr.Header[name] = append(hr.Header[name], word(rng, rng.IntN(30), "ab c\t,;=\"  \t"))
	}
	return hr
}

func randomBody(rng *rand.Rand) []byte {
	sizes := []int{0, 1, 100, 4096, 200_000}
	body := make([]byte, sizes[rng.IntN(len(sizes))])
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	return body
}

func setBody(hr *http.Request, body []byte) {
	if len(body) == 0 {
		return
	}
	hr.Body = io.NopCloser(bytes.NewReader(body))
	hr.ContentLength = int64(len(body))
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func pick(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

func word(rng *rand.Rand, n int, alphabet string) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}
