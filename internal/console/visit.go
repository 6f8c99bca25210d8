package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// A visit is one request of a browser, and what a page is made with.
type visit struct {
	*Console
	w       http.ResponseWriter
	hr      *http.Request
	session *session // nil: nobody is signed in
}

// kms performs one operation of KMS as the one who is signed in: in is encoded as JSON, the answer decoded into out,
// which may be nil. The error of a refused one is a *Refusal.
func (v *visit) kms(operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	e, err := v.client.kms(v.session, v.hr, operation, body)
	if err != nil {
		return err
	}
	return e.read(out)
}

// query is kms of another service, "iam", "sts" or "qkms"; parameters are names and values by turns.
func (v *visit) query(service, action string, out any, parameters ...string) error {
	form := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	e, err := v.client.query(v.session, v.hr, service, action, form)
	if err != nil {
		return err
	}
	err = e.read(out)
	if r := refusalOf(err); r != nil && r.over() && service == "iam" && v.query("sts", "GetCallerIdentity", nil) == nil {
		return notForIAM(r)
	}
	return err
}

// notForIAM is what IAM says to the temporary credentials of a user or a root user, in words that do not end the session: to
// IAM they are none, whatever else they are good for.
func notForIAM(r *Refusal) *Refusal {
	return &Refusal{
		Status: http.StatusForbidden, Code: "AccessDenied", RequestID: r.RequestID,
		Message: "IAM does not take the temporary credentials of a user or a root user. Sign in with an access key, or as a session of a role.",
	}
}

// show sends a page.
func (v *visit) show(status int, name, title string, data any) {
	if err := v.pages.render(v.w, status, name, frame{Title: title, Path: v.hr.URL.Path, Session: v.session, Flash: v.flash(), Data: data}); err != nil {
		v.Logger.ErrorContext(v.hr.Context(), "page of the console failed", "page", name, "error", err)
		http.Error(v.w, "The console could not make this page. The server's log says why.", http.StatusInternalServerError)
	}
}

// page is show of what there is.
func (v *visit) page(name, title string, data any) error {
	v.show(http.StatusOK, name, title, data)
	return nil
}

// done goes on to a page after something was done, which says so once.
func (v *visit) done(to, said string) error {
	http.SetCookie(v.w, v.cookie(v.hr, v.flashName(v.hr), flashText(said), v.session.Expires))
	http.Redirect(v.w, v.hr, to, http.StatusSeeOther)
	return nil
}

// flashName is as good a name as that of the session: nobody else's words are to stand where the console says what was done.
func (s *Console) flashName(hr *http.Request) string { return s.cookieName(hr) + "-said" }

// maxFlash is how long what is said may be as a cookie has it, in bytes. A browser drops a cookie beyond 4 KiB without a word, and
// common proxies refuse a line of cookies beyond 8, of which the session may take one half.
const maxFlash = 1024

// flashText is said as a cookie may have it: the end of what is too long is left out, and a mark says so.
func flashText(said string) string {
	if whole := url.QueryEscape(said); len(whole) <= maxFlash {
		return whole
	}
	mark := url.QueryEscape("…")
	var b strings.Builder
	for len(said) > 0 {
		_, size := utf8.DecodeRuneInString(said)
		next := url.QueryEscape(said[:size])
		if len(next) > maxFlash-len(mark)-b.Len() {
			break
		}
		b.WriteString(next)
		said = said[size:]
	}
	return b.String() + mark
}

// flash takes what the last page left to say.
func (v *visit) flash() string {
	c, err := v.hr.Cookie(v.flashName(v.hr))
	if err != nil || c.Value == "" {
		return ""
	}
	http.SetCookie(v.w, v.cookie(v.hr, v.flashName(v.hr), "", time.Time{}))
	said, _ := url.QueryUnescape(c.Value)
	return said
}

// signIn asks the visitor to, and comes back to this page: of those that can be come back to.
func (v *visit) signIn() {
	to := "/console/sign-in"
	if v.hr.Method == http.MethodGet && v.hr.URL.Path != "/console/" {
		to += "?to=" + url.QueryEscape(v.hr.URL.RequestURI())
	}
	http.Redirect(v.w, v.hr, to, http.StatusSeeOther)
}

// back is a path of ours that a form names to come back to; anything else is the front page. An address that
// begins with two slashes, or a backslash, is another site's.
func back(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || strings.Contains(to, `\`) || !strings.HasPrefix(to, "/console/") && !strings.HasPrefix(to, "/docs/") {
		return "/console/"
	}
	return to
}

// redirect goes on to another page of ours.
func (v *visit) redirect(to string) error {
	http.Redirect(v.w, v.hr, to, http.StatusSeeOther)
	return nil
}
