package console_test

import (
	"net/http"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// Temporary credentials of a user are none for IAM. Whoever signed in with them does without its pages, and stays signed in.
func TestCredentialsThatIAMRefuses(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), Operators: []string{kmstest.Account}})
	key := s.As(kmstest.Account).Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	r := s.As(kmstest.Account).Query("sts", "GetSessionToken")
	borrowed := &kmstest.Client{Server: s, AccessKeyID: r.Text("AccessKeyId"), Secret: r.Text("SecretAccessKey"), Token: r.Text("SessionToken"), Region: kmstest.Region}
	b := signedIn(t, borrowed)
	for _, path := range []string{
		"/console/keys", "/console/keys/" + key, "/console/keys/" + key + "/policy", "/console/keys/" + key + "/grants", "/console/create-key",
		"/console/identities/users", "/console/identities/users/ann", "/console/identities/users/ann/delete", "/console/identities/roles/app", "/console/identities/policies",
		"/console/identities/policy?arn=arn:aws:iam::aws:policy/AdministratorAccess", "/console/identities/providers", "/console/identities/provider?arn=x", "/console/explain", "/console/try/Encrypt", "/console/audit", "/console/cluster", "/console/charts",
	} {
		if p := b.get(path); strings.Contains(p.text, "Secret access key") {
			t.Errorf("%s: signed out", path)
			b = signedIn(t, borrowed)
		} else if !strings.HasPrefix(path, "/console/identities") {
			p.want(http.StatusOK)
		}
	}
}
