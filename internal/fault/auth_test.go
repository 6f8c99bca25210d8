package fault_test

import (
	"strings"
	"testing"
	"time"

	"qkms/internal/fault"
)

// These texts end in logs and in the audit record: no signature and no password, whatever the form.
func TestTextsHideSecrets(t *testing.T) {
	const secret = "deadbeef"
	for name, header := range map[string]string{
		"a signature":                "AWS4-HMAC-SHA256 Credential=x, Signature=" + secret,
		"a signature in lower case":  "AWS4-HMAC-SHA256 signature=" + secret + ", Credential=x",
		"a signature, badly written": "AWS4-HMAC-SHA256 Signature " + secret,
		"a password":                 "Basic " + secret,
		"a bearer token":             "Bearer " + secret + "==",
		"nothing but a token":        secret,
	} {
		piece := header[strings.IndexByte(header, ' ')+1:]
		for _, f := range []*fault.Error{
			fault.NoEqualSign(piece, header),
			fault.BadAuthorizationPart(piece, header),
			fault.AuthorizationLacks([]string{"Credential"}, true, header),
		} {
			if strings.Contains(f.Text, secret) {
				t.Errorf("%s: got it quoted: %s", name, f.Text)
			}
		}
	}
}

func TestTextsAreBounded(t *testing.T) {
	long := strings.Repeat("\xff", 1<<20)
	header := "AWS4-HMAC-SHA256 " + long
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	var scope fault.Misscoped
	scope.Region(long)
	scope.Service("kms")
	scope.Terminator(long)
	scope.Date(long, now.Format("20060102T150405Z"))
	for _, err := range []error{
		fault.NoEqualSign(long, header), fault.BadAuthorizationPart(long, header),
		fault.AuthorizationLacks(nil, true, header), fault.BadDate(long), fault.UnsupportedAlgorithm(long),
		fault.CredentialElements(long), scope.Err(),
	} {
		if got := len(err.Error()); got > 5000 {
			t.Errorf("got %d bytes, want 5000 at most: %.80s…", got, err)
		}
	}
}
