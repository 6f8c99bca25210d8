package console

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// scheme is https where the browser sees that, be it that a proxy in front ends it: Config.URL says so, or the browser. Browsers say where a
// request comes from (Sec-Fetch-Site) to addresses of https alone, and to loopback (W3C Fetch Metadata §2). Who sends that from
// elsewhere makes cookies of their own unfit, and nobody else's.
func (s *Console) scheme(hr *http.Request) string {
	switch {
	case s.URL != nil:
		return s.URL.Scheme
	case hr.TLS != nil || !toLoopback(hr) && hr.Header.Get("Sec-Fetch-Site") != "":
		return "https"
	}
	return "http"
}

// host is what the browser calls this server, with the port if it is another than the scheme's.
func (s *Console) host(hr *http.Request) string {
	if s.URL != nil {
		return s.URL.Host
	}
	return hr.Host
}

// origin is how browsers say that a form is of a page at u (RFC 6454 §6.2).
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// errForeign is of a form at another address than Config.URL.
var errForeign = errors.New("the form is not of a page at the console's address")

// fromElsewhere is why a request is not taken as one of our pages. With Config.URL these are pages at that address alone: the Host that comes
// here is then a name behind the proxy, and what a browser has from that name, be it this console, is another site.
func (s *Console) fromElsewhere(hr *http.Request) error {
	from := hr.Header.Get("Origin")
	if s.URL != nil && hr.Method == http.MethodPost && from != "" && from != origin(s.URL) {
		return errForeign
	}
	return s.foreign.Check(hr)
}

// renamed is the Host of a request that came by Config.URL, if the proxy there has made it another; "" otherwise.
func (s *Console) renamed(hr *http.Request) string {
	if s.URL == nil || strings.EqualFold(hr.Host, s.URL.Host) || strings.EqualFold(hr.Host, s.URL.Host+":"+map[string]string{"https": "443", "http": "80"}[s.URL.Scheme]) {
		return ""
	}
	return hr.Host
}

// overTLS reports whether the browser sees https.
func (s *Console) overTLS(hr *http.Request) bool { return s.scheme(hr) == "https" }

// endpoint is the address of the API as this browser reached it, which is that of the console.
func (v *visit) endpoint() string { return v.scheme(v.hr) + "://" + v.host(v.hr) }

// toLoopback reports whether the browser asks this machine by its own address.
func toLoopback(hr *http.Request) bool {
	host, _, err := net.SplitHostPort(hr.Host)
	if err != nil {
		host = strings.Trim(hr.Host, "[]")
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}
