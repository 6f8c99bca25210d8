package authn_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"qkms/internal/authn"
)

// However a secret is printed, alone or inside what holds it, its bytes do not come out.
func TestSecretDoesNotPrint(t *testing.T) {
	const text = "wJalrXUtnFEMI"
	secret := authn.NewSecret([]byte(text))
	holders := []any{
		secret, &secret, authn.Credential{Secret: secret}, &authn.Credential{Secret: secret},
		[]authn.Secret{secret}, map[string]authn.Secret{"s": secret}, struct{ s authn.Secret }{secret},
	}
	forms := []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text)), fmt.Sprintf("%#v", []byte(text))}
	look := func(how, out string) {
		t.Helper()
		for _, form := range forms {
			if strings.Contains(out, strings.Trim(form, "[]")) {
				t.Errorf("%s: got the bytes in %q", how, out)
			}
		}
	}
	for _, h := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t"} {
			look(verb, fmt.Sprintf(verb, h))
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", h)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "k", h)
		look("slog", out.String())
		doc, _ := json.Marshal(h)
		look("json", string(doc))
	}
	if _, err := json.Marshal(secret); err == nil {
		t.Error("json: got no error, want a refusal")
	}
}

// The caller of NewSecret may wipe what it passed.
func TestSecretIsACopy(t *testing.T) {
	b := []byte(secretOfAlice)
	kept := authn.NewSecret(b)
	clear(b)
	w := newWorld()
	w.known[idOfAlice].Secret = kept
	if _, err := w.verify(request(idOfAlice, secretOfAlice)); err != nil {
		t.Errorf("got %v, want it accepted", err)
	}
}
