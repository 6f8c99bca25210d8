package sigv4_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"qkms/internal/authn/sigv4"
)

func TestAccepted(t *testing.T) {
	accept := func(name string, make func(c client, r *sigv4.Request) *sigv4.Request) {
		t.Run(name, func(t *testing.T) {
			c := alice()
			if err := check(t, c, make(c, c.request(`{"KeyId":"k"}`))); err != nil {
				t.Errorf("got %v, want it accepted", err)
			}
		})
	}
	accept("as the SDKs sign", func(c client, r *sigv4.Request) *sigv4.Request { return c.sign(r, headers()) })
	accept("no more than we need", func(c client, r *sigv4.Request) *sigv4.Request {
		return c.sign(r, "host;x-amz-date;x-amz-target")
	})
	accept("authority for host", func(c client, r *sigv4.Request) *sigv4.Request {
		return c.sign(r, ":authority;x-amz-date;x-amz-target")
	})
	accept("headers that the SDKs leave out", func(c client, r *sigv4.Request) *sigv4.Request {
		return c.sign(r, headers("user-agent"))
	})
	accept("content hash", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Set("X-Amz-Content-Sha256", hexHash(string(r.Body)))
		return c.sign(r, headers("x-amz-content-sha256"))
	})
	accept("session token", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Set("X-Amz-Security-Token", "token")
		return c.sign(r, headers("x-amz-security-token"))
	})
	accept("runs of spaces and tabs", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Set("X-Amz-Note", " one  two\t\tthree \t four\t")
		return c.sign(r, headers("x-amz-note"))
	})
	accept("repeated header", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header["X-Amz-Note"] = []string{"b", " a", "b"}
		return c.sign(r, headers("x-amz-note"))
	})
	accept("list out of order", func(c client, r *sigv4.Request) *sigv4.Request {
		c.sign(r, headers())
		h := r.Header.Get("Authorization")
		authorize(r, strings.Replace(h, headers(), "x-amz-target;x-amz-date;host;content-type;content-length", 1))
		return r
	})
	accept("parts out of order, without spaces", func(c client, r *sigv4.Request) *sigv4.Request {
		c.sign(r, headers())
		algorithm, list, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		p := strings.Split(list, ", ")
		authorize(r, algorithm+" "+p[2]+","+p[0]+","+p[1])
		return r
	})
	accept("date header only", func(c client, r *sigv4.Request) *sigv4.Request {
		r.Header.Del("X-Amz-Date")
		r.Header.Set("Date", c.at.Format(http.TimeFormat))
		return c.sign(r, "date;host;x-amz-target")
	})
	accept("presigned", func(c client, r *sigv4.Request) *sigv4.Request { return c.presign(r, "60", "") })
	accept("presigned with a session token", func(c client, r *sigv4.Request) *sigv4.Request { return c.presign(r, "60", "to ken/+=") })
	accept("five minutes early and late", func(c client, r *sigv4.Request) *sigv4.Request {
		c.at = noon.Add(5 * time.Minute)
		late := c.sign(c.request("{}"), headers())
		if err := check(t, c, late); err != nil {
			t.Errorf("late: got %v, want it accepted", err)
		}
		c.at = noon.Add(-5 * time.Minute)
		return c.sign(c.request("{}"), headers())
	})
}

// Whatever a signature covers, a change to it is refused.
func TestTampering(t *testing.T) {
	for name, tamper := range map[string]func(r *sigv4.Request){
		"method":             func(r *sigv4.Request) { r.Method = "PUT" },
		"path":               func(r *sigv4.Request) { r.Path = "/other" },
		"query":              func(r *sigv4.Request) { r.RawQuery = "a=b" },
		"semicolon in query": func(r *sigv4.Request) { r.RawQuery = ";" },
		"host":               func(r *sigv4.Request) { r.Host = "kms.example" },
		"body":               func(r *sigv4.Request) { r.Body = append(r.Body, ' ') },
		"target":             func(r *sigv4.Request) { r.Header.Set("X-Amz-Target", "TrentService.Decrypt") },
		"header removed":     func(r *sigv4.Request) { r.Header.Del("Content-Type") },
		"header emptied":     func(r *sigv4.Request) { r.Header.Set("Content-Type", "") },
		"header doubled":     func(r *sigv4.Request) { r.Header.Add("Content-Type", "x") },
		"time":               func(r *sigv4.Request) { r.Header.Set("X-Amz-Date", "20260314T120001Z") },
		"session token":      func(r *sigv4.Request) { r.Header.Set("X-Amz-Security-Token", "t") },
		"list shortened": func(r *sigv4.Request) {
			authorize(r, strings.Replace(r.Header.Get("Authorization"), "content-type;", "", 1))
		},
		"signature in upper case": func(r *sigv4.Request) {
			h, sig, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			authorize(r, h+"Signature="+strings.ToUpper(sig))
		},
		"signature cut": func(r *sigv4.Request) {
			h := r.Header.Get("Authorization")
			authorize(r, h[:len(h)-1])
		},
		"second authorization": func(r *sigv4.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
	} {
		t.Run(name, func(t *testing.T) {
			c := alice()
			r := c.sign(c.request(`{"KeyId":"k"}`), headers())
			if err := check(t, c, r); err != nil {
				t.Fatalf("before: %v", err)
			}
			tamper(r)
			if err := check(t, c, r); err == nil {
				t.Error("got it accepted, want a refusal")
			}
		})
	}
}

func TestSignedSaysWhatItClaims(t *testing.T) {
	c := alice()
	r := c.request("{}")
	r.Header.Set("X-Amz-Security-Token", "token")
	s, err := sigv4.Parse(c.sign(r, headers("x-amz-security-token")), rules())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{s.AccessKeyID, s.Date, s.Region, s.Service, s.SessionToken, s.Time.String()}
	want := []string{c.id, c.date, c.region, c.service, "token", noon.String()}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a service says of its call is believed only if it signed it, and once.
func TestHeadersThatAreBelieved(t *testing.T) {
	const name = "x-amz-source-arn"
	add := func(r *sigv4.Request) { r.Header.Add(name, "arn:aws:s3:::b") }
	for _, row := range []struct {
		name   string
		signed func(c client, r *sigv4.Request) *sigv4.Request
		want   string
	}{
		{"signed", func(c client, r *sigv4.Request) *sigv4.Request { add(r); return c.sign(r, headers(name)) }, "arn:aws:s3:::b"},
		{"added on the way", func(c client, r *sigv4.Request) *sigv4.Request { c.sign(r, headers()); add(r); return r }, ""},
		{"given twice", func(c client, r *sigv4.Request) *sigv4.Request { add(r); add(r); return c.sign(r, headers(name)) }, ""},
		{"missing", func(c client, r *sigv4.Request) *sigv4.Request { return c.sign(r, headers()) }, ""},
	} {
		c := alice()
		s, err := sigv4.Parse(row.signed(c, c.request("{}")), rules())
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if got := s.Header(name); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestClaimed(t *testing.T) {
	c := alice()
	for _, row := range []struct {
		name string
		r    *sigv4.Request
		want string
	}{
		{"header", c.sign(c.request(""), headers()), c.id},
		{"presigned", c.presign(c.request(""), "", ""), c.id},
		{"unsigned", c.request(""), ""},
		{"malformed after the credential", header("AWS4-HMAC-SHA256 Credential=" + c.id + "/x, bogus"), c.id},
		{"no such id could exist", header("AWS4-HMAC-SHA256 Credential=x'; --/20260314/us-east-1/kms/aws4_request"), ""},
		{"too short", header("AWS4-HMAC-SHA256 Credential=AKIA/20260314/us-east-1/kms/aws4_request"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := sigv4.Claimed(row.r); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func header(authorization string) *sigv4.Request {
	r := alice().request("")
	authorize(r, authorization)
	return r
}

// From must hand on what was signed: the path undecoded, the query untouched.
func TestFrom(t *testing.T) {
	hr := httptest.NewRequest("POST", "http://kms.example:8443/a%2Fb?x=1;y=%20", nil)
	r := sigv4.From(hr, []byte("body"))
	got := []string{r.Method, r.Path, r.RawQuery, r.Host, string(r.Body)}
	want := []string{"POST", "/a%2Fb", "x=1;y=%20", "kms.example:8443", "body"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkVerify(b *testing.B) {
	c := alice()
	r := c.sign(c.request(`{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"aGVsbG8="}`), headers())
	key, rules := c.key(), rules()
	b.ReportAllocs()
	for b.Loop() {
		s, err := sigv4.Parse(r, rules)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(key); err != nil {
			b.Fatal(err)
		}
	}
}
