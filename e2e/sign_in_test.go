package e2e_test

import (
	"strings"
	"testing"

	"qkms/e2e/browser"
)

func TestSignIn(t *testing.T) {
	tab := chromium.Tab(t, server.URL)
	tab.Go("/console/keys") // of nobody: asks who is there, and comes back
	tab.Fill("Access key id", root().ID)
	tab.Fill("Secret access key", "not the secret")
	tab.SendFor("Sign in", 403)
	tab.Want("Sign in")
	tab.Axe("refused")
	if got := browser.Eval[string](tab, "document.getElementById('access-key-id').value"); got != root().ID {
		t.Errorf("after a refusal the access key id is %q, want what was typed", got)
	}
	if got := browser.Eval[string](tab, "document.getElementById('secret').value"); got != "" {
		t.Errorf("after a refusal the secret is still in the page: %q", got)
	}
	tab.Fill("Secret access key", root().Secret)
	tab.Send("Sign in")
	if got := tab.Path(); got != "/console/keys" {
		t.Errorf("after signing in: got %s, want what was asked for, /console/keys", got)
	}
	tab.Want("Keys", "alias/orders", "us-east-1")
	if script := browser.Eval[string](tab, "document.cookie"); strings.Contains(script, "qkms-console=") {
		t.Errorf("scripts can read the session: %q", script)
	}

	tab.Press("arn:aws:iam::111122223333:root")
	tab.Keep("signed-in", browser.Desktop, browser.Light)
	tab.Axe("who is signed in, unfolded")
	tab.Fill("Region", "eu-central-1")
	tab.Send("Go there")
	tab.Want("eu-central-1")
	tab.Press("arn:aws:iam::111122223333:root")
	tab.Send("Sign out")
	tab.Go("/console/keys")
	tab.Want("Secret access key")
}
