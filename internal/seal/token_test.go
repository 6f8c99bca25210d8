package seal_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/seal"
)

func TestTokenRoundTrip(t *testing.T) {
	r := newRing(t)
	rapid.Check(t, func(t *rapid.T) {
		purpose := rapid.String().Draw(t, "purpose")
		bind := seal.Bind(rapid.SliceOf(rapid.String()).Draw(t, "bind")...)
		want := rapid.String().Draw(t, "plaintext")
		got, err := r.OpenToken(purpose, bind, r.SealToken(purpose, bind, []byte(want)))
		if err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	})
}

func TestTokenRefused(t *testing.T) {
	r, other := newRing(t), newRing(t)
	bind := seal.Bind("111122223333", "ListKeys")
	token := r.SealToken("marker", bind, []byte("hello")) // a length whose base64 leaves four bits unused
	last := token[len(token)-1:]
	rows := []struct {
		name    string
		ring    *seal.Ring
		purpose string
		bind    []byte
		token   string
	}{
		{"another purpose", r, "grant", bind, token},
		{"another account", r, "marker", seal.Bind("111122223334", "ListKeys"), token},
		{"another operation", r, "marker", seal.Bind("111122223333", "ListAliases"), token},
		{"parts joined otherwise", r, "marker", seal.Bind("111122223333L", "istKeys"), token},
		{"nothing bound", r, "marker", nil, token},
		{"purpose moved into bind", r, "mark", append([]byte("er"), bind...), token},
		{"another store", other, "marker", bind, token},
		{"empty", r, "marker", bind, ""},
		{"not base64url", r, "marker", bind, strings.Replace(token, token[40:41], "+", 1)},
		{"padded", r, "marker", bind, token + "="},
		{"a line break inside", r, "marker", bind, token[:9] + "\n" + token[9:]},
		{"a line break behind", r, "marker", bind, token + "\r\n"},
		{"a character more", r, "marker", bind, token + "A"},
		{"said twice", r, "marker", bind, token + token},
		{"stray bits at the end", r, "marker", bind, strings.TrimSuffix(token, last) + string(last[0]+1)},
	}
	for _, row := range rows {
		if got, err := row.ring.OpenToken(row.purpose, row.bind, row.token); !errors.Is(err, seal.ErrToken) {
			t.Errorf("%s: got %q, %v, want ErrToken", row.name, got, err)
		}
	}
	for n := range token {
		if _, err := r.OpenToken("marker", bind, token[:n]); !errors.Is(err, seal.ErrToken) {
			t.Errorf("cut to %d: got %v, want ErrToken", n, err)
		}
	}
}

func TestTokenAnyCharacterChanged(t *testing.T) {
	r := newRing(t)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	rapid.Check(t, func(t *rapid.T) {
		token := []byte(r.SealToken("marker", nil, []byte("hello")))
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte(alphabet)).Filter(func(c byte) bool { return c != token[at] }).Draw(t, "character")
		token[at] = c
		if got, err := r.OpenToken("marker", nil, string(token)); !errors.Is(err, seal.ErrToken) {
			t.Fatalf("got %q, %v, want ErrToken", got, err)
		}
	})
}

// A record is no token and a token no record, though both are boxes.
func TestTokenIsNoRecord(t *testing.T) {
	r := newRing(t)
	sealed := r.Seal(seal.AD{}, []byte("body"))
	if _, err := r.OpenToken("", nil, base64.RawURLEncoding.EncodeToString(sealed)); !errors.Is(err, seal.ErrToken) {
		t.Errorf("record as token: got %v, want ErrToken", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(r.SealToken("", nil, []byte("body")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(seal.AD{}, raw); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("token as record: got %v, want ErrTampered", err)
	}
}

// A token is as good after every rotation as before it: grants and sessions outlive keys.
func TestTokenSurvivesRotation(t *testing.T) {
	first := newRing(t)
	token := first.SealToken("marker", nil, []byte("next"))
	rotated := must(t)(first.RotateKEK(now))
	dropped := must(t)(rotated.DropKEK(1))
	root := newKey(t)
	rooted := must(t)(dropped.RotateRoot(t.Context(), root, now))
	for name, r := range map[string]*seal.Ring{
		"RotateKEK": rotated, "DropKEK": dropped, "RotateRoot": rooted, "a start": must(t)(seal.Open(t.Context(), rooted.State(), root)),
	} {
		if got, err := r.OpenToken("marker", nil, token); err != nil || string(got) != "next" {
			t.Errorf("after %s: got %q, %v, want next", name, got, err)
		}
	}
	if got, err := first.OpenToken("marker", nil, rooted.SealToken("marker", nil, []byte("next"))); err != nil || string(got) != "next" {
		t.Errorf("made after all of it, read by who has not heard: got %q, %v, want next", got, err)
	}
}

// Formats and token keys to come are refused, and those that were.
func TestTokenOfAnotherKind(t *testing.T) {
	r := newRing(t)
	for name, header := range map[string][2]byte{"format 1": {1, 1}, "a later format": {3, 1}, "no key": {2, 0}, "another key": {2, 2}} {
		raw, err := base64.RawURLEncoding.DecodeString(r.SealToken("marker", nil, []byte("next")))
		if err != nil {
			t.Fatal(err)
		}
		copy(raw, header[:])
		if _, err := r.OpenToken("marker", nil, base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, seal.ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", name, err)
		}
	}
}

func TestBindIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := rapid.SliceOf(rapid.StringOfN(rapid.RuneFrom([]rune("a\x00\x01")), 0, 3, -1))
		a, b := lists.Draw(t, "a"), lists.Draw(t, "b")
		same := strings.Join(a, "|") == strings.Join(b, "|") && len(a) == len(b)
		if got := string(seal.Bind(a...)) == string(seal.Bind(b...)); got != same {
			t.Fatalf("%q and %q: got equal %v, want %v", a, b, got, same)
		}
	})
}
