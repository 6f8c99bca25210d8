package sigv4_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/authn/sigv4"
)

// Whatever parses can be signed, verifies then, parses again to the same claims, and stops verifying
// when its body changes.
func FuzzParse(f *testing.F) {
	c := alice()
	seed := func(r *sigv4.Request) {
		var b bytes.Buffer
		b.WriteString(r.Method + " " + r.Path + "?" + r.RawQuery + " HTTP/1.1\r\nHost: " + r.Host + "\r\n")
		if err := r.Header.Write(&b); err != nil {
			f.Fatal(err)
		}
		b.WriteString("\r\n")
		b.Write(r.Body)
		f.Add(b.Bytes())
	}
	seed(c.sign(c.request(`{"KeyId":"k"}`), headers()))
	seed(c.presign(c.request(""), "60", "token"))
	r := c.request("{}")
	r.Header["X-Amz-Note"] = []string{"a \t b", "a"}
	r.RawQuery, r.Path = "b=1&a=%2F;&a", "/x%2Fy/../z/"
	seed(c.sign(r, headers("x-amz-note", "user-agent")))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-HMAC-SHA256 Credential=,\r\nDate: x\r\n\r\n"))
	f.Add([]byte("GET /?X-Amz-Algorithm&X-Amz-Date=%zz HTTP/1.1\r\nHost: h\r\n\r\n"))

	f.Fuzz(func(t *testing.T, raw []byte) {
		r := receive(raw)
		if r == nil {
			return
		}
		sigv4.Claimed(r)
		s, err := sigv4.Parse(r, rules())
		if err != nil {
			return
		}
		if s.Verify(c.key()) == nil {
			reparse(t, r, &s, c)
		}
		if resign(r, &s, c) && s.Verify(c.key()) != nil {
			again, err := sigv4.Parse(r, rules())
			if err != nil {
				t.Fatalf("signed anew: got %v, want it to parse", err)
			}
			if again.Verify(c.key()) == nil {
				reparse(t, r, &again, c)
			}
		}
	})
}

// receive reads raw as a server would, or returns nil.
func receive(raw []byte) *sigv4.Request {
	hr, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		return nil
	}
	r := sigv4.From(hr, body)
	return &r
}

// resign puts the right signature on r, in the header form only.
func resign(r *sigv4.Request, s *sigv4.Signed, c client) bool {
	h := strings.Join(r.Header["Authorization"], ",")
	before, after, found := strings.Cut(h, "Signature=")
	if !found {
		return false
	}
	_, rest, more := strings.Cut(after, ",")
	if more {
		rest = "," + rest
	}
	authorize(r, before+"Signature="+s.Sign(c.key())+rest)
	return true
}

func reparse(t *testing.T, r *sigv4.Request, s *sigv4.Signed, c client) {
	t.Helper()
	again, err := sigv4.Parse(r, rules())
	if err != nil {
		t.Fatalf("again: got %v, want it to parse", err)
	}
	if again.AccessKeyID != s.AccessKeyID || again.Region != s.Region || !again.Time.Equal(s.Time) {
		t.Errorf("again: got %v, want %v", again, s)
	}
	r.Body = append(r.Body, 'x')
	if again.Verify(c.key()) == nil {
		t.Error("with another body: got it accepted, want a refusal")
	}
}

// FuzzStamp compares with the library.
func FuzzStamp(f *testing.F) {
	for _, s := range []string{"20260314T120000Z", "20240229T235959Z", "20230229T000000Z", "20261301T000000Z", "20260001T000000Z", "20260100T000000Z", "20260431T000000Z", "20260314T240000Z", "20260314T126000Z", "20260314T120060Z", "00000101T000000Z", "2026031aT120000Z", "20260314t120000Z", "20260314T120000z", "20260314T12000.Z", "+0260314T120000Z", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := sigv4.ParseStamp(s)
		want, err := time.Parse("20060102T150405Z", s)
		if len(s) != 16 {
			err = errors.Join(err, errors.New("a fraction of a second"))
		}
		if ok != (err == nil) || ok && !got.Equal(want) {
			t.Errorf("%q: got %v, %t, want %v, %v", s, got, ok, want, err)
		}
	})
}
