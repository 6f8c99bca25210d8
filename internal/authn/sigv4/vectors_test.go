package sigv4_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/authn/sigv4"
)

const (
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	exampleStamp  = "20150830T123600Z"
)

// The example of the AWS General Reference, "Signing AWS requests".
func TestSigningKeyOfTheDocumentation(t *testing.T) {
	key := sigv4.SigningKey([]byte(exampleSecret), "20150830", "us-east-1", "iam")
	const want = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
	if got := hex.EncodeToString(key[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Requests that AWS published with their signatures: the ListUsers example of the documentation and
// rows of its Signature Version 4 test suite.
func TestPublishedSignatures(t *testing.T) {
	for _, c := range []struct {
		name, service, host, method, path, query string
		headers                                  [][2]string
		body, signature                          string
	}{
		{
			name: "ListUsers", service: "iam", host: "iam.amazonaws.com", method: "GET", path: "/",
			query:     "Action=ListUsers&Version=2010-05-08",
			headers:   [][2]string{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
			signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
		{
			name: "get-vanilla", service: "service", host: "example.amazonaws.com", method: "GET", path: "/",
			signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		{
			name: "get-vanilla-query-order-key-case", service: "service", host: "example.amazonaws.com", method: "GET", path: "/",
			query:     "Param2=value2&Param1=value1",
			signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{
			name: "post-vanilla", service: "service", host: "example.amazonaws.com", method: "POST", path: "/",
			signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		{
			name: "get-header-key-duplicate", service: "service", host: "example.amazonaws.com", method: "GET", path: "/",
			headers:   [][2]string{{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
			signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
		},
		{
			name: "get-header-value-trim", service: "service", host: "example.amazonaws.com", method: "GET", path: "/",
			headers:   [][2]string{{"My-Header1", " value1"}, {"My-Header2", ` "a   b   c"`}},
			signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		{
			name: "get-slash-dot-slash", service: "service", host: "example.amazonaws.com", method: "GET", path: "/./",
			signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"X-Amz-Date": {exampleStamp}}
			names := []string{"host", "x-amz-date"}
			for _, kv := range c.headers {
				if h[kv[0]] == nil {
					names = append(names, strings.ToLower(kv[0]))
				}
				h.Add(kv[0], kv[1])
			}
			h.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"+c.service+
				"/aws4_request, SignedHeaders="+strings.Join(names, ";")+", Signature="+c.signature)
			at, err := time.Parse("20060102T150405Z", exampleStamp)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sigv4.Parse(&sigv4.Request{
				Method: c.method, Path: c.path, RawQuery: c.query, Host: c.host, Header: h, Body: []byte(c.body),
			}, sigv4.Rules{Now: at, Service: c.service, Regions: func(string) bool { return true }})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(sigv4.SigningKey([]byte(exampleSecret), s.Date, s.Region, s.Service)); err != nil {
				t.Errorf("got %v, want the published signature accepted", err)
			}
		})
	}
}
