package console

import (
	"errors"
	"net/http"
	"strings"

	"qkms/internal/oversight"
)

// A signInForm is what was typed, to be corrected. The secret is typed again.
type signInForm struct {
	AccessKeyID string
	Token       string
	Region      string
	To          string
	Provider    string // where one can sign in instead, by its host; "": nowhere
	Refusal     *Refusal
}

func (v *visit) signInPage() error {
	to := back(v.hr.URL.Query().Get("to"))
	if v.session != nil {
		return v.redirect(to)
	}
	return v.page("sign-in", "Sign in", signInForm{Region: v.Region, To: to, Provider: v.providerHost()})
}

// signInNow takes an access key for a session. The secret signs one request, in memory, and is forgotten; the
// pipeline says, and records, whether it is right.
func (v *visit) signInNow() error {
	f := v.hr.PostForm
	form := signInForm{
		AccessKeyID: strings.TrimSpace(f.Get("access-key-id")), Token: strings.TrimSpace(f.Get("session-token")),
		Region: strings.TrimSpace(f.Get("region")), To: back(f.Get("to")), Provider: v.providerHost(),
	}
	s := &session{AccessKeyID: form.AccessKeyID, Secret: strings.TrimSpace(f.Get("secret")), Token: form.Token, Region: form.Region}
	err := v.login(s)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		form.Refusal = refusal
		v.show(http.StatusForbidden, "sign-in", "Sign in", form)
		return nil
	}
	if err != nil {
		return err
	}
	return v.redirect(form.To)
}

// login makes s a session: of an access key one with temporary credentials, of temporary ones as long as they last.
func (v *visit) login(s *session) error {
	if err := v.unserved(s.Region); err != nil {
		return err
	}
	var login oversight.Login
	e, err := v.client.query(s, v.hr, oversight.Signing, "ConsoleLogin", nil)
	if err != nil {
		return err
	}
	if err := e.read(&login); err != nil {
		return err
	}
	s.Arn, s.Account, s.Expires = login.Arn, login.Account, login.Expires
	if login.AccessKeyId != "" {
		s.AccessKeyID, s.Secret, s.Token = login.AccessKeyId, login.SecretAccessKey, login.SessionToken
	}
	return v.begin(s)
}

func (v *visit) signOutNow() error {
	v.signOut()
	return v.redirect("/console/sign-in")
}
