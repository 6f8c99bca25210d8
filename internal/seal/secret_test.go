package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// leaks says whether b is in printed, in any of the ways that printing code could show it.
func leaks(printed string, b []byte) bool {
	for _, shape := range []string{
		string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		strings.Trim(fmt.Sprint(b), "[]"), strings.ReplaceAll(fmt.Sprint(b), " ", ", "),
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
		strings.Trim(fmt.Sprintf("%q", b), `"`),
		strings.Trim(fmt.Sprintf("%b", b), "[]"), strings.Trim(fmt.Sprintf("%o", b), "[]"),
	} {
		if strings.Contains(printed, shape) {
			return true
		}
	}
	return false
}

func printings(t *testing.T, v any) []string {
	t.Helper()
	var out []string
	for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
		for _, flag := range []string{"", "+", "#", " ", "0"} {
			out = append(out, fmt.Sprintf("%"+flag+string(verb), v))
		}
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("test", "v", v)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("test", "v", v)
	encoded, err := json.Marshal(v)
	if err != nil {
		encoded = []byte(err.Error())
	}
	return append(out, logged.String(), string(encoded))
}

func TestSecretsAreNotPrinted(t *testing.T) {
	b := []byte("these bytes shall not be printed")
	s := newSecret(b)
	type holder struct {
		Exported secret
		hidden   secret
		pointer  *secret
	}
	k := &keys{root: s, anchor: s, token: s, keks: map[uint32]secret{1: s}}
	values := map[string]any{
		"secret":            s,
		"pointer":           &s,
		"struct":            holder{s, s, &s},
		"pointer to struct": &holder{s, s, &s},
		"slice":             []secret{s},
		"map":               map[string]secret{"k": s},
		"keys":              k,
		"keys by value":     *k,
		"ring":              &Ring{keys: k},
	}
	for name, v := range values {
		for _, printed := range printings(t, v) {
			if leaks(printed, b) {
				t.Errorf("%s: printed as %s", name, printed)
			}
		}
	}
}

// The test above would notice.
func TestLeaksNoticesPlainBytes(t *testing.T) {
	b := []byte("these bytes shall not be printed")
	for _, verb := range []string{"%v", "%#v", "%s", "%q", "%x", "%X", "%b", "%o"} {
		if printed := fmt.Sprintf(verb, struct{ b []byte }{b}); !leaks(printed, b) {
			t.Errorf("%s: not noticed in %s", verb, printed)
		}
	}
}

func TestSecretPrintsAPlaceholder(t *testing.T) {
	if got := fmt.Sprint(randomSecret()); got != "[key material]" {
		t.Errorf("got %q, want [key material]", got)
	}
}

func TestWipeZeroes(t *testing.T) {
	root, anchor, token, kek := randomSecret(), randomSecret(), randomSecret(), randomSecret()
	r := &Ring{keys: &keys{root, anchor, token, map[uint32]secret{1: kek}}}
	r.Wipe()
	for name, s := range map[string]secret{"root": root, "anchor": anchor, "token key": token, "KEK": kek} {
		if !bytes.Equal(s.bytes(), make([]byte, keySize)) {
			t.Errorf("%s: not zeroed", name)
		}
	}
}

// A ring that shared bytes with the one before it would lose its keys when that one is wiped.
func TestSecretCloneIsApart(t *testing.T) {
	s := randomSecret()
	c := s.clone()
	s.wipe()
	if bytes.Equal(c.bytes(), s.bytes()) {
		t.Error("the clone was wiped with its original")
	}
}
