package server_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

func recordAccessKey(id string) record.Key { return record.OfAccessKey(id) }

// Who is made anew under a name has nothing of who had it (access.md §2.2); who is renamed keeps it.
func TestNamesAreNotWho(t *testing.T) {
	w := decisionWorld(t)
	root := w.As(home)
	to := func(principal string) string { return statement("Allow", arnOf(home, principal), "kms:*") }
	w.User(&recordpb.User{Name: "gone"})
	w.Role(&recordpb.Role{Name: "r-gone", Path: "/team/"})
	userKey, roleKey := w.key(to("user/gone"), to("user/able")), w.key(to("role/team/r-gone"))
	granted := w.key(statement("Allow", home, "kms:*"))
	for _, principal := range []string{arnOf(home, "user/gone"), arnOf(home, "role/team/r-gone"), "arn:aws:sts::" + home + ":assumed-role/r-gone/test"} {
		root.Must("CreateGrant", map[string]any{"KeyId": granted, "GranteePrincipal": principal, "Operations": []string{"Encrypt"}})
	}
	encrypt := func(id string) map[string]any { return map[string]any{"KeyId": id, "Plaintext": "aGk="} }
	user, session := w.User(&recordpb.User{Name: "gone"}), (*kmstest.Client)(nil)
	w.Role(&recordpb.Role{Name: "r-gone", Path: "/team/"})
	session = w.Session(&recordpb.Session{Role: "r-gone"})
	t.Run("a user, by key policy", func(t *testing.T) { ends(t, user.Call("Encrypt", encrypt(userKey)), noKey) })
	t.Run("a user, by grant", func(t *testing.T) { ends(t, user.Call("Encrypt", encrypt(granted)), noIdentity) })
	t.Run("a role, by key policy", func(t *testing.T) { ends(t, session.Call("Encrypt", encrypt(roleKey)), noKey) })
	t.Run("a role and its session, by grant", func(t *testing.T) { ends(t, session.Call("Encrypt", encrypt(granted)), noIdentity) })

	root.MustIAM("UpdateUser", "UserName", "able", "NewUserName", "renamed", "NewPath", "/else/")
	t.Run("renamed, by key policy", func(t *testing.T) { ends(t, w.callers["able"].Call("Encrypt", encrypt(userKey)), through) })
	w.User(&recordpb.User{Name: "able"})
	t.Run("renamed, and somebody has the name", func(t *testing.T) { ends(t, w.callers["able"].Call("Encrypt", encrypt(userKey)), through) })
	if got := root.Must("GetKeyPolicy", map[string]any{"KeyId": granted}).String("Policy"); strings.Contains(got, "gone") {
		t.Errorf("got %s", got)
	}
}

// A key is found by each of its names, a ciphertext among them; who is no part of its account learns from none of them
// whether there is one (access.md §4.1, §4.4).
func TestStrangersLearnNothing(t *testing.T) {
	w := decisionWorld(t)
	root := w.As(home)
	arn := w.key(statement("Allow", home, "kms:*"))
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	missing := "1234abcd-12ab-34cd-56ef-1234567890ab"
	root.Must("CreateAlias", map[string]any{"AliasName": "alias/there", "TargetKeyId": id})
	grant := root.Must("CreateGrant", map[string]any{"KeyId": id, "GranteePrincipal": arnOf(home, "user/bare"), "Operations": []string{"Encrypt"}}).String("GrantId")
	blob := root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="}).String("CiphertextBlob")
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	raw[5] ^= 1 // in the key id
	other := base64.StdEncoding.EncodeToString(raw)
	kms := "arn:aws:kms:us-east-1:" + home + ":"
	for _, row := range []struct {
		name, operation string
		there, not      map[string]any
	}{
		{"by ARN", "Encrypt", map[string]any{"KeyId": arn, "Plaintext": "aGk="}, map[string]any{"KeyId": kms + "key/" + missing, "Plaintext": "aGk="}},
		{"by ARN of the other style", "Encrypt", map[string]any{"KeyId": "arn:verenc:" + home + ":key/" + id, "Plaintext": "aGk="}, map[string]any{"KeyId": "arn:verenc:" + home + ":key/" + missing, "Plaintext": "aGk="}},
		{"by alias", "DescribeKey", map[string]any{"KeyId": kms + "alias/there"}, map[string]any{"KeyId": kms + "alias/not"}},
		{"what never crosses accounts", "GetKeyPolicy", map[string]any{"KeyId": arn}, map[string]any{"KeyId": kms + "key/" + missing}},
		{"by ciphertext", "Decrypt", map[string]any{"CiphertextBlob": blob}, map[string]any{"CiphertextBlob": other}},
		{"by grant", "RetireGrant", map[string]any{"KeyId": arn, "GrantId": grant}, map[string]any{"KeyId": kms + "key/" + missing, "GrantId": grant}},
		{"by grant that is not there", "RetireGrant", map[string]any{"KeyId": arn, "GrantId": grant}, map[string]any{"KeyId": arn, "GrantId": strings.Repeat("0", 64)}},
		{"to revoke", "RevokeGrant", map[string]any{"KeyId": arn, "GrantId": grant}, map[string]any{"KeyId": kms + "key/" + missing, "GrantId": grant}},
	} {
		for _, who := range []string{"away", "away-able", "away-bound", "away root", "service"} {
			t.Run(row.name+" "+who, func(t *testing.T) {
				there, not := w.callers[who].Call(row.operation, row.there), w.callers[who].Call(row.operation, row.not)
				if there.Code() != "AccessDeniedException" || string(there.Raw) != string(not.Raw) || there.Status != not.Status {
					t.Errorf("got %s where it is there, and %s where it is not", there.Raw, not.Raw)
				}
				for account, decided := range decisions(t, w.Server, there) {
					if decided != decisions(t, w.Server, not)[account] {
						t.Errorf("account %s: got %s where it is there, and %s where it is not", account, decided, decisions(t, w.Server, not)[account])
					}
				}
			})
		}
	}
}
