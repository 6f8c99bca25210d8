package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"qkms/e2e/browser"
)

// newKey is the id of a key made by the API.
func newKey(t *testing.T, in map[string]any) string {
	t.Helper()
	var made struct{ KeyMetadata struct{ KeyId string } }
	must(t, root().KMS("CreateKey", in, &made))
	return made.KeyMetadata.KeyId
}

// Material is brought to a key wrapped by what its page gives away, and found out when it is brought in clear.
func TestImport(t *testing.T) {
	t.Parallel()
	id := newKey(t, map[string]any{"Origin": "EXTERNAL", "Description": "to be imported in a browser"})
	tab := signedIn(t, root())
	tab.Go("/console/keys/" + id)
	tab.Want("PendingImport")
	tab.Send("Import")
	tab.Want("Get a wrapping key and its token", "No material was ever imported")
	look(tab, "import-1-begin")

	tab.Send("Get a wrapping key and its token")
	tab.Want("openssl pkeyutl -encrypt", "Download the import token")
	look(tab, "import-2-given")
	material := make([]byte, 32)
	_, _ = rand.Read(material)
	public, err := x509.ParsePKIXPublicKey(download(t, tab, "wrapping-key.der"))
	must(t, err)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
	must(t, err)
	download(t, tab, "import-token.bin") // the same is in the form below

	tab.Fill("Until it is deleted", "yes")
	tab.Press("Or as base64")
	tab.Fill("Wrapped material as base64", base64.StdEncoding.EncodeToString(material))
	tab.SendFor("Import it", 400)
	tab.Want("NotWrapped", "It was not passed on")
	if strings.Contains(tab.Text("html"), base64.StdEncoding.EncodeToString(material)) {
		t.Error("material that was brought in clear is on the page that refuses it")
	}
	look(tab, "import-3-in-clear")
	tab.Press("Or as base64")
	tab.Fill("Wrapped material as base64", base64.StdEncoding.EncodeToString(wrapped))
	tab.Send("Import it")
	tab.Want("The material was imported", "Enabled")

	tab.Send("Import")
	tab.Want("Encrypts and decrypts", "One that the key had")
	look(tab, "import-4-again")
}

// download is the file behind a link of the page's own.
func download(t *testing.T, tab *browser.Tab, name string) []byte {
	t.Helper()
	href := browser.Eval[string](tab, `document.querySelector('a[download="`+name+`"]').href`)
	_, text, ok := strings.Cut(href, ";base64,")
	b, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(b) == 0 {
		t.Fatalf("%s: got %.60q…, want a file", name, href)
	}
	return b
}

// A key goes to another Region, and becomes the primary one there.
func TestRegions(t *testing.T) {
	t.Parallel()
	id := newKey(t, map[string]any{"MultiRegion": true, "Description": "in several Regions"})
	tab := signedIn(t, root())
	tab.Go("/console/keys/" + id)
	tab.Send("Regions")
	tab.Want("Primary", "you are here")
	tab.Fill("Region", "us-west-1x")
	tab.SendFor("Replicate the key", 400)
	tab.HasTyped("Region", "us-west-1x")
	look(tab, "regions-1-refused")
	tab.Fill("Region", "eu-west-1")
	tab.Send("Replicate the key")
	tab.Want("The key is in eu-west-1, too.", "Replica")
	look(tab, "regions-2-replicated")
	tab.Send("Make it the primary")
	tab.Want("The primary is in eu-west-1 now", "That is done where the primary is")
	tab.Send("Go to eu-west-1")
	tab.Want("you are here", "Make another Region the primary one")
	look(tab, "regions-3-there")
}
