package e2e_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"qkms/e2e/browser"
)

// The life of a key, by hand: everything is pressed and typed as a person would, and every page on the way is looked at.
func TestLifeOfAKey(t *testing.T) {
	t.Parallel()
	tab := signedIn(t, root())

	tab.Go("/console/create-key")
	tab.Fill("Alias", "alias/by-hand")
	tab.Fill("Description", "made in a browser")
	tab.Fill("Tags", "team=e2e")
	tab.Send("Create the key")
	tab.Want("alias/by-hand", "made in a browser", "Enabled")
	id := keyID.FindString(tab.Path())
	if id == "" {
		t.Fatalf("after a key was made: got page %s, want the key's", tab.Path())
	}
	look(tab, "life-1-created")

	policy(tab)
	rotation(tab)
	tryOut(t, tab, id)
	grant(tab)
	deletion(tab, id)
	proof(t, tab, id)
}

// look keeps the page that is shown, which is to be as every other.
func look(tab *browser.Tab, name string) {
	tab.Axe(name)
	tab.Look(browser.Phone, browser.Light)
	tab.Fits()
	tab.Keep(name, browser.Phone, browser.Light)
	tab.Look(browser.Desktop, browser.Light)
	tab.Keep(name, browser.Desktop, browser.Light)
}

// policy tries to save one that would lock its author out, which is refused with the reason and stays in the field, and then another.
func policy(tab *browser.Tab) {
	tab.Send("Policy")
	locked := `{"Version":"2012-10-17","Statement":[{"Sid":"Nobody","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/services/shop"},"Action":"kms:Decrypt","Resource":"*"}]}`
	tab.Fill("Key policy", locked)
	tab.SendFor("Save", 400)
	tab.Want("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
	tab.HasTyped("Key policy", locked)
	look(tab, "life-2-policy-refused")
	tab.Fill("Key policy", `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`)
	tab.Send("Check")
	tab.Want("What this text would change", "Nobody gains or loses anything.")
	tab.Send("Save")
	tab.Want("The key policy was saved.")
}

func rotation(tab *browser.Tab) {
	tab.Send("Rotation")
	tab.Send("Rotate now")
	tab.Want("The rotation has begun.")
	tab.Fill("Days from one rotation to the next", "180")
	tab.Send("Rotate by the calendar")
	tab.Want("Every 180 days")
	look(tab, "life-3-rotation")
}

// tryOut encrypts something, and decrypts what came of it.
func tryOut(t *testing.T, tab *browser.Tab, id string) {
	const said = "the launch code is 0000"
	tab.Go("/console/try/Encrypt")
	tab.Fill("KeyId", "alias/by-hand")
	tab.Fill("Plaintext", said)
	tab.Fill("It is text", "yes")
	tab.Fill("EncryptionContext", "app=shop")
	tab.Send("Send")
	tab.Want("HTTP/1.1 200 OK", "CiphertextBlob", "X-Amz-Target: TrentService.Encrypt", id)
	if text := tab.Text("main"); strings.Contains(text, said) && strings.Contains(tab.Text("#record"), said) {
		t.Error("Encrypt: the audit record has the plaintext")
	}
	look(tab, "life-4-encrypted")
	_, answer, _ := strings.Cut(tab.Text("#response"), `"CiphertextBlob": "`)
	ciphertext, _, _ := strings.Cut(answer, `"`)

	tab.Go("/console/try/Decrypt")
	tab.Fill("CiphertextBlob", ciphertext)
	tab.Fill("It is base64", "yes")
	tab.Fill("EncryptionContext", "app=shop")
	tab.Send("Send")
	tab.Want("HTTP/1.1 200 OK")
	plain := base64.StdEncoding.EncodeToString([]byte(said))
	if strings.Contains(tab.Text("main"), plain) {
		t.Error("Decrypt: the plaintext is shown before anybody has asked for it")
	}
	tab.Press("Reveal what is hidden")
	tab.Want(plain)
	look(tab, "life-5-decrypted")

	tab.Go("/console/try/Decrypt")
	tab.Fill("CiphertextBlob", ciphertext)
	tab.Fill("It is base64", "yes")
	tab.Fill("EncryptionContext", "app=another")
	tab.Send("Send")
	tab.Want("InvalidCiphertextException")
	tab.Go("/console/keys/" + id)
}

// grant gives somebody a right, who had none, and has it explained before and after.
func grant(tab *browser.Tab) {
	const shop = "arn:aws:iam::111122223333:user/services/shop"
	at := tab.Path()
	explain(tab)
	tab.Want("Refused", "What would have been enough")
	tab.Go(at)
	tab.Send("Grants")
	tab.Fill("Who gets it", shop)
	tab.Fill("Name (optional)", "by-hand")
	tab.Fill("Decrypt", "yes")
	tab.Send("Make the grant")
	tab.Want("The grant was made", "by-hand", shop)
	look(tab, "life-6-granted")
	explain(tab)
	tab.Want("Allowed", "by grant")
	tab.WantNot("What would have been enough")
	look(tab, "life-7-explained")
	tab.Go(at)
}

func explain(tab *browser.Tab) {
	tab.Go("/console/explain")
	tab.Fill("Who asks", "arn:aws:iam::111122223333:user/services/shop")
	tab.Fill("What for", "kms:Decrypt")
	tab.Fill("On which key", "alias/by-hand")
	tab.Send("Explain")
}

// deletion is asked about before it is done, and taken back.
func deletion(tab *browser.Tab, id string) {
	tab.Send("Deletion")
	tab.Want("Everything it has encrypted can never be decrypted again", "alias/by-hand", "by-hand, to arn:aws:iam::111122223333:user/services/shop")
	tab.Fill("Days to wait", "7")
	tab.Locked("Schedule the deletion")
	tab.Fill("To confirm", "alias/another")
	tab.Locked("Schedule the deletion")
	tab.Fill("To confirm", "alias/by-hand")
	look(tab, "life-8-deletion")
	tab.Send("Schedule the deletion")
	tab.Want("PendingDeletion", "the deletion can be cancelled")
	look(tab, "life-9-pending")
	tab.Send("Deletion")
	tab.Send("Cancel the deletion")
	tab.Want("The key is not going to be deleted. It is disabled: enable it to use it.", "Disabled")
	tab.Send("Enable the key")
	tab.Want("The key can be used again.", "Enabled")
	tab.Go("/console/keys/" + id)
}

// proof finds the key's Encrypt in the audit log, and the proof that it is there, once a checkpoint is signed, as one is every minute.
func proof(t *testing.T, tab *browser.Tab, id string) {
	tab.Go("/console/audit?event=Encrypt&key=" + id)
	tab.Send("Encrypt")
	tab.Want("The record", id)
	at := tab.Path()
	for begun := time.Now(); !strings.Contains(tab.Text("main"), "Download the proof"); tab.Go(at) {
		if time.Since(begun) > 3*time.Minute {
			t.Fatalf("%s: no checkpoint covers the record after three minutes: %s", at, tab.Text("main"))
		}
		browser.Eval[bool](tab, "new Promise((on) => setTimeout(on, 2000, true))")
	}
	look(tab, "life-10-proof")
	text := browser.Eval[string](tab, "fetch(document.querySelector('a[download]').href).then((r) => r.text())")
	if !strings.Contains(text, "\n\u2014 ") || !strings.Contains(text, "Encrypt") {
		t.Errorf("the proof has no signature, or not the record: %q", text)
	}
	tab.Go("/console/audit/log")
	tab.Send("Verify now")
	for !strings.Contains(tab.Text("#verification"), "as signed") { // it says so itself when it is done
		browser.Eval[bool](tab, "new Promise((on) => setTimeout(on, 500, true))")
		tab.Go("/console/audit/log")
	}
	look(tab, "life-11-verified")
}
