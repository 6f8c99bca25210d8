package webidentity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// mostBytes is how much of a provider's answer is read.
const mostBytes = 1 << 20

// errRefused is a provider that cannot be used as it is: asking again will not help.
var errRefused = errors.New("refused")

// URL returns issuer without its scheme, as accounts register it, and whether it is an issuer whose
// tokens can be verified: one of https, with nothing in it that two readers could see differently.
func (v *Verifier) URL(issuer string) (url string, ok bool) {
	u, ok := v.plainURL(issuer)
	if !ok || u.RawQuery != "" || u.ForceQuery {
		return "", false
	}
	return strings.TrimPrefix(issuer, u.Scheme+"://"), true
}

// plainURL parses an address that may be asked: of https, or of http on this machine where that is allowed.
func (v *Verifier) plainURL(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" || strings.Contains(s, "#") || u.String() != s {
		return nil, false
	}
	return u, u.Scheme == "https" || u.Scheme == "http" && v.loopback && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Reachable tells whether providers may be asked at addr. The administrators of accounts choose it, and
// the server asks from inside of its network: neither this machine nor its link is for them, where the
// metadata services of clouds hand out the machine's own credentials. Private networks are allowed, for
// that is where self-hosted providers are; what answers there without a certificate is not heard.
func Reachable(addr netip.Addr) bool {
	addr = addr.Unmap() // ::ffff:169.254.169.254 is 169.254.169.254
	return addr.IsValid() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() && !addr.IsMulticast() &&
		!addr.IsUnspecified() && !slices.ContainsFunc(never, func(p netip.Prefix) bool { return p.Contains(addr) })
}

var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),           // this host, on Linux
	netip.MustParsePrefix("255.255.255.255/32"),  // broadcast
	netip.MustParsePrefix("fd00:ec2::254/128"),   // a metadata service outside of the link
	netip.MustParsePrefix("100.100.100.200/32"),  // another
	netip.MustParsePrefix("64:ff9b::a9fe:0/112"), // 169.254.0.0/16 behind NAT64 (RFC 6052)
	netip.MustParsePrefix("64:ff9b::7f00:0/104"), // 127.0.0.0/8 behind NAT64
}

// reachable is asked with the address of each connection, after its name was looked up: a name that
// changes its mind between a check and its use gains nothing.
func (c Config) reachable(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: address %q", errRefused, address)
	}
	addr := at.Addr().WithZone("").Unmap()
	if Reachable(addr) || c.Loopback && addr.IsLoopback() ||
		slices.ContainsFunc(c.Allow, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return nil
	}
	return fmt.Errorf("%w: providers may not be asked at %s", errRefused, addr)
}

// newTransport returns one that verifies certificates and uses no proxy: reachable would see the
// proxy's address instead of the provider's.
func newTransport(c Config) *http.Transport {
	dialer := net.Dialer{Control: c.reachable}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true, // asked twice in a quarter of an hour
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// bounded passes on what is an answer: 200 OK, and so much of its body. A redirect is none, be it to
// where it may: what a provider publishes is where it said.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, statusError(answer.StatusCode)
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, mostBytes)
	return answer, nil
}

type statusError int

func (e statusError) Error() string { return fmt.Sprintf("answered HTTP %d", int(e)) }

// unreachable tells whether err, of asking a provider, may be gone when it is asked again. A certificate
// that does not verify will not be.
func unreachable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true // first: an answer that ran out of time may look like a bad one
	}
	if status, is := errors.AsType[statusError](err); is {
		return status >= 500 || status == http.StatusTooManyRequests
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is || errors.Is(err, errRefused) {
		return false
	}
	_, is := errors.AsType[*url.Error](err)
	return is
}
