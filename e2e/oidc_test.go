package e2e_test

import (
	"testing"

	"qkms/e2e/provider"
)

// role is what people are in the console who sign in at the provider.
const (
	account = "111122223333"
	role    = "arn:aws:iam::" + account + ":role/console"
)

// trusted has the account exchange the provider's tokens, of the one person, for sessions of the role.
func trusted(t *testing.T) {
	t.Helper()
	by := "arn:aws:iam::" + account + ":oidc-provider/" + login.Name()
	trust := text(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": map[string]any{"Federated": by},
		"Condition": map[string]any{"StringEquals": map[string]any{login.Name() + ":sub": provider.Subject}},
	}})
	// Of plain HTTP a provider is not registered; qkms dev asks one on loopback by it all the same.
	must(t, root().IAM("CreateOpenIDConnectProvider", nil, "Url", "https://"+login.Name(), "ClientIDList.member.1", login.ClientID))
	must(t, root().IAM("CreateRole", nil, "RoleName", "console", "AssumeRolePolicyDocument", trust))
	must(t, root().IAM("PutRolePolicy", nil, "RoleName", "console", "PolicyName", "look",
		"PolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:List*","kms:Describe*","qkms:SearchKeys"],"Resource":"*"}}`))
}

// People sign in at the provider, which is another site, and come back to the page that they asked for.
func TestSignInByOIDC(t *testing.T) {
	t.Parallel()
	trusted(t)
	const who = "arn:aws:sts::" + account + ":assumed-role/console/" + provider.Email
	tab := chromium.Tab(t, server.URL)
	toProvider := func() {
		tab.Go("/console/keys")
		tab.Want("Sign in at "+login.Name(), "Or with an access key")
		tab.Send("Sign in at " + login.Name())
		tab.Want("Sign in to " + login.ClientID)
	}
	signOut := func() {
		tab.Want("Keys", who, "alias/orders")
		tab.Press(who)
		tab.Send("Sign out")
		tab.Go("/console/keys")
		tab.WantNot(who)
	}

	tab.Go("/console/sign-in")
	look(tab, "oidc-1-sign-in")

	toProvider()
	tab.SendTo("Agree", "/console/keys")
	look(tab, "oidc-2-signed-in")
	signOut()

	toProvider() // in a browser that does not go on by itself
	stay := tab.Stay("/console/keys")
	tab.Send("Agree")
	stay()
	tab.Want("Signed in")
	look(tab, "oidc-3-continue")
	tab.Keyboard()
	tab.Send("Go on to the console")
	signOut()

	toProvider()
	tab.SendFor("Refuse", 403)
	tab.Want("Nobody is signed in.", "The provider says: access_denied: The person did not agree.", "Sign in at "+login.Name(), "Secret access key")
	look(tab, "oidc-4-refused")
	tab.Go("/console/keys")
	tab.Want("Secret access key")
}
