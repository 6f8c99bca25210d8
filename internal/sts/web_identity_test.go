package sts_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// withProvider is a server whose account has registered p, and whose reader trusts one subject of it.
func withProvider(t *testing.T, p *provider, o kmstest.Options) *kmstest.Server {
	t.Helper()
	o.OIDC = p.config()
	s := kmstest.With(t, o)
	s.As(kmstest.Account).MustIAM("CreateOpenIDConnectProvider", "Url", p.URL, "ClientIDList.member.1", "qkms")
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader",
		Trust: statements(trusts(`{"Federated":"`+p.arn()+`"}`, `["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]`,
			`"StringEquals":{"`+p.name()+`:aud":"qkms"},"StringLike":{"`+p.name()+`:sub":"pod-*"}`)),
		Inline: inline(statements(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"ArnLike":{"aws:FederatedProvider":"arn:aws:iam::*:oidc-provider/127.0.0.1:*"}}}`))})
	return s
}

func withToken(t *testing.T, s *kmstest.Server, token string, more ...string) *kmstest.Reply {
	t.Helper()
	return unsigned(t, http.DefaultClient, s.URL, "AssumeRoleWithWebIdentity",
		append([]string{"RoleArn", reader, "RoleSessionName", "pod", "WebIdentityToken", token}, more...)...)
}

// A workload shows the token of its provider, and has a session of a role that trusts it (access.md §2.4).
func TestWebIdentity(t *testing.T) {
	p := newProvider(t)
	var log bytes.Buffer
	s := withProvider(t, p, kmstest.Options{Log: &log})
	token := p.token(s.Clock.Now(), nil)
	r := withToken(t, s, token)
	c := sessionOf(t, s, r)
	c.Must("ListKeys", `{}`)
	for name, want := range map[string]string{
		"SubjectFromWebIdentityToken": "pod-1", "Audience": "qkms", "Provider": p.arn(), "Arn": "arn:aws:sts::111122223333:assumed-role/reader/pod",
	} {
		if got := r.Text(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := at(record(t, s, "ListKeys"), "userIdentity", "sessionContext", "webIdFederationData", "federatedProvider"); got != p.arn() {
		t.Errorf("the session's provider: got %s, want %s", got, p.arn())
	}
	rec := record(t, s, "AssumeRoleWithWebIdentity")
	for _, row := range []struct {
		path []string
		want string
	}{
		{[]string{"userIdentity", "type"}, "WebIdentityUser"},
		{[]string{"userIdentity", "principalId"}, p.name() + ":qkms:pod-1"},
		{[]string{"userIdentity", "userName"}, "pod-1"},
		{[]string{"userIdentity", "identityProvider"}, p.arn()},
		{[]string{"requestParameters", "roleSessionName"}, "pod"},
		{[]string{"requestParameters", "webIdentityToken"}, "null"},
		{[]string{"responseElements", "credentials", "accessKeyId"}, c.AccessKeyID},
		{[]string{"recipientAccountId"}, kmstest.Account},
	} {
		if got := at(rec, row.path...); got != row.want {
			t.Errorf("%v: got %s, want %s", row.path, got, row.want)
		}
	}
	withToken(t, s, strings.Repeat("x", 20001))
	withToken(t, s, p.forged(s.Clock.Now()))
	for _, e := range s.Records() {
		log.Write(e.Line)
	}
	for _, secret := range []string{strings.Split(token, ".")[1], strings.Split(token, ".")[2], c.Secret, c.Token[:40], "xxxxxxxx"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the audit log or the operator's", secret)
		}
	}
}

// Whose token is not good, or not for this role, is told in AWS's words.
func TestWebIdentityRefused(t *testing.T) {
	p, stranger := newProvider(t), newProvider(t)
	s := withProvider(t, p, kmstest.Options{})
	now := s.Clock.Now()
	const notAuthorized = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	for _, row := range []struct {
		name, token string
		more        []string
		status      int
		code, says  string
	}{
		{"another subject", p.token(now, map[string]any{"sub": "job-1"}), nil, 403, "AccessDenied", notAuthorized},
		{"a role that is not there", p.token(now, nil), []string{"RoleArn", "arn:aws:iam::111122223333:role/none"}, 403, "AccessDenied", notAuthorized},
		{"a role of an account without the provider", p.token(now, nil), []string{"RoleArn", "arn:aws:iam::444455556666:role/apps/reader"}, 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + p.URL},
		{"a provider nobody has registered", stranger.token(now, nil), nil, 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + stranger.URL},
		{"another's word for it", stranger.token(now, map[string]any{"iss": p.URL}), nil, 400, "InvalidIdentityToken", "signature"},
		{"expired", p.token(now, map[string]any{"exp": now.Unix() - 1}), nil, 400, "ExpiredTokenException", "Token expired: current date/time "},
		{"not yet valid", p.token(now, map[string]any{"nbf": now.Unix() + 3600}), nil, 400, "InvalidIdentityToken", "Token not yet valid"},
		{"another audience", p.token(now, map[string]any{"aud": "else"}), nil, 400, "InvalidIdentityToken", "Incorrect token audience"},
		{"no audience", p.token(now, map[string]any{"aud": nil}), nil, 400, "InvalidIdentityToken", "Missing a required claim: aud"},
		{"alg none", p.forged(now), nil, 400, "InvalidIdentityToken", "not a valid JWT"},
		{"no token", "abcd", nil, 400, "InvalidIdentityToken", "not a valid JWT"},
		{"an empty one", "", nil, 400, "ValidationError", "Value '***' at 'webIdentityToken'"},
		{"a provider of OAuth 2.0", p.token(now, nil), []string{"ProviderId", "www.amazon.com"}, 400, "InvalidParameterValue", "ProviderId"},
		{"tags that are none", p.token(now, map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a\nb": []string{"x"}}}}), nil, 400, "InvalidIdentityToken", "https://aws.amazon.com/tags"},
		{"a source identity that is none", p.token(now, map[string]any{"https://aws.amazon.com/source_identity": "a b"}), nil, 400, "InvalidIdentityToken", "source_identity"},
		{"longer than the role lets", p.token(now, nil), []string{"DurationSeconds", "3601"}, 400, "ValidationError", "MaxSessionDuration"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := len(s.Records())
			told(t, withToken(t, s, row.token, row.more...), row.status, row.code, row.says)
			if got := len(s.Records()) - before; got != 1 {
				t.Errorf("got %d records, want 1", got)
			}
		})
	}
	if got := stranger.times(); got != 0 {
		t.Errorf("a provider nobody has registered was asked %d times", got)
	}
}

// A token can bring tags and a source identity, which the trust policy has to allow.
func TestWebIdentityTags(t *testing.T) {
	p := newProvider(t)
	s := withProvider(t, p, kmstest.Options{})
	token := p.token(s.Clock.Now(), map[string]any{
		"https://aws.amazon.com/source_identity": "al",
		"https://aws.amazon.com/tags":            map[string]any{"principal_tags": map[string]any{"team": []string{"a"}}, "transitive_tag_keys": []string{"team"}},
	})
	r := withToken(t, s, token)
	sessionOf(t, s, r).Must("ListKeys", `{}`)
	if got := at(record(t, s, "ListKeys"), "userIdentity", "sessionContext", "sourceIdentity"); got != "al" {
		t.Errorf("source identity: got %s, want al", got)
	}
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", Trust: statements(trusts(`{"Federated":"`+p.arn()+`"}`, `"sts:AssumeRoleWithWebIdentity"`, ""))})
	told(t, withToken(t, s, token), 403, "AccessDenied", "Not authorized to perform sts:TagSession")
	sessionOf(t, s, withToken(t, s, p.token(s.Clock.Now(), nil)))
}

// Keys of a provider change, and one that hangs is asked once in a while whatever comes.
func TestProviderRotatesAndHangs(t *testing.T) {
	p := newProvider(t)
	s := withProvider(t, p, kmstest.Options{})
	sessionOf(t, s, withToken(t, s, p.token(s.Clock.Now(), nil)))
	s.Clock.Advance(time.Minute)
	p.rotate("two")
	sessionOf(t, s, withToken(t, s, p.token(s.Clock.Now(), nil)))

	s.Clock.Advance(time.Minute)
	goOn := p.hang()
	defer goOn()
	p.rotate("three")
	before := p.times()
	for range 5 {
		told(t, withToken(t, s, p.token(s.Clock.Now(), nil)), 400, "IDPCommunicationError", "could not be reached")
	}
	if got := p.times() - before; got != 1 {
		t.Errorf("a provider that hangs was asked %d times, want once", got)
	}
}

// The half of the audit log that is closed to strangers stays closed to who has a token of a provider that roles
// trust for others.
func TestTokensOfOthersFillHalfTheSpool(t *testing.T) {
	p := newProvider(t)
	s := withProvider(t, p, kmstest.Options{AuditSpool: 64 << 10})
	token := p.token(s.Clock.Now(), map[string]any{"sub": "anybody"})
	for range 200 {
		if r := withToken(t, s, token); r.Status >= 500 {
			s.As(kmstest.Account).Must("ListKeys", `{}`)
			return
		}
	}
	t.Error("strangers were answered without end")
}

// Some issuers end in a slash, which the name that IAM registers has not.
func TestIssuerWithSlash(t *testing.T) {
	p := newProvider(t)
	p.ends = "/"
	s := withProvider(t, p, kmstest.Options{})
	sessionOf(t, s, withToken(t, s, p.token(s.Clock.Now(), nil)))
}
