package op

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"qkms/internal/record/recordpb"
)

// However a custom key store is printed, alone or inside what holds it, neither its password nor the
// secret of its credential comes out.
func TestKeyStorePrintsNoSecret(t *testing.T) {
	const secret = "Xq7secretXq7"
	s := keyStoreOf(&recordpb.KeyStore{Name: "store", Password: secret, CredentialSecret: secret}, 1)
	held := []any{
		s, &s, s.edit(), s.secrets, &s.secrets, []keyStore{s}, map[string]keyStore{"s": s}, s.secrets.or(s.secrets),
		struct{ S keyStore }{s}, struct{ s keyStore }{s}, struct{ s *keyStore }{&s}, &struct{ s []keyStore }{[]keyStore{s}},
	}
	var out bytes.Buffer
	for _, v := range held {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("store", "value", v)
		}
	}
	for _, leak := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret))} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("got %s printed", leak)
		}
	}
	if !strings.Contains(out.String(), keyStorePlaceholder) {
		t.Errorf("got no placeholder in %s", out.String())
	}
	if got, err := json.Marshal(s.secrets); err == nil {
		t.Errorf("as JSON: got %s, want a refusal", got)
	}
	if got := s.whole(); got.Password != secret || got.CredentialSecret != secret {
		t.Error("got a record without its secrets, want them in what is stored")
	}
}
