package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"qkms/internal/seal"
)

// A session is who is signed in: temporary credentials, sealed into a cookie. The server keeps nothing of it, so every
// node knows it, and a restart ends none. It ends with its credentials, whatever the cookie says.
type session struct {
	AccessKeyID string
	Secret      string
	Token       string
	Arn         string
	Account     string
	Region      string
	Expires     time.Time
	CSRF        string // what forms of this session bring back
}

// sealedUnder is the name that sessions are sealed under, with the KEK: rotating that ends them all. It is another
// than that of session tokens, which travel in headers and presigned URLs and shall not do for a cookie.
var sealedUnder = seal.AD{Key: []byte("console session v1"), Ver: 1, Schema: 1}

var cookieText = base64.RawURLEncoding.Strict()

// maxCookie is how long browsers take a cookie to be, name and value (RFC 6265 §6.1: at least 4,096 bytes).
const maxCookie = 4096

// cookieName is a name that another host of the same domain, or a page over plain HTTP, cannot set (RFC 6265bis §4.1.3.2).
// Over plain HTTP, which is loopback's, there is no such name.
func (s *Console) cookieName(hr *http.Request) string {
	if s.overTLS(hr) {
		return "__Host-qkms-console"
	}
	return "qkms-console"
}

// cookie returns a cookie of value that lasts until expires; the zero time removes it.
func (s *Console) cookie(hr *http.Request, name, value string, expires time.Time) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: s.overTLS(hr), HttpOnly: true, SameSite: http.SameSiteStrictMode, Expires: expires}
	if expires.IsZero() {
		c.MaxAge = -1
	}
	return c
}

// begin signs the visitor in.
func (v *visit) begin(s *session) error {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	s.CSRF = cookieText.EncodeToString(random[:])
	return v.keep(s)
}

// keep makes s the session from now on.
func (v *visit) keep(s *session) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	defer clear(plain)
	c := v.cookie(v.hr, v.cookieName(v.hr), cookieText.EncodeToString(v.Book.Ring().Seal(sealedUnder, plain)), s.Expires)
	if len(c.Name)+len(c.Value) > maxCookie {
		return &Refusal{Status: http.StatusRequestHeaderFieldsTooLarge, Code: "SessionTooLarge", Message: "These temporary credentials are too long for a browser's cookie: their session has too many tags, or too long a policy. Sign in with others."}
	}
	http.SetCookie(v.w, c)
	v.session = s
	return nil
}

// resume returns who is signed in, or nil. Whatever a stranger has put into the cookie is nobody.
func (s *Console) resume(hr *http.Request) *session {
	c, err := hr.Cookie(s.cookieName(hr))
	if err != nil {
		return nil
	}
	sealed, err := cookieText.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	plain, err := s.Book.OpenKept(hr.Context(), sealedUnder, sealed)
	if err != nil {
		return nil
	}
	defer clear(plain)
	var who session
	if json.Unmarshal(plain, &who) != nil || !s.Now().Before(who.Expires) {
		return nil
	}
	return &who
}

// owns reports whether a form is of a page of this session. SameSite and Sec-Fetch-Site say so too, of browsers that know them.
func (s *session) owns(csrf string) bool {
	return subtle.ConstantTimeCompare([]byte(csrf), []byte(s.CSRF)) == 1
}

// signOut ends the session in this browser.
func (v *visit) signOut() {
	http.SetCookie(v.w, v.cookie(v.hr, v.cookieName(v.hr), "", time.Time{}))
	v.session = nil
}
