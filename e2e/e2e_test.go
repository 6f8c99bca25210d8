// Package e2e_test looks at the console as people do: the real program, in a real browser.
package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"qkms/e2e/browser"
	"qkms/e2e/program"
	"qkms/e2e/provider"
)

// One server, one provider where people sign in to it, and one browser serve all tests; each test has a tab of its own, and keys of its own
// where it changes any.
var (
	server   *program.Server
	login    *provider.Provider
	chromium *browser.Chromium
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "qkms-e2e-")
	if err != nil {
		return 1, err
	}
	after := func(end func() error) { err = errors.Join(err, end()) }
	defer after(func() error { return os.RemoveAll(dir) })
	binary, err := program.Build(dir)
	if err != nil {
		return 1, err
	}
	if login, err = provider.Start("qkms console", "s3cret/of the+client"); err != nil {
		return 1, err
	}
	defer login.Close()
	flags, err := byOIDC(dir)
	if err != nil {
		return 1, err
	}
	if server, err = program.Start(binary, dir, filepath.Join("testdata", "seed.yaml"), flags...); err != nil {
		return 1, err
	}
	defer after(server.Stop)
	login.Redirect = server.URL + "/console/sign-in/oidc/callback"
	if chromium, err = browser.Open(); err != nil {
		return 1, err
	}
	defer after(chromium.Close)
	return m.Run(), nil
}

// byOIDC are the flags by which people can sign in at the provider.
func byOIDC(dir string) ([]string, error) {
	secret := filepath.Join(dir, "client-secret")
	return []string{
		"--console-oidc-issuer", login.URL, "--console-oidc-client-id", login.ClientID, "--console-oidc-client-secret-file", secret,
		"--console-oidc-role", role,
	}, os.WriteFile(secret, []byte(login.Secret+"\n"), 0o600)
}

// Logins of testdata/seed.yaml.
func root() program.Login {
	return program.Login{URL: server.URL, ID: "AKIAE2EROOT000000001", Secret: "e2e-secret-of-the-root-user"}
}
func little() program.Login {
	return program.Login{URL: server.URL, ID: "AKIAE2ELITTLE0000001", Secret: "e2e-secret-of-one-who-may-little"}
}
func nothing() program.Login {
	return program.Login{URL: server.URL, ID: "AKIAE2ENOBODY0000001", Secret: "e2e-secret-of-one-who-may-nothing"}
}

// signedIn is a tab in which somebody has signed in.
func signedIn(t *testing.T, who program.Login) *browser.Tab {
	t.Helper()
	tab := chromium.Tab(t, server.URL)
	tab.Go("/console/")
	tab.Fill("Access key id", who.ID)
	tab.Fill("Secret access key", who.Secret)
	tab.SendFor("Sign in", browser.OrRefused) // some may not see the first page
	return tab
}

// must fails the test unless a request of its preparation succeeded.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
