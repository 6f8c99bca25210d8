// Package console is the web console: pages for people, each made of signed requests to the pipeline.
//
// routes is the map. A page is one file beside a template of the same name in pages; visit.go is what pages are
// given, session.go who is signed in, client.go the way to the pipeline. The console has no door of its own: what
// it shows and does is what the one who is signed in may see and do, by requests that are authenticated,
// authorized and recorded like everybody's.
package console

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"qkms/internal/authn/webidentity"
	"qkms/internal/key"
	"qkms/internal/record"
)

// Config is what a Console stands on.
type Config struct {
	API     http.Handler // the pipeline; called with requests that are complete and signed
	Book    *record.Book // whose keys seal sessions
	Now     func() time.Time
	Region  string    // in which whoever signs in is at first
	Regions []string  // that are served; nil: every well-formed one
	Style   key.Style // of ARNs in the API reference
	URL     *url.URL  // under which people reach it, whatever Host a proxy in front makes of that: scheme and host; nil: as each request says
	Logger  *slog.Logger

	OIDC          *OIDC                 // nil: people sign in with access keys alone
	WebIdentities *webidentity.Verifier // asks the provider of OIDC, and verifies what it says
}

// A Console is the http.Handler of the pages, and of nothing else. Its methods may be called concurrently.
type Console struct {
	Config
	client  client
	party   relyingParty
	pages   *pages
	assets  *assets
	mux     *http.ServeMux
	foreign *http.CrossOriginProtection
}

// New returns a console. It does no I/O.
func New(c Config) (*Console, error) {
	a, err := newAssets()
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	p, err := newPages(a)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	foreign := http.NewCrossOriginProtection()
	if c.URL != nil { // browsers that do not say Sec-Fetch-Site name it as Origin, which is not the Host that comes here
		if err := foreign.AddTrustedOrigin(origin(c.URL)); err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
	}
	s := &Console{Config: c, client: client{c.API, c.Now}, pages: p, assets: a, mux: http.NewServeMux(), foreign: foreign}
	s.mux.Handle("GET "+assetsPath, a)
	for _, r := range append(s.routes(), identityRoutes()...) {
		s.mux.Handle(r.pattern, s.handle(r))
	}
	return s, nil
}

// A route is one page, or one thing that a page does.
type route struct {
	pattern string // as http.ServeMux has it
	serve   func(*visit) error
	open    bool // to who is not signed in
	files   bool // its form may bring some, as multipart/form-data
}

// Over serves what belongs to the console, and leaves everything else to next.
func (s *Console) Over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		if !Owns(hr) {
			next.ServeHTTP(w, hr)
			return
		}
		s.ServeHTTP(w, hr)
	})
}

// Owns reports whether hr is for the console and not for the API, whose only path is "/".
func Owns(hr *http.Request) bool {
	p := hr.URL.Path
	return p == "/console" || strings.HasPrefix(p, "/console/") || p == "/docs" || strings.HasPrefix(p, "/docs/")
}

// Busy answers a request that the service has no time for, if it is for the console, and reports whether it is.
func (s *Console) Busy(w http.ResponseWriter, hr *http.Request) bool {
	if !Owns(hr) {
		return false
	}
	guard(w.Header())
	w.Header().Set("Retry-After", "5")
	http.Error(w, "The service is busy. Load this page again in a few seconds; nothing was done.", http.StatusServiceUnavailable)
	return true
}

// ServeHTTP implements http.Handler.
func (s *Console) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	guard(w.Header())
	if err := s.fromElsewhere(hr); err != nil {
		http.Error(w, "This came from another site. Open the console and do it there: "+s.scheme(hr)+"://"+s.host(hr)+"/console/", http.StatusForbidden)
		return
	}
	s.mux.ServeHTTP(w, hr)
}

// guard sets what every answer has. No script but our file runs, whatever a tag or a description says; no other site may
// frame a page and have its buttons pressed; and what was on the screen is in no cache.
//
// There is no Strict-Transport-Security, which is not of an address but of a host name, on all of its ports (RFC 6797 §8.3). Here that
// name is often a machine's, with other services in plain HTTP on it, our own --metrics-listen first of all: people would be locked out
// of those, until max-age is over, and with no way past a certificate of their own making that has lapsed (§12.1). What it would give is
// little here: our port speaks nothing but TLS, and no cookie of ours goes over anything else (__Host-). Who gives the console a host
// name of its own has what ends TLS for that name send it (docs/console.md).
func guard(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// maxForm is how long a form may be, in bytes: a key policy of 32 KiB, percent-encoded, and room.
const maxForm = 256 << 10

// handle is the life of a visit: who, whether it is from a page of ours, what, and then the page or why not.
func (s *Console) handle(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		v := &visit{Console: s, w: w, hr: hr}
		v.session = s.resume(hr)
		if v.session == nil && !r.open {
			v.signIn()
			return
		}
		if hr.Method == http.MethodPost { // the routes have no others but GET, and HEAD with it
			hr.Body = http.MaxBytesReader(w, hr.Body, maxForm)
			if err := r.parse(hr); err != nil {
				v.fail(&Refusal{Status: http.StatusBadRequest, Code: "MalformedForm", Message: fmt.Sprintf("The form could not be read; it may have %d KiB.", maxForm>>10)})
				return
			}
			if !r.open && !v.session.owns(hr.PostForm.Get("csrf")) {
				v.fail(&Refusal{Status: http.StatusForbidden, Code: "StalePage", Message: "This page is older than your session. Go back, load it again, and repeat what you did."})
				return
			}
		}
		if err := r.serve(v); err != nil {
			v.fail(err)
		}
	})
}

// parse reads the form. Files in it are in memory, where maxForm bounds them: nothing that was sent is left on a disk.
func (r route) parse(hr *http.Request) error {
	if kind, _, _ := strings.Cut(hr.Header.Get("Content-Type"), ";"); r.files && strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data") {
		return hr.ParseMultipartForm(maxForm)
	}
	return hr.ParseForm()
}

// fail shows what went wrong. Only refusals are for the one who asked; anything else is the operator's to hear.
func (v *visit) fail(err error) {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		v.Logger.ErrorContext(v.hr.Context(), "page of the console failed", "path", v.hr.URL.Path, "error", err)
		refusal = &Refusal{Status: http.StatusInternalServerError, Code: "InternalError", Message: "The console could not make this page. The server's log says why."}
	}
	if refusal.over() { // the credentials ended before the session did: somebody took them away
		if refusal = refusalOf(v.outside()); refusal == nil {
			v.signOut()
			v.signIn()
			return
		}
	}
	v.show(refusal.status(), "error", "Not done", refusal)
}
