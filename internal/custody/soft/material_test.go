package soft

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
)

type holder struct {
	key  material
	Open material
	ptr  *material
	list []material
	byID map[string]material
}

// secretBytes are letters, so that %s and %q would show them as such.
var secretBytes = []byte("ThisIsTheKeyMaterialOfThirtyTwo!")

// leaks reports whether text shows the secret in any spelling that fmt, slog or json knows.
func leaks(text string) bool {
	decimal := strings.Trim(fmt.Sprint(secretBytes), "[]")
	lower := strings.ToLower(text)
	for _, s := range []string{
		string(secretBytes), hex.EncodeToString(secretBytes), decimal, strings.ReplaceAll(decimal, " ", ", "),
		base64.StdEncoding.EncodeToString(secretBytes), fmt.Sprintf("% x", secretBytes), fmt.Sprintf("%#v", secretBytes)[7:],
		new(big.Int).SetBytes(secretBytes).String(), // the scalar of a private key
	} {
		if strings.Contains(lower, strings.ToLower(s)) {
			return true
		}
	}
	return false
}

func secrets() map[string]any {
	m := copyMaterial(symmetric, secretBytes)
	h := holder{m, m, &m, []material{m}, map[string]material{"a": m}}
	e := &entry{key: m}
	s := New(nil, secretBytes, nil)
	all := map[string]any{
		"material": m, "pointer": &m, "struct": h, "pointer to struct": &h, "slice": h.list, "map": h.byID,
		"entry": e, "soft": s, "idKey": s.idKey,
	}
	for spec, r := range recipes {
		if r.slowMake {
			continue // no RSA key is made of 32 letters
		}
		stored := bytes.Repeat(secretBytes, 2)
		for _, size := range []int{32, 48, 64} {
			if k, err := r.decode(stored[:size]); err == nil {
				m := keyMaterial(spec, k)
				all[spec], all["entry of "+spec] = m, &entry{key: m}
			}
		}
	}
	return all
}

func TestMaterialDoesNotPrint(t *testing.T) {
	if text := fmt.Sprintf("%v %x %s", secretBytes, secretBytes, secretBytes); !leaks(text) {
		t.Fatalf("the test does not see a leak in %q", text)
	}
	if got := len(secrets()); got != 9+2*11 { // all specs but RSA, P-521
		t.Errorf("got %d values to print, want those of 11 specs", got)
	}
	for name, v := range secrets() {
		for _, verb := range "vTtbcodOqxXUeEfFgGsp" {
			for _, flags := range []string{"", "+", "#", " ", "0", "-"} {
				format := "%" + flags + string(verb)
				if got := fmt.Sprintf(format, v); leaks(got) {
					t.Errorf("%s through %s: got %s", name, format, got)
				}
			}
		}
	}
}

func TestMaterialDoesNotLog(t *testing.T) {
	for name, v := range secrets() {
		var out bytes.Buffer
		options := &slog.HandlerOptions{AddSource: true}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
			slog.New(h).Info("m", "v", v, slog.Group("g", "v", v), "e", fmt.Errorf("wrapped: %v", v))
			slog.New(h.WithAttrs([]slog.Attr{slog.Any("v", v)})).Info("m")
		}
		if out.Len() == 0 || leaks(out.String()) {
			t.Errorf("%s: got %s", name, out.String())
		}
		encoded, _ := json.Marshal(v) // an error is as good as a placeholder
		if leaks(string(encoded)) {
			t.Errorf("%s as JSON: got %s", name, encoded)
		}
	}
}

func TestWipeZeroesItsOwnCopyOnly(t *testing.T) {
	given := bytes.Clone(secretBytes)
	m := copyMaterial(symmetric, given)
	own := m.bytes()
	m.wipe()
	if !bytes.Equal(own, make([]byte, len(own))) {
		t.Errorf("got %x, want zeroes", own)
	}
	if !bytes.Equal(given, secretBytes) {
		t.Errorf("argument: got %x, want it intact", given)
	}
	material{}.wipe()
}
