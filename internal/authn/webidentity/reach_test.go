package webidentity_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"qkms/internal/authn/webidentity"
)

func TestReachable(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "192.168.0.1": true, "8.8.8.8": true, "fd00::1": true, "2001:db8::1": true,
		"169.254.169.254": false, "169.254.0.1": false, "fe80::1": false, "fe80::1%eth0": false, "::ffff:169.254.169.254": false,
		"fd00:ec2::254": false, "100.100.100.200": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::7f00:1": false,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "::ffff:127.0.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "::": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false,
	} {
		if got := webidentity.Reachable(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %t, want %t", addr, got, want)
		}
	}
	if webidentity.Reachable(netip.Addr{}) {
		t.Error("no address: got true, want false")
	}
}

func TestForbiddenAddress(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	roots := x509.NewCertPool()
	roots.AddCert(p.Certificate())
	for name, c := range map[string]struct {
		config webidentity.Config
		want   string
		asked  int64
	}{
		"loopback":          {webidentity.Config{Roots: roots}, noKey, 0},
		"loopback, allowed": {webidentity.Config{Roots: roots, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, "", 2},
		"another, allowed":  {webidentity.Config{Roots: roots, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}, noKey, 0},
	} {
		c.config.Now = new(clock).now
		v := webidentity.New(c.config)
		refused(t, verify(t, v, p, s), c.want)
		v.Close()
		if got := p.asked.Swap(0); got != c.asked {
			t.Errorf("%s: got %d requests, want %d", name, got, c.asked)
		}
	}
}

// Thumbprints or not: a provider whose certificate does not verify has no keys.
func TestCertificateOfNobodyWeTrust(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	v := webidentity.New(webidentity.Config{Now: new(clock).now, Roots: x509.NewCertPool(), Loopback: true})
	t.Cleanup(v.Close)
	refused(t, verify(t, v, p, s), noKey)
	if got := p.asked.Load(); got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
}

func TestPlainHTTP(t *testing.T) {
	s := ed("one")
	p := &provider{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.discovery = func(w http.ResponseWriter, _ *http.Request) { p.document(w, p.URL, p.URL+"/keys") }
	p.publish([]jose.JSONWebKey{s.jwk()}...)
	registered := webidentity.Provider{URL: strings.TrimPrefix(p.URL, "http://"), ClientIDs: []string{"qkms"}}
	for loopback, want := range map[bool]string{true: "", false: "InvalidIdentityTokenException: No OpenIDConnect provider found in your account for " + p.URL} {
		v := webidentity.New(webidentity.Config{Now: new(clock).now, Loopback: loopback, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		_, err := v.Verify(t.Context(), registered, s.token(p.claims()))
		refused(t, err, want)
		v.Close()
	}
}

func TestURL(t *testing.T) {
	strict, dev := webidentity.New(webidentity.Config{}), webidentity.New(webidentity.Config{Loopback: true})
	t.Cleanup(strict.Close)
	t.Cleanup(dev.Close)
	for issuer, want := range map[string]string{
		"https://issuer.example":              "issuer.example",
		"https://issuer.example/":             "issuer.example/",
		"https://issuer.example:8443/id/A%2F": "issuer.example:8443/id/A%2F",
		"https://[fd00::1]/x":                 "[fd00::1]/x",
		"http://issuer.example":               "",
		"http://127.0.0.1":                    "",
		"HTTPS://issuer.example":              "",
		"issuer.example":                      "",
		"https://":                            "",
		"https:///path":                       "",
		"https:issuer.example":                "",
		"https://me@issuer.example":           "",
		"https://issuer.example?x=y":          "",
		"https://issuer.example?":             "",
		"https://issuer.example#":             "",
		"https://issuer.example#x":            "",
		"https://issuer.example/a b":          "",
		"https://issuer.example:x":            "",
		"":                                    "",
	} {
		if got, ok := strict.URL(issuer); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", issuer, got, ok, want)
		}
	}
	for issuer, want := range map[string]string{
		"http://127.0.0.1:8080/realm": "127.0.0.1:8080/realm",
		"http://[::1]:8080":           "[::1]:8080",
		"http://localhost":            "localhost",
		"http://127.0.0.1.example":    "",
		"http://localhost.example":    "",
		"http://10.0.0.1":             "",
	} {
		if got, ok := dev.URL(issuer); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", issuer, got, ok, want)
		}
	}
}
