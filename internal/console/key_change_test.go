package console_test

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

func encoded(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

const whole = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + kmstest.Account + `:root"},"Action":"kms:*","Resource":"*"}]}`

func TestKeyNames(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	other := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	at := "/console/keys/" + id
	b.post(at+"/aliases/add", "alias", "pay").want(http.StatusOK, "The alias was added.", "alias/pay")
	b.post("/console/keys/"+other+"/aliases/add", "alias", "alias/pay").want(http.StatusBadRequest, "AlreadyExistsException", `value="alias/pay"`)
	if !has(root, "ListAliases", id, "alias/pay") {
		t.Error("the alias has moved")
	}
	b.post("/console/keys/"+other+"/aliases/move", "alias", "alias/pay").want(http.StatusOK, "this key&#39;s now", "alias/pay")
	if has(root, "ListAliases", id, "alias/pay") || !has(root, "ListAliases", other, "alias/pay") {
		t.Error("the alias has not moved")
	}
	b.post(at+"/aliases/delete", "alias", "alias/pay").want(http.StatusOK, "The alias was deleted.")
	if has(root, "ListAliases", other, "alias/pay") {
		t.Error("the alias is still there")
	}

	b.post(at+"/tags/set", "tag-key", "team", "tag-value", "red").want(http.StatusOK, "The tag was saved.", "team")
	b.post(at+"/tags/set", "tag-key", "team", "tag-value", "blue").want(http.StatusOK, "blue")
	if !has(root, "ListResourceTags", id, `"blue"`) || has(root, "ListResourceTags", id, `"red"`) {
		t.Error("the tag has another value")
	}
	b.post(at+"/tags/set", "tag-key", "aws:reserved", "tag-value", "x").want(http.StatusBadRequest, "TagException", `value="aws:reserved"`)
	b.post(at+"/tags/remove", "tag-key", "team").want(http.StatusOK, "The key has no tags.")
}

func TestKeyRotation(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	at := "/console/keys/" + id + "/rotation"
	b.get(at).want(http.StatusOK, "not rotated by the calendar", `value="365"`, "Encrypts and decrypts", "With the key")
	b.post(at+"/on", "days", "200").want(http.StatusOK, "Every 200 days", "next <time")
	b.post(at+"/on", "days", "soon").want(http.StatusBadRequest, "The period is to be a whole number.", `value="soon"`, "Every 200 days")
	b.post(at+"/on", "days", "7").want(http.StatusBadRequest, "ValidationException", `value="7"`)
	if !has(root, "GetKeyRotationStatus", id, `"RotationPeriodInDays":200`) {
		t.Error("the period is another")
	}
	b.post(at+"/off").want(http.StatusOK, "not rotated by the calendar")
	b.post(at+"/now").want(http.StatusOK, "The rotation has begun.")
	root.Server.Sweep()
	b.get(at).want(http.StatusOK, "Rotated on demand", "Decrypts what it has encrypted")
}

func TestKeyGrants(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	at := "/console/keys/" + id + "/grants"
	me := "arn:aws:iam::" + kmstest.Account + ":root"
	b.get(at).want(http.StatusOK, "There are no grants", `value="Decrypt"`)
	b.get(at).without(`value="Sign"`, `value="GetPublicKey"`)
	b.post(at, "grantee", me, "operation", "Decrypt", "name", "app", "constraint", "subset", "pairs", "App=orders\r\nStage=a=b").
		want(http.StatusOK, "The grant was made", "with an encryption context that has", "orders", "a=b", "app")
	list := root.Must("ListGrants", map[string]any{"KeyId": id})
	if !strings.Contains(string(list.Raw), `"EncryptionContextSubset":{"App":"orders","Stage":"a=b"}`) {
		t.Errorf("got %s", list.Raw)
	}
	for name, row := range map[string]struct {
		fields []string
		says   string
	}{
		"nobody there":               {[]string{"grantee", me + "x", "operation", "Decrypt"}, "InvalidArnException"},
		"no operation":               {[]string{"grantee", me}, "ValidationException"},
		"pairs, and any would do":    {[]string{"grantee", me, "operation", "Decrypt", "pairs", "App=orders"}, "ConstraintNotChosen"},
		"a constraint without pairs": {[]string{"grantee", me, "operation", "Decrypt", "constraint", "equals"}, "ConstraintIsEmpty"},
		"no pair":                    {[]string{"grantee", me, "operation", "Decrypt", "constraint", "equals", "pairs", "App"}, "MalformedPairs"},
		"a pair twice":               {[]string{"grantee", me, "operation", "Decrypt", "constraint", "equals", "pairs", "App=a\nApp=b"}, "MalformedPairs"},
		"half of JSON":               {[]string{"grantee", me, "operation", "Decrypt", "constraint", "equals", "pairs", `{"App":`}, "MalformedPairs"},
	} {
		t.Run(name, func(t *testing.T) {
			b.post(at, row.fields...).want(http.StatusBadRequest, row.says, `value="`+row.fields[1]+`"`)
		})
	}
	if now := root.Must("ListGrants", map[string]any{"KeyId": id}); string(now.Raw) != string(list.Raw) {
		t.Errorf("there are others: got %s, want %s", now.Raw, list.Raw)
	}
	for i := range 25 {
		root.Must("CreateGrant", map[string]any{"KeyId": id, "GranteePrincipal": me, "Operations": []string{"Encrypt"}, "Name": fmt.Sprintf("n%d", i)})
	}
	next := regexp.MustCompile(`href="([^"]+marker=[^"]+)">More grants`).FindStringSubmatch(b.get(at).text)
	if next == nil {
		t.Fatal("there is no second page")
	}
	b.get(html.UnescapeString(next[1])).want(http.StatusOK, "Revoke this grant")

	grant := regexp.MustCompile(`"GrantId":"([0-9a-f]+)"`).FindStringSubmatch(string(list.Raw))[1]
	b.post(at+"/revoke", "grant", grant).want(http.StatusOK, "The grant was revoked: "+grant)
	if has(root, "ListGrants", id, grant) {
		t.Error("the grant is still there")
	}
	b.post(at+"/revoke", "grant", grant).want(http.StatusNotFound, "NotFoundException")
}

// Nothing is deleted unless the visitor has typed which key it is: no script is needed to see to that.
func TestKeyDeletion(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	root.Must("CreateAlias", map[string]any{"AliasName": "alias/pay", "TargetKeyId": id})
	root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="})
	at := "/console/keys/" + id + "/deletion"
	b.get(at).want(http.StatusOK, "can never be decrypted again", "alias/pay", "Grants: none", "Encrypt, ", ":root", `data-word="`+id+` alias/pay"`)
	for _, typed := range []string{"", "yes", id[1:], "alias/other", "pay"} {
		b.post(at, "days", "7", "confirm", typed).want(http.StatusBadRequest, "NotConfirmed", `value="7"`)
	}
	b.post(at, "days", "3", "confirm", id).want(http.StatusBadRequest, "ValidationException", `value="3"`)
	b.post(at, "days", "never", "confirm", id).want(http.StatusBadRequest, "NotANumber")
	if !has(root, "DescribeKey", id, `"Enabled":true`) {
		t.Fatal("the key is not what it was")
	}
	b.post(at, "days", "7", "confirm", " alias/pay ").want(http.StatusOK, "PendingDeletion", "Cancel the deletion", "Until then the deletion can be cancelled")
	if !has(root, "DescribeKey", id, `"PendingDeletion"`) {
		t.Error("the key is not going to be deleted")
	}
	b.get("/console/keys/"+id).want(http.StatusOK, "cancel the deletion")
	b.post(at+"/cancel").want(http.StatusOK, "Disabled", "Enable the key")
	b.post(at, "days", "30", "confirm", id).want(http.StatusOK, "PendingDeletion")
}

// bring imports material into a key.
func bring(t *testing.T, root *kmstest.Client, id string) {
	t.Helper()
	p := root.Must("GetParametersForImport", map[string]any{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	public, err := base64.StdEncoding.DecodeString(p.String("PublicKey"))
	if err != nil {
		t.Fatal(err)
	}
	wrapped := kmstest.Wrap(t, public, "RSAES_OAEP_SHA_256", []byte(strings.Repeat("m", 32)))
	root.Must("ImportKeyMaterial", map[string]any{
		"KeyId": id, "ImportToken": p.String("ImportToken"), "EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
	})
}

func TestImportedKey(t *testing.T) {
	b, root, id := aKey(t, `{"Origin":"EXTERNAL"}`)
	at := "/console/keys/" + id
	b.get(at).want(http.StatusOK, "Imported: its owner made it elsewhere", "has no key material")
	bring(t, root, id)
	b.get(at).want(http.StatusOK, "It does not expire.")
	b.get(at+"/rotation").want(http.StatusOK, "Imported", "never")
	b.post(at+"/deletion/material", "confirm", "no").want(http.StatusBadRequest, "NotConfirmed")
	if !has(root, "DescribeKey", id, `"Enabled"`) {
		t.Fatal("the material is gone")
	}
	b.post(at+"/deletion/material", "confirm", id).want(http.StatusOK, "The material was deleted.", "PendingImport")
}

func TestKeyPolicyEditor(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	at := "/console/keys/" + id + "/policy"
	read := regexp.MustCompile(`name="read" value="([0-9a-f]+)"`).FindStringSubmatch(b.get(at).text)[1]
	was := root.Must("GetKeyPolicy", map[string]any{"KeyId": id}).String("Policy")
	lockout := strings.ReplaceAll(whole, "kms:*", "kms:Decrypt")
	for _, do := range []string{"check", "save"} {
		b.post(at, "do", do, "read", read, "policy", "{\r\n \"Version\": oops").want(http.StatusBadRequest, "MalformedPolicyDocumentException", "line 2, column", "&#34;Version&#34;: oops")
		b.post(at, "do", do, "read", read, "policy", lockout).want(http.StatusBadRequest, "MalformedPolicyDocumentException", html.EscapeString(`"kms:Decrypt"`))
	}
	root.Server.NewUser(kmstest.Account, "ann", "")
	more := strings.Replace(whole, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+kmstest.Account+`:user/ann"},"Action":"kms:Decrypt","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},`, 1)
	b.post(at, "do", "check", "read", read, "policy", more).want(http.StatusOK, "What this text would change", "user/ann", "gains", "kms:Decrypt: allowed under conditions", "nothing is saved yet")
	b.post(at, "do", "check", "read", read, "policy", whole).want(http.StatusOK, "Nobody gains or loses anything.")
	if now := root.Must("GetKeyPolicy", map[string]any{"KeyId": id}).String("Policy"); now != was {
		t.Fatalf("the policy: got %s, want %s", now, was)
	}
	b.post(at, "do", "save", "read", read, "policy", more).want(http.StatusOK, "The key policy was saved.", "user/ann")
	if !has(root, "GetKeyPolicy", id, "user/ann") {
		t.Error("the policy was not saved")
	}

	// Somebody else was faster: what they did is not lost unseen.
	p := b.post(at, "do", "save", "read", read, "policy", whole)
	p.want(http.StatusConflict, "PolicyChanged")
	if !has(root, "GetKeyPolicy", id, "user/ann") {
		t.Error("the policy was replaced")
	}
	read = regexp.MustCompile(`name="read" value="([0-9a-f]+)"`).FindStringSubmatch(p.text)[1]
	b.post(at, "do", "save", "read", read, "policy", whole).want(http.StatusOK, "The key policy was saved.")
}
