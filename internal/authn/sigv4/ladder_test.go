package sigv4_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"qkms/internal/authn/sigv4"
	"qkms/internal/fault"
)

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Every row of access §1.6 that can be decided here, in its words.
func TestLadder(t *testing.T) {
	const (
		start = "AWS4-HMAC-SHA256 "
		cred  = "Credential=AKIAIOSFODNN7EXAMPLE/20260314/us-east-1/kms/aws4_request"
		names = "SignedHeaders=host;x-amz-date;x-amz-target"
		sig   = "Signature=0123"
	)
	for _, row := range []struct {
		name string
		make func(r *sigv4.Request)
		code fault.Code
		text string
	}{
		{"E1 no signature", func(r *sigv4.Request) {},
			fault.MissingToken, "Missing Authentication Token"},
		{"E2 both forms", func(r *sigv4.Request) {
			authorize(r, start+cred+", "+names+", "+sig)
			r.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256"
		}, fault.InvalidSignature, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
		{"E3 piece without equal sign", func(r *sigv4.Request) { authorize(r, start+cred+", bogus, "+sig) },
			fault.IncompleteSignature, "'bogus' not a valid key=value pair (missing equal-sign) in Authorization header: '" +
				start + cred + ", bogus, Signature=***'."},
		{"E3 signature without equal sign", func(r *sigv4.Request) { authorize(r, start+"Signature 0123") },
			fault.IncompleteSignature, "'Signature=***' not a valid key=value pair (missing equal-sign) in Authorization header: '" +
				start + "Signature=***'."},
		{"E3 password of another scheme", func(r *sigv4.Request) { authorize(r, "Basic aHVudGVyMg") },
			fault.IncompleteSignature, "'***' not a valid key=value pair (missing equal-sign) in Authorization header: '***'."},
		{"E4 nothing there", func(r *sigv4.Request) { authorize(r, "AWS4-HMAC-SHA256"); r.Header.Del("X-Amz-Date") },
			fault.IncompleteSignature, "Authorization header requires 'Credential' parameter. " +
				"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
				"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
		{"E4 no signature part", func(r *sigv4.Request) { authorize(r, start+cred+","+names) },
			fault.IncompleteSignature, "Authorization header requires 'Signature' parameter. Authorization=" + start + cred + "," + names},
		{"E4 no date", func(r *sigv4.Request) { authorize(r, start+cred+","+names+","+sig); r.Header.Del("X-Amz-Date") },
			fault.IncompleteSignature, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " +
				"Authorization=" + start + cred + "," + names + ",Signature=***"},
		{"E4 query form", func(r *sigv4.Request) { r.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0123" },
			fault.IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Credential'. " +
				"AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. " +
				"Re-examine the query-string parameters."},
		{"repeated part", func(r *sigv4.Request) { authorize(r, start+cred+","+cred+","+names+","+sig) },
			fault.IncompleteSignature, "Authorization header has an unknown, empty or repeated 'Credential' parameter. Authorization=" +
				start + cred + "," + cred + "," + names + ",Signature=***"},
		{"unknown part", func(r *sigv4.Request) { authorize(r, start+"Color=red,"+cred+","+names+","+sig) },
			fault.IncompleteSignature, "Authorization header has an unknown, empty or repeated 'Color' parameter. Authorization=" +
				start + "Color=red," + cred + "," + names + ",Signature=***"},
		{"session token in the header", func(r *sigv4.Request) { authorize(r, start+"X-Amz-Security-Token=AQ==,"+cred+","+names+","+sig) },
			fault.IncompleteSignature, "Authorization header has an unknown, empty or repeated 'X-Amz-Security-Token' parameter. Authorization=" +
				start + "X-Amz-Security-Token=***," + cred + "," + names + ",Signature=***"},
		{"token of another scheme", func(r *sigv4.Request) { authorize(r, "Bearer abc==") },
			fault.IncompleteSignature, "Authorization header has an unknown, empty or repeated '***' parameter. Authorization=***"},
		{"repeated query parameter", func(r *sigv4.Request) {
			r.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1&X-Amz-Date=2"
		}, fault.IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Date' once. Re-examine the query-string parameters."},
		{"broken escape", func(r *sigv4.Request) { r.RawQuery = "a=%zz" },
			fault.IncompleteSignature, "The query string is not percent-encoded. Re-examine the query-string parameters."},
		{"signed headers twice", func(r *sigv4.Request) { authorize(r, start+cred+",SignedHeaders=host;host,"+sig) },
			fault.IncompleteSignature, "'SignedHeaders' must list distinct lower-case header names, separated by ';'."},
		{"signed headers in upper case", func(r *sigv4.Request) { authorize(r, start+cred+",SignedHeaders=Host,"+sig) },
			fault.IncompleteSignature, "'SignedHeaders' must list distinct lower-case header names, separated by ';'."},
		{"E5 host unsigned", func(r *sigv4.Request) { authorize(r, start+cred+",SignedHeaders=x-amz-date,"+sig) },
			fault.InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"E6 bad date", func(r *sigv4.Request) {
			authorize(r, start+cred+","+names+","+sig)
			r.Header.Set("X-Amz-Date", "2026-03-14T12:00:00Z")
		}, fault.IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '2026-03-14T12:00:00Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"E6 two dates", func(r *sigv4.Request) {
			authorize(r, start+cred+","+names+","+sig)
			r.Header.Add("X-Amz-Date", "20260314T120000Z")
		}, fault.IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '20260314T120000Z,20260314T120000Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"lifetime over a week", func(r *sigv4.Request) { presigned(r, "604801") },
			fault.IncompleteSignature, "X-Amz-Expires must be a number of seconds between 1 and 604800."},
		{"lifetime of nothing", func(r *sigv4.Request) { presigned(r, "0") },
			fault.IncompleteSignature, "X-Amz-Expires must be a number of seconds between 1 and 604800."},
		{"E7 too old", func(r *sigv4.Request) {
			authorize(r, start+cred+","+names+","+sig)
			r.Header.Set("X-Amz-Date", "20260314T115459Z")
		}, fault.InvalidSignature, "Signature expired: 20260314T115459Z is now earlier than 20260314T115500Z (20260314T120000Z - 5 min.)"},
		{"E7b too new", func(r *sigv4.Request) {
			authorize(r, start+cred+","+names+","+sig)
			r.Header.Set("X-Amz-Date", "20260314T120501Z")
		}, fault.InvalidSignature, "Signature not yet current: 20260314T120501Z is still later than 20260314T120500Z (20260314T120000Z + 5 min.)"},
		{"E8 other algorithm", func(r *sigv4.Request) { authorize(r, "AWS4-ECDSA-P256-SHA256 "+cred+","+names+","+sig) },
			fault.IncompleteSignature, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "},
		{"E9 four elements", func(r *sigv4.Request) {
			authorize(r, start+"Credential=AKIAIOSFODNN7EXAMPLE/20260314/kms/aws4_request,"+names+","+sig)
		}, fault.IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, " +
			"got 'AKIAIOSFODNN7EXAMPLE/20260314/kms/aws4_request'"},
		{"E10 all of it", func(r *sigv4.Request) {
			authorize(r, start+"Credential=AKIAIOSFODNN7EXAMPLE/20260313/mars/s3/aws5,"+names+","+sig)
		}, fault.InvalidSignature, "Credential should be scoped to a valid region, not 'mars'. " +
			"Credential should be scoped to correct service: 'kms'. " +
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'. " +
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
			"'20260313' != '20260314', from '20260314T120000Z'. "},
		{"E12 signature differs", func(r *sigv4.Request) { authorize(r, start+cred+","+names+","+sig) },
			fault.InvalidSignature, mismatch},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := alice().request("{}")
			row.make(r)
			wantFault(t, check(t, alice(), r), row.code, row.text)
		})
	}
}

// A request with two faults answers with the earlier row.
func TestLadderOrder(t *testing.T) {
	const start = "AWS4-HMAC-SHA256 "
	for _, row := range []struct{ name, date, header, want string }{
		{"E3 before E4", "", start + "bogus", "'bogus' not a valid"},
		{"E4 before E5", "", start + "Credential=x,SignedHeaders=x-amz-date,Signature=0", "Authorization header requires existence"},
		{"E5 before E6", "x", start + "Credential=x,SignedHeaders=x-amz-date,Signature=0", "'Host' or"},
		{"E6 before E8", "x", "AWS4-X Credential=x,SignedHeaders=host,Signature=0", "Date must be"},
		{"E7 before E8", "20250314T120000Z", "AWS4-X Credential=x,SignedHeaders=host,Signature=0", "Signature expired"},
		{"E7b before E8", "20270314T120000Z", "AWS4-X Credential=x,SignedHeaders=host,Signature=0", "Signature not yet current"},
		{"E8 before E9", "20260314T120000Z", "AWS4-X Credential=x,SignedHeaders=host,Signature=0", "Unsupported AWS"},
		{"E9 before E10", "20260314T120000Z", start + "Credential=x/y,SignedHeaders=host,Signature=0", "Credential must have"},
		{"E10 before E12", "20260314T120000Z", start + "Credential=a/b/c/d/e,SignedHeaders=host,Signature=0", "Credential should be"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := alice().request("{}")
			authorize(r, row.header)
			r.Header.Del("X-Amz-Date")
			if row.date != "" {
				r.Header.Set("X-Amz-Date", row.date)
			}
			f, ok := errors.AsType[*fault.Error](check(t, alice(), r))
			if !ok || !strings.HasPrefix(f.Text, row.want) {
				t.Errorf("got %v, want %q…", f, row.want)
			}
		})
	}
}

// A fault in good form of one row must not be one of a signature: everything here is signed rightly.
func TestSignedButRefused(t *testing.T) {
	refuse := func(name string, make func(c client, r *sigv4.Request) *sigv4.Request) {
		t.Run(name, func(t *testing.T) {
			c := alice()
			wantFault(t, check(t, c, make(c, c.request(`{"KeyId":"k"}`))), fault.InvalidSignature, mismatch)
		})
	}
	refuse("target unsigned", func(c client, r *sigv4.Request) *sigv4.Request { return c.sign(r, "host;x-amz-date") })
	refuse("two targets", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Add("X-Amz-Target", "TrentService.Decrypt")
		return c.sign(r, headers())
	})
	refuse("session token unsigned", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Set("X-Amz-Security-Token", "token")
		return c.sign(r, headers())
	})
	refuse("session token beside a presigned request", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Set("X-Amz-Security-Token", "token")
		return c.presign(r, "60", "")
	})
	refuse("target beside a presigned request", func(c client, r *sigv4.Request) *sigv4.Request {
		c.presign(r, "60", "")
		r.Header.Set("X-Amz-Target", "TrentService.Encrypt")
		return r
	})
	refuse("listed header absent, as content-length is of a chunked body", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Del("Content-Length")
		return c.sign(r, headers())
	})
	for _, claimed := range []string{"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", hexHash("another body")} {
		refuse("content hash "+claimed, func(c client, r *sigv4.Request) *sigv4.Request {
			r.Header.Set("X-Amz-Content-Sha256", claimed)
			return c.sign(r, headers("x-amz-content-sha256"))
		})
	}
}

func TestPresignedExpires(t *testing.T) {
	for _, row := range []struct {
		name, expires string
		age           time.Duration
		want          string
	}{
		{"an hour is five minutes here", "3600", 5 * time.Minute, ""},
		{"to the second", "90", 90 * time.Second, ""},
		{"and no more", "3600", 301 * time.Second,
			"Signature expired: 20260314T115459Z is now earlier than 20260314T115500Z (20260314T120000Z - 5 min.)"},
		{"after its 90 seconds", "90", 91 * time.Second,
			"Signature expired: 20260314T115829Z is now earlier than 20260314T115830Z (20260314T120000Z - 90 sec.)"},
		{"no lifetime, fresh", "", 5 * time.Minute, ""},
		{"no lifetime, old", "", 301 * time.Second,
			"Signature expired: 20260314T115459Z is now earlier than 20260314T115500Z (20260314T120000Z - 5 min.)"},
		{"from the future", "3600", -301 * time.Second,
			"Signature not yet current: 20260314T120501Z is still later than 20260314T120500Z (20260314T120000Z + 5 min.)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := alice()
			c.at = noon.Add(-row.age)
			err := check(t, c, c.presign(c.request(""), row.expires, ""))
			if row.want == "" {
				if err != nil {
					t.Errorf("got %v, want it accepted", err)
				}
				return
			}
			wantFault(t, err, fault.InvalidSignature, row.want)
		})
	}
}

func authorize(r *sigv4.Request, header string) { r.Header.Set("Authorization", header) }

func presigned(r *sigv4.Request, expires string) { alice().presign(r, expires, "") }

func wantFault(t *testing.T, err error, code fault.Code, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("got %v, want a fault", err)
	}
	if f.Code != code || f.Text != text {
		t.Errorf("got  %s: %q\nwant %s: %q", f.Code, f.Text, code, text)
	}
}
