package node_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

// Who asks again for what was just done may never have had the answer to the first request: SDKs ask again by
// themselves. The answer that finds nothing left to change waits like the one that was lost.
func TestWhatIsTakenAwayTwiceIsFencedTwice(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{"Origin":"EXTERNAL"}`).String("KeyMetadata.KeyId")
	empty := owner.Must("CreateKey", `{"Origin":"EXTERNAL"}`).String("KeyMetadata.KeyId")
	owner.Must("CreateAlias", map[string]any{"AliasName": "alias/a", "TargetKeyId": id})
	owner.Must("TagResource", map[string]any{"KeyId": id, "Tags": []map[string]string{{"TagKey": "k", "TagValue": "v"}}})
	fill(t, owner, id)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`
	for _, c := range []struct {
		operation string
		input     map[string]any
	}{
		{"DisableKey", map[string]any{"KeyId": id}},
		{"PutKeyPolicy", map[string]any{"KeyId": id, "Policy": policy}},
		{"TagResource", map[string]any{"KeyId": id, "Tags": []map[string]string{{"TagKey": "k", "TagValue": "w"}}}},
		{"UntagResource", map[string]any{"KeyId": id, "TagKeys": []string{"k"}}},
		{"UpdateAlias", map[string]any{"AliasName": "alias/a", "TargetKeyId": id}},
		{"DeleteImportedKeyMaterial", map[string]any{"KeyId": id}},
		{"DeleteImportedKeyMaterial", map[string]any{"KeyId": empty}},
	} {
		for _, s := range []*kmstest.Server{a, b, a} {
			if r := on(s, owner).Call(c.operation, c.input); r.Status != 200 || r.Header.Get("X-Qkms-Coherence") != fenced {
				t.Errorf("%s again: got status %d %s, X-Qkms-Coherence %q, want 200, %q", c.operation, r.Status, r.Raw, r.Header.Get("X-Qkms-Coherence"), fenced)
			}
		}
	}
}

// fill imports a material into a key.
func fill(t *testing.T, c *kmstest.Client, id string) *kmstest.Reply {
	t.Helper()
	return importUntil(t, c, id, nil)
}

// importUntil is fill with what else the request says.
func importUntil(t *testing.T, c *kmstest.Client, id string, also map[string]any) *kmstest.Reply {
	t.Helper()
	p := c.Must("GetParametersForImport", map[string]any{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	public, err := base64.StdEncoding.DecodeString(p.String("PublicKey"))
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]any{
		"KeyId": id, "ImportToken": p.String("ImportToken"), "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
		"EncryptedKeyMaterial": kmstest.Wrap(t, public, "RSAES_OAEP_SHA_256", []byte(strings.Repeat("m", 32))),
	}
	for name, value := range also {
		in[name] = value
	}
	return c.Must("ImportKeyMaterial", in)
}

// So it is with identities.
func TestWhatIsTakenFromAnIdentityTwiceIsFencedTwice(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	user := a.NewUser(kmstest.Account, "u", "")
	arn := "arn:aws:iam::" + kmstest.Account
	must := func(action string, params ...string) {
		t.Helper()
		if r := owner.Query("iam", action, params...); r.Status != 200 {
			t.Fatalf("%s: got %s", action, r.Raw)
		}
	}
	must("CreateGroup", "GroupName", "g")
	must("CreatePolicy", "PolicyName", "p", "PolicyDocument", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}`)
	must("CreateOpenIDConnectProvider", "Url", "https://token.example.com", "ClientIDList.member.1", "one", "ClientIDList.member.2", "two",
		"ThumbprintList.member.1", strings.Repeat("a", 40))
	provider := arn + ":oidc-provider/token.example.com"
	for _, c := range [][]string{
		{"AttachUserPolicy", "UserName", "u", "PolicyArn", arn + ":policy/p"},
		{"PutUserPermissionsBoundary", "UserName", "u", "PermissionsBoundary", arn + ":policy/p"},
		{"AddUserToGroup", "GroupName", "g", "UserName", "u"},
		{"UpdateAccessKey", "UserName", "u", "AccessKeyId", user.AccessKeyID, "Status", "Inactive"},
		{"RemoveClientIDFromOpenIDConnectProvider", "OpenIDConnectProviderArn", provider, "ClientID", "one"},
		{"DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn", provider},
	} {
		for _, s := range []*kmstest.Server{a, b, a} {
			if r := on(s, owner).Query("iam", c[0], c[1:]...); r.Status != 200 || r.Header.Get("X-Qkms-Coherence") != fenced {
				t.Errorf("%s again: got status %d %s, X-Qkms-Coherence %q, want 200, %q", c[0], r.Status, r.Raw, r.Header.Get("X-Qkms-Coherence"), fenced)
			}
		}
	}
}

// What is made may take away, too: an alias that a policy denies, a nearer end of a material.
func TestWhatIsMadeAndTakesAway(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{"Origin":"EXTERNAL"}`).String("KeyMetadata.KeyId")
	fill(t, owner, id)
	encrypt := map[string]any{"KeyId": id, "Plaintext": "aGk="}
	on(b, owner).Must("Encrypt", encrypt)
	near := map[string]any{"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": a.Clock.Now().Add(time.Hour).Unix()}
	wantFence(t, importUntil(t, owner, id, near), fenced)
	a.Clock.Advance(2 * time.Hour)
	if code := on(b, owner).Call("Encrypt", encrypt).Code(); code != "KMSInvalidStateException" {
		t.Errorf("after the new end of its material: got %q, want KMSInvalidStateException", code)
	}

	user := a.NewUser(kmstest.Account, "u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},`+
		`{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/retired"}}}]}`)
	id = owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	encrypt["KeyId"] = id
	on(b, user).Must("Encrypt", encrypt)
	wantFence(t, owner.Call("CreateAlias", map[string]any{"AliasName": "alias/retired", "TargetKeyId": id}), fenced)
	if code := on(b, user).Call("Encrypt", encrypt).Code(); code != "AccessDeniedException" {
		t.Errorf("with the alias: got %q, want AccessDeniedException", code)
	}
}
