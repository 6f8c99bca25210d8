package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// packages are where the generated files are.
var packages = map[string]string{
	"shape":     "../../internal/wire/shape",
	"reference": "../../internal/reference",
}

// What is committed is what the generator writes, all of it and nothing else.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	for pkg, dir := range packages {
		files, err := generate("..", pkg)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what the generator writes (%v): run go generate ./...", name, err)
			}
		}
		committed, _ := filepath.Glob(filepath.Join(dir, "*_gen.go"))
		if len(committed) != len(files) {
			t.Errorf("got %d generated files in %s, want %d", len(committed), dir, len(files))
		}
	}
}

// A table of characters stands in for a regular expression only if it says the same.
func TestTablesAgreeWithPatterns(t *testing.T) {
	m, err := load("..")
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, s := range m.Shapes {
		if s.T.Pattern == "" {
			continue
		}
		whole := translate(s.T.Pattern)
		re := regexp.MustCompile(whole)
		chars, allowEmpty, ok := table(whole)
		if !ok {
			continue
		}
		tables++
		if got := re.MatchString(""); got != allowEmpty {
			t.Errorf("%s: matches nothing %t, table says %t", s.name, got, allowEmpty)
		}
		for r := rune(0); r < 0x300; r++ {
			in := r <= 0xFF && chars[r>>6]>>(r&63)&1 != 0
			if got := re.MatchString(string([]rune{r, r})); got != in {
				t.Errorf("%s: matches %U %t, table says %t", s.name, r, got, in)
			}
		}
	}
	if tables < 10 {
		t.Errorf("got %d tables, want most patterns to be one", tables)
	}
}

func TestTranslate(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{`[0-9]{12}`, "111122223333", true},
		{`[0-9]{12}`, "x111122223333", false},
		{`^[a-f0-9]+$`, "abc\n", false},
		{`^(a+)$|^(b)$`, "aab", false},
		{`[\u0020-\u00FF]*`, "ÿ", true},
		{`[\u0020-\u00FF]*`, "Ā", false},
		{`^\p{ASCII}+$`, "a\x00\x7f", true},
		{`^\p{ASCII}+$`, "é", false},
		{`^[:_\s.-]+$`, " \t\n\v\f\r", true},
		{`^[a-z0-9-_.]+$`, "-_.", true},
	} {
		if got := regexp.MustCompile(translate(test.pattern)).MatchString(test.text); got != test.want {
			t.Errorf("%s on %q: got %t, want %t", test.pattern, test.text, got, test.want)
		}
	}
}

func TestConstName(t *testing.T) {
	for _, test := range []struct{ enum, value, want string }{
		{"KeySpec", "SYMMETRIC_DEFAULT", "KeySpecSymmetricDefault"},
		{"SigningAlgorithmSpec", "RSASSA_PKCS1_V1_5_SHA_256", "SigningAlgorithmSpecRsassaPkcs1V15Sha256"},
		{"KeySpec", "SM2", "KeySpecSm2"},
		{"KeyState", "PendingDeletion", "KeyStatePendingDeletion"},
	} {
		if got := constName(test.enum, test.value); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
