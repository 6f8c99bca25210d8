package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/seal"
)

const (
	keyBase64 = "qkms-root-key-v1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyHex    = "qkms-root-key-v1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

func TestNewKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !regexp.MustCompile(`^qkms-root-key-v1:[A-Za-z0-9+/]{43}=\n$`).Match(text) {
		t.Errorf("got a file of %d bytes, %v, want one line of prefix and base64", len(text), err)
	}
	if err := seal.NewKeyFile(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an existing file: got %v, want ErrExist", err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the existing file was changed (%v)", err)
	}
	if err := seal.NewKeyFile(filepath.Join(dir, "none", "root.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no directory: got %v, want ErrNotExist", err)
	}
}

func TestKeyFileSpellings(t *testing.T) {
	r := must(t)(seal.Init(t.Context(), writeKey(t, keyBase64), now))
	for name, text := range map[string]string{
		"base64, end of line":       keyBase64 + "\n",
		"hex":                       keyHex,
		"hex, capitals":             "qkms-root-key-v1:" + strings.ToUpper(keyHex[17:]),
		"hex, other end of line":    keyHex + "\r\n",
		"base64, blanks at the end": keyBase64 + " \t\n\n",
	} {
		if _, err := seal.Open(t.Context(), r.State(), writeKey(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyFileDamaged(t *testing.T) {
	digits := keyBase64[17:]
	for name, text := range map[string]string{
		"empty":             "",
		"only a prefix":     "qkms-root-key-v1:",
		"no prefix":         digits,
		"another version":   "qkms-root-key-v2:" + digits,
		"blank before":      " " + keyBase64,
		"blank between":     "qkms-root-key-v1: " + digits,
		"a character short": keyBase64[:len(keyBase64)-2] + "=",
		"33 bytes":          "qkms-root-key-v1:" + digits[:43] + "A",
		"31 bytes":          "qkms-root-key-v1:" + digits[:42] + "==",
		"stray bits":        "qkms-root-key-v1:" + digits[:42] + "9=",
		"line break inside": "qkms-root-key-v1:" + digits[:20] + "\n" + digits[21:],
		"not hex":           "qkms-root-key-v1:" + strings.Repeat("xy", 32),
		"two keys":          keyBase64 + "\n" + keyBase64 + "\n",
	} {
		_, err := seal.Init(t.Context(), writeKey(t, text), now)
		if err == nil {
			t.Errorf("%s: taken for a key", name)
			continue
		}
		if strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

func TestCredential(t *testing.T) {
	dir := t.TempDir()
	if err := seal.NewKeyFile(filepath.Join(dir, "qkms-root-key")); err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(t.TempDir(), "named.key")
	if err := seal.NewKeyFile(named); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"systemd", map[string]string{"CREDENTIALS_DIRECTORY": dir}, filepath.Join(dir, "qkms-root-key")},
		{"by name", map[string]string{"QKMS_ROOT_KEY_FILE": named}, named},
		{"both: the explicit one", map[string]string{"CREDENTIALS_DIRECTORY": dir, "QKMS_ROOT_KEY_FILE": named}, named},
	}
	for _, row := range rows {
		src, ok := seal.Credential(func(k string) string { return row.env[k] })
		if !ok {
			t.Errorf("%s: got no source", row.name)
			continue
		}
		r := must(t)(seal.Init(t.Context(), src, now))
		if _, err := seal.Open(t.Context(), r.State(), seal.KeyFile(row.want)); err != nil {
			t.Errorf("%s: the same file does not open it: %v", row.name, err)
		}
	}
	if _, ok := seal.Credential(func(string) string { return "" }); ok {
		t.Error("got a source from an empty environment")
	}
}
