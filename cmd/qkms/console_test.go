package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The flags of a provider go together, and with --console: half of them would be a console that people believe to be closed, or open.
func TestConsoleProvider(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/console"
	dir := t.TempDir()
	secret, empty := filepath.Join(dir, "secret"), filepath.Join(dir, "empty")
	for file, text := range map[string]string{secret: "s3cret\nnot this\n", empty: "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		c    consoleConfig
		on   bool
		want string // of the error; "": none
	}{
		"nothing":        {consoleConfig{}, false, ""},
		"a public one":   {consoleConfig{"https://login.example.com", "a", "", role}, true, ""},
		"with a secret":  {consoleConfig{"https://login.example.com", "a", secret, role}, true, ""},
		"no console":     {consoleConfig{"https://login.example.com", "a", "", role}, false, "give --console"},
		"no client":      {consoleConfig{"https://login.example.com", "", "", role}, true, "go together"},
		"a secret alone": {consoleConfig{"", "", secret, ""}, true, "go together"},
		"no role":        {consoleConfig{"https://login.example.com", "a", "", "arn:aws:iam::111122223333:user/x"}, true, "is written like"},
		"no file":        {consoleConfig{"https://login.example.com", "a", filepath.Join(dir, "none"), role}, true, "no such file"},
		"an empty file":  {consoleConfig{"https://login.example.com", "a", empty, role}, true, "one line"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := row.c.provider(row.on)
			if row.want != "" {
				if err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("got %v, want %q", err, row.want)
				}
				return
			}
			if err != nil || (p == nil) != (row.c.OIDCIssuer == "") || p != nil && row.c.OIDCClientSecretFile != "" && p.Secret != "s3cret" {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}
