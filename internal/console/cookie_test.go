package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// Behind a proxy that ends TLS the cookies are those of https: no other host of the domain can set them, and no plain request
// carries them. What browsers say of a request they say to https and loopback alone.
func TestCookiesBehindAProxy(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	form := url.Values{"access-key-id": {root.AccessKeyID}, "secret": {root.Secret}, "region": {kmstest.Region}}.Encode()
	send := func(method, host, site, path, body string, cookies ...*http.Cookie) *http.Response {
		return arrive(s, method, host, path, body, http.Header{"Sec-Fetch-Site": {site}}, cookies...).Result()
	}
	for name, row := range map[string]struct {
		host, site string
		secure     bool
	}{
		"a proxy":        {"kms.example.com", "same-origin", true},
		"plain HTTP":     {"kms.example.com", "", false},
		"loopback":       {"127.0.0.1:8020", "same-origin", false},
		"loopback, IPv6": {"[::1]:8020", "same-origin", false},
		"localhost":      {"localhost", "same-origin", false},
	} {
		t.Run(name, func(t *testing.T) {
			res := send("POST", row.host, row.site, "/console/sign-in", form)
			if len(res.Cookies()) != 1 {
				t.Fatalf("got %d %v, want a cookie", res.StatusCode, res.Cookies())
			}
			c := res.Cookies()[0]
			if c.Secure != row.secure || strings.HasPrefix(c.Name, "__Host-") != row.secure {
				t.Errorf("got %v, want Secure: %t", c, row.secure)
			}
			if res := send("GET", row.host, row.site, "/console/keys", "", c); res.StatusCode != http.StatusOK {
				t.Errorf("with the cookie: got %d", res.StatusCode)
			}
			c.Name = strings.TrimPrefix(c.Name, "__Host-")
			if res := send("GET", row.host, row.site, "/console/keys", "", c); row.secure && res.StatusCode != http.StatusSeeOther {
				t.Errorf("with a cookie that anybody could have set: got %d", res.StatusCode)
			}
		})
	}
}

// arrive is a request as a proxy sends it on. Headers that are empty are not sent.
func arrive(s *kmstest.Server, method, host, path, body string, header http.Header, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	hr := httptest.NewRequest(method, path, strings.NewReader(body))
	hr.Host = host
	hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name := range header {
		if value := header.Get(name); value != "" {
			hr.Header.Set(name, value)
		}
	}
	for _, c := range cookies {
		hr.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, hr)
	return w
}
