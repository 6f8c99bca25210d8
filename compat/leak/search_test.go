package leak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A search finds secrets in any of the forms in which programs write bytes down.
type search struct {
	needles map[[head]byte][]needle
}

// head is how many bytes of a needle it is found by; every form of every secret is longer.
const head = 8

type needle struct {
	name string // which secret, in which form
	form []byte
}

func newSearch() *search { return &search{map[[head]byte][]needle{}} }

// add makes the search look for a secret of 16 bytes at least, and for each half of one of 32, which is
// as good as the whole to whoever finds it.
func (s *search) add(name string, secret []byte) {
	parts := map[string][]byte{name: secret}
	if n := len(secret); n >= 32 {
		parts["first half of "+name], parts["second half of "+name] = secret[:n/2], secret[n/2:]
	}
	for name, part := range parts {
		for form, text := range forms(part) {
			key := [head]byte(text)
			s.needles[key] = append(s.needles[key], needle{name + ", " + form, text})
		}
	}
}

// forms spells bytes as logs, databases and JSON do.
func forms(b []byte) map[string][]byte {
	decimal := strings.Trim(fmt.Sprint(b), "[]")
	all := map[string][]byte{
		"raw": b, "hex": []byte(hex.EncodeToString(b)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(b))),
		"decimal": []byte(decimal), "decimal, commas": []byte(strings.ReplaceAll(decimal, " ", ",")),
		"spaced hex": fmt.Appendf(nil, "% x", b),
	}
	for offset := range 3 { // what stands before the secret in the same base64 shifts its letters
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), b...))
		own := text[(offset*8+5)/6 : (offset+len(b))*8/6] // letters with bits of the secret alone
		all[fmt.Sprint("base64 at ", offset)] = []byte(own)
		all[fmt.Sprint("base64url at ", offset)] = []byte(strings.NewReplacer("+", "-", "/", "_").Replace(own))
	}
	return all
}

// in returns the names of what it finds in text.
func (s *search) in(text []byte) (found []string) {
	for i := 0; i+head <= len(text); i++ {
		for _, n := range s.needles[[head]byte(text[i:])] {
			if bytes.HasPrefix(text[i:], n.form) {
				found = append(found, n.name)
			}
		}
	}
	return found
}

// files returns every regular file below dir by its path there.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A search that finds nothing proves nothing: this one finds what is there, whatever stands around it.
func TestSearchFinds(t *testing.T) {
	secret := []byte("\x00\xff0123456789abcdef secret bytes \x80\x0a")
	s := newSearch()
	s.add("it", secret)
	for name, text := range map[string]string{
		"raw":       "before" + string(secret) + "after",
		"half":      string(secret[len(secret)/2:]),
		"hex":       hex.EncodeToString(secret),
		"Go slice":  fmt.Sprint(struct{ B []byte }{secret}),
		"Go syntax": fmt.Sprintf("%X", secret),
	} {
		if len(s.in([]byte(text))) == 0 {
			t.Errorf("%s: got nothing", name)
		}
	}
	for before := range 7 {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte("7 bytes"[:before] + string(secret) + "after"))
			if len(s.in([]byte(text))) == 0 {
				t.Errorf("base64 after %d bytes: got nothing in %s", before, text)
			}
		}
	}
	if found := s.in([]byte("0123456789abcdef and other bytes")); found != nil {
		t.Errorf("got %v where it is not", found)
	}
}
