package e2e_test

import (
	"testing"

	"qkms/e2e/browser"
	"qkms/e2e/program"
)

// Keys of testdata/seed.yaml.
const (
	orders   = "1234abcd-12ab-34cd-56ef-1234567890ab"
	releases = "1234abcd-12ab-34cd-56ef-1234567890ac"
)

// The life of an access key, by hand: root lets a new user use one key; who has the access key does so, and nothing else, until root
// deletes it.
func TestLifeOfAnAccessKey(t *testing.T) {
	t.Parallel()
	tab := signedIn(t, root())
	newUser(tab)
	kim := newAccessKey(t, tab)
	theirs := signedIn(t, kim)
	theirs.Want("Keys", "encrypts the orders of the shop")
	theirs.WantNot("encrypts releases") // which may not be described to them

	encrypt(theirs, orders)
	theirs.Want("HTTP/1.1 200 OK", "CiphertextBlob")
	encrypt(theirs, releases)
	theirs.Want("AccessDeniedException", "user/kim is not authorized to perform: kms:Encrypt", releases, "because no identity-based policy allows the kms:Encrypt action")
	look(theirs, "access-key-4-refused")

	deleted(tab, kim.ID)
	encrypt(theirs, orders)
	theirs.Want("Sign in", "Secret access key")
	theirs.WantNot("user/kim")
	theirs.Go("/console/keys")
	theirs.Want("Sign in", "Secret access key")
}

// newUser makes one who may use one key. A policy that is none is refused, and stays in the field.
func newUser(tab *browser.Tab) {
	tab.Go("/console/identities/users")
	tab.Press("Make a user")
	tab.Fill("Name", "kim")
	tab.Send("Make the user")
	tab.Want("The user kim was made. It may do nothing until it has policies", "The user has no access key")
	look(tab, "access-key-1-user")

	const half = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow"`
	tab.Send("Write a policy")
	tab.Fill("Name", "use-orders")
	tab.Fill("Document", half)
	tab.SendFor("Save", 400)
	tab.Want("MalformedPolicyDocument")
	tab.HasTyped("Name", "use-orders")
	tab.HasTyped("Document", half)
	look(tab, "access-key-2-policy-refused")
	tab.Fill("Document", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:ListKeys","qkms:SearchKeys"],"Resource":"*"},`+
		`{"Effect":"Allow","Action":["kms:DescribeKey","kms:Encrypt"],"Resource":"arn:aws:kms:us-east-1:111122223333:key/`+orders+`"}]}`)
	tab.Send("Save")
	tab.Want("Policy use-orders is in force with the next request.")
}

// newAccessKey is one for the user whose page is shown. Its secret is on one page, and on none after it.
func newAccessKey(t *testing.T, tab *browser.Tab) program.Login {
	tab.Send("Make an access key")
	tab.Want("The secret is shown now and never again.")
	key := program.Login{URL: server.URL, ID: tab.Text("#id"), Secret: tab.Text("#secret")}
	if len(key.ID) != 20 || len(key.Secret) != 40 {
		t.Fatalf("the page shows access key %q with a secret of %d letters, want 20 and 40", key.ID, len(key.Secret))
	}
	look(tab, "access-key-3-secret")
	tab.Send("I have kept it")
	tab.Want(key.ID, "Active", "never")
	tab.WantNot(key.Secret)
	return key
}

// encrypt tries out to, with a key.
func encrypt(tab *browser.Tab, id string) {
	tab.Go("/console/try/Encrypt")
	tab.Fill("KeyId", id)
	tab.Fill("Plaintext", "an order")
	tab.Send("Send")
}

// deleted deletes an access key of the user whose page is shown, once its id was typed.
func deleted(tab *browser.Tab, id string) {
	tab.Send("Delete\u2026")
	tab.Want("Requests that are signed with it are refused from then on, and console sessions that began with it end.")
	tab.Locked("Delete")
	tab.Fill("To delete access key", id)
	look(tab, "access-key-5-deletion")
	tab.Send("Delete")
	tab.Want("Access key "+id+" is deleted.", "The user has no access key")
}
