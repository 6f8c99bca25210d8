package console

import (
	"net"
	"net/http"
	"net/netip"
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
