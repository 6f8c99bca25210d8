package console_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// aKey is a server with a key, its owner, and a browser in which the owner is signed in.
func aKey(t *testing.T, request string) (b *browser, root *kmstest.Client, id string) {
	t.Helper()
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root = s.As(kmstest.Account)
	return signedIn(t, root), root, root.Must("CreateKey", request).String("KeyMetadata.KeyId")
}

// has reports whether what the API says of a key contains text.
func has(root *kmstest.Client, operation, id, text string) bool {
	return strings.Contains(string(root.Must(operation, map[string]any{"KeyId": id}).Raw), text)
}

// without fails the test if the page has any of texts.
func (p *page) without(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.text, text) {
			p.t.Errorf("%s: %q in: %s", p.res.Request.URL, text, p.text)
		}
	}
}

func TestKeyPage(t *testing.T) {
	b, root, id := aKey(t, `{"Description":"payments"}`)
	root.Must("CreateAlias", map[string]any{"AliasName": "alias/pay", "TargetKeyId": id})
	b.get("/console/keys/"+id).want(http.StatusOK, id, "payments", "alias/pay", "Made by this service", "Never, since", "It can be used.", "CreateAlias", "/console/audit?key="+id)
	root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="})
	b.get("/console/keys/"+id).want(http.StatusOK, "Encrypt, ", "by <bdi class=\"plain\">arn:aws:iam::"+kmstest.Account+":root")
	b.get("/console/keys/alias%2Fpay").want(http.StatusOK, "Key "+id)
	b.get("/console/keys/00000000-0000-4000-8000-000000000000").want(http.StatusNotFound, "NotFoundException")

	b.post("/console/keys/"+id+"/description", "description", "refunds").want(http.StatusOK, "The description was changed.", "refunds")
	if !has(root, "DescribeKey", id, `"refunds"`) {
		t.Error("the description is not what was saved")
	}
	long := strings.Repeat("x", 8193)
	b.post("/console/keys/"+id+"/description", "description", long).want(http.StatusBadRequest, "ValidationException", "\n"+long+"</textarea>")
	b.post("/console/keys/"+id+"/disable").want(http.StatusOK, "Disabled", "Enable the key")
	if !has(root, "DescribeKey", id, `"Disabled"`) {
		t.Error("the key is not disabled")
	}
	b.post("/console/keys/"+id+"/enable").want(http.StatusOK, "The key can be used again.", "Disable the key")
}

// Every form of these pages does nothing without the token of the session.
func TestKeyFormsWithoutToken(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	before := string(root.Must("DescribeKey", map[string]any{"KeyId": id}).Raw)
	for _, path := range []string{
		"description", "enable", "disable", "policy", "grants", "grants/revoke", "aliases/add", "aliases/move", "aliases/delete", "tags/set", "tags/remove",
		"rotation/on", "rotation/off", "rotation/now", "deletion", "deletion/material", "deletion/cancel",
	} {
		res, err := b.http.PostForm(b.s.URL+"/console/keys/"+id+"/"+path, map[string][]string{"confirm": {id}, "days": {"7"}})
		b.page(res, err).want(http.StatusForbidden, "StalePage")
	}
	if now := string(root.Must("DescribeKey", map[string]any{"KeyId": id}).Raw); now != before {
		t.Errorf("the key: got %s, want %s", now, before)
	}
}

func TestKeyOfAsymmetric(t *testing.T) {
	b, root, id := aKey(t, `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`)
	b.get("/console/keys/"+id).want(http.StatusOK, "-----BEGIN PUBLIC KEY-----", "ECDSA_SHA_256", "Signs, and verifies signatures")
	p := b.get("/console/keys/" + id + "/public-key.pem")
	p.want(http.StatusOK)
	block, rest := pem.Decode([]byte(p.text))
	if block == nil || len(rest) > 0 || !has(root, "GetPublicKey", id, encoded(block.Bytes)) {
		t.Errorf("got %q", p.text)
	}
	if got := p.res.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
		t.Errorf("Content-Disposition: got %q", got)
	}
	b.get("/console/keys/"+id+"/rotation").want(http.StatusOK, "Only symmetric encryption keys can be rotated")
}

// What people write is text, on every page that shows it.
func TestHostileTextOnKeyPages(t *testing.T) {
	const mark = `<img src=x onerror=alert(1)>`
	b, root, id := aKey(t, `{}`)
	root.Must("UpdateKeyDescription", map[string]any{"KeyId": id, "Description": mark + "\u202egnp.exe"})
	root.Must("TagResource", map[string]any{"KeyId": id, "Tags": []map[string]string{{"TagKey": "a\u202eb", "TagValue": "\u200bx"}}})
	root.Must("CreateAlias", map[string]any{"AliasName": "alias/__proto__", "TargetKeyId": id})
	root.Must("CreateGrant", map[string]any{
		"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":root", "Operations": []string{"Decrypt"},
		"Constraints": map[string]any{"EncryptionContextSubset": map[string]string{mark: "\u202e" + mark}},
	})
	root.Must("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": strings.ReplaceAll(whole, `"kms:*"`, `["kms:*","kms:</textarea><script>"]`)})
	for _, tab := range []string{"", "/policy", "/grants", "/names", "/rotation", "/import", "/regions", "/deletion"} {
		p := b.get("/console/keys/" + id + tab)
		p.want(http.StatusOK)
		p.without("<img", "</textarea><script>", "onerror=alert(1)>")
		if tab == "/names" || tab == "" || tab == "/grants" {
			p.want(http.StatusOK, `<span class="unseen">U+202E</span>`)
		}
	}
	b.post("/console/keys/"+id+"/description", "description", mark+strings.Repeat("x", 8200)).without("<img")
	b.post("/console/keys/"+id+"/policy", "do", "check", "policy", `{"`+mark).without("<img")
	b.post("/console/keys/"+id+"/grants", "grantee", `"`+mark, "pairs", mark).without("<img")
}

// Who may see and do some things sees and does these, and is told of the others that they are withheld.
func TestKeyPagesOfWhoMayNotSeeAll(t *testing.T) {
	b, root, id := aKey(t, `{"Description":"only for some"}`)
	for name, row := range map[string]struct{ may, tab, shows, refuses string }{
		"describes, sees no aliases": {"DescribeKey", "", "only for some", "kms:ListAliases"},
		"sees last use alone":        {"GetKeyLastUsage", "", "Never, since", "kms:DescribeKey"},
		"sees tags alone":            {"ListResourceTags", "/names", "The key has no tags.", "kms:ListAliases"},
		"sees grants alone":          {"ListGrants", "/grants", "There are no grants on this key.", "kms:DescribeKey"},
		"sees rotation, not history": {"GetKeyRotationStatus", "/rotation", "The key is not rotated by the calendar.", "kms:ListKeyRotations"},
		"sees policy alone":          {"GetKeyPolicy", "/policy", "Enable IAM User Permissions", "kms:DescribeKey"},
	} {
		t.Run(name, func(t *testing.T) {
			c := root.Server.NewUser(kmstest.Account, "of-"+row.may, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:%s","Resource":"*"}}`, row.may))
			signedIn(t, c).get("/console/keys/"+id+row.tab).want(http.StatusOK, row.shows, "Not for you to see", row.refuses)
		})
	}
	stranger := signedIn(t, root.Server.As("444455556666"))
	for _, tab := range []string{"", "/policy", "/grants", "/names", "/rotation", "/import", "/regions", "/deletion"} {
		stranger.get("/console/keys/"+id+tab).want(http.StatusNotFound, "NotFoundException")
	}
	stranger.get("/console/keys/" + id + "/public-key.pem").want(http.StatusNotFound)
	stranger.post("/console/keys/" + id + "/disable").want(http.StatusNotFound)
	b.get("/console/keys/"+id).want(http.StatusOK, "It can be used.")
}

func TestMultiRegionKeyPage(t *testing.T) {
	b, root, id := aKey(t, `{"MultiRegion":true}`)
	root.Must("ReplicateKey", map[string]any{"KeyId": id, "ReplicaRegion": "eu-west-1"})
	b.get("/console/keys/"+id).want(http.StatusOK, "This is the primary", "eu-west-1", "Replica")
	b.get("/console/keys/"+id+"/deletion").want(http.StatusOK, "waits until its replicas are deleted")
	b.post("/console/region", "region", "eu-west-1")
	b.get("/console/keys/"+id).want(http.StatusOK, "This is a replica")
}

var idField = regexp.MustCompile(` id="([^"]+)"`)

// Ids are unique on a page, and each label is of a field.
func TestFieldsOfKeyPages(t *testing.T) {
	b, root, id := aKey(t, `{"MultiRegion":true,"Origin":"EXTERNAL","Tags":[{"TagKey":"a","TagValue":"1"},{"TagKey":"b","TagValue":"2"}]}`)
	root.Must("CreateAlias", map[string]any{"AliasName": "alias/pay", "TargetKeyId": id})
	for _, tab := range []string{"", "/policy", "/grants", "/names", "/rotation", "/deletion"} {
		p := b.get("/console/keys/" + id + tab)
		seen := map[string]bool{}
		for _, m := range idField.FindAllStringSubmatch(p.text, -1) {
			if seen[m[1]] {
				t.Errorf("%s: the id %q occurs twice", tab, m[1])
			}
			seen[m[1]] = true
		}
		for _, m := range regexp.MustCompile(` (?:for|aria-describedby|data-unlock|data-copy)="([^"]+)"`).FindAllStringSubmatch(p.text, -1) {
			if !seen[m[1]] {
				t.Errorf("%s: nothing has the id %q", tab, m[1])
			}
		}
	}
}
