package server_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// decisions are what the records of a request tell of its authorization, by the account they are for.
func decisions(t *testing.T, s *kmstest.Server, r *kmstest.Reply) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, rec := range s.Records() {
		var e struct {
			RequestID, RecipientAccountID string
			AdditionalEventData           struct{ Authorization json.RawMessage }
		}
		if err := json.Unmarshal(rec.Line, &e); err != nil {
			t.Fatal(err)
		}
		if e.RequestID == r.Header.Get("x-amzn-RequestId") {
			out[e.RecipientAccountID] = string(e.AdditionalEventData.Authorization)
		}
	}
	return out
}

const allowsAll = `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Sid":"B","Effect":"Allow","Action":"kms:*","Resource":"*"}]}`

// The record of a request says what decided it, and nobody's record what somebody else's policies say.
func TestRecordsTellWhatDecided(t *testing.T) {
	s := kmstest.New(t)
	const account = kmstest.Account
	with := func(m *recordpb.User) *kmstest.Client { return s.User(m) }
	inline := with(&recordpb.User{Name: "inline", Inline: []*recordpb.NamedPolicy{{Name: "kms", Text: allowsAll}}})
	managed := with(&recordpb.User{Name: "managed", Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}})
	bare := with(&recordpb.User{Name: "bare"})
	away := with(&recordpb.User{Account: caller, Name: "away", Inline: []*recordpb.NamedPolicy{{Name: "kms", Text: allowsAll}}})
	barred := with(&recordpb.User{Account: caller, Name: "barred"})
	root := s.As(account)
	own := root.Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	open := shared(s, account)
	missing := own[:len(own)-12] + "000000000000"
	grant := root.Must("CreateGrant", map[string]any{"KeyId": own, "GranteePrincipal": "arn:aws:iam::" + account + ":user/bare", "Operations": []string{"Encrypt"}}).String("GrantId")
	s.As(caller).Must("CreateKey", `{}`)
	denying := root.Must("CreateKey", map[string]any{"Policy": `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"},` +
		`{"Sid":"Never, ever","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}]}`}).String("KeyMetadata.Arn")

	const enabled = `[{"action":"kms:%s","decision":"Allowed","source":"KeyPolicy","statement":1,"sid":"Enable IAM User Permissions"}]`
	encrypt := func(id string) map[string]any { return map[string]any{"KeyId": id, "Plaintext": "aGk="} }
	for _, row := range []struct {
		name      string
		client    *kmstest.Client
		operation string
		in        any
		want      map[string]string
	}{
		{"the root user", root, "Encrypt", encrypt(own), map[string]string{account: fmt.Sprintf(enabled, "Encrypt")}},
		{"a key policy that leaves it to the account", inline, "Encrypt", encrypt(own), map[string]string{account: fmt.Sprintf(enabled, "Encrypt")}},
		{"an inline policy", inline, "GenerateRandom", `{"NumberOfBytes":1}`, map[string]string{account: `[{"action":"kms:GenerateRandom","decision":"Allowed","source":"IdentityPolicy","policy":"kms","policyOf":"user/inline","statement":2,"sid":"B"}]`}},
		{"a managed policy", managed, "GenerateRandom", `{"NumberOfBytes":1}`, map[string]string{account: `[{"action":"kms:GenerateRandom","decision":"Allowed","source":"IdentityPolicy","policy":"arn:aws:iam::aws:policy/AdministratorAccess","statement":1}]`}},
		{"nothing", bare, "GenerateRandom", `{"NumberOfBytes":1}`, map[string]string{account: `[{"action":"kms:GenerateRandom","decision":"Denied","reason":"NoIdentityPolicy"}]`}},
		{"a grant", bare, "Encrypt", encrypt(own), map[string]string{account: `[{"action":"kms:Encrypt","decision":"Allowed","source":"Grant","grantId":"` + grant + `"}]`}},
		{"a Deny", root, "Encrypt", encrypt(denying), map[string]string{account: `[{"action":"kms:Encrypt","decision":"Denied","reason":"ExplicitDeny","source":"KeyPolicy","statement":2,"sid":"Never, ever"}]`}},
		{"refused by what is no decision", root, "Encrypt", `{"KeyId":"alias/none","Plaintext":"aGk="}`, map[string]string{account: ""}},
		{"another account's key", away, "Encrypt", encrypt(open), map[string]string{
			caller:  `[{"action":"kms:Encrypt","decision":"Allowed","source":"IdentityPolicy","policy":"kms","policyOf":"user/away","statement":2,"sid":"B"}]`,
			account: `[{"action":"kms:Encrypt","decision":"Allowed","source":"KeyPolicy","statement":1}]`,
		}},
		{"another account's key, as root", s.As(caller), "Encrypt", encrypt(open), map[string]string{
			caller:  `[{"action":"kms:Encrypt","decision":"Allowed"}]`,
			account: `[{"action":"kms:Encrypt","decision":"Allowed","source":"KeyPolicy","statement":1}]`,
		}},
		{"a Deny of another account's", s.As(caller), "Encrypt", encrypt(denying), map[string]string{caller: `[{"action":"kms:Encrypt","decision":"Denied","reason":"OutsideTheAccount"}]`}},
		{"silence of another account's", away, "Encrypt", encrypt(own), map[string]string{caller: `[{"action":"kms:Encrypt","decision":"Denied","reason":"OutsideTheAccount"}]`}},
		{"and no such key", away, "Encrypt", encrypt(missing), map[string]string{caller: `[{"action":"kms:Encrypt","decision":"Denied","reason":"OutsideTheAccount"}]`}},
		{"one's own side", barred, "Encrypt", encrypt(open), map[string]string{caller: `[{"action":"kms:Encrypt","decision":"Denied","reason":"NoIdentityPolicy"}]`}},
		{"and no such key", barred, "Encrypt", encrypt(missing), map[string]string{caller: `[{"action":"kms:Encrypt","decision":"Denied","reason":"NoIdentityPolicy"}]`}},
		{"what never crosses accounts", away, "DescribeCustomKeyStores", `{}`, map[string]string{caller: `[{"action":"kms:DescribeCustomKeyStores","decision":"Allowed","source":"IdentityPolicy","policy":"kms","policyOf":"user/away","statement":2,"sid":"B"}]`}},
		{"or is asked to", away, "EnableKey", map[string]any{"KeyId": open}, map[string]string{caller: `[{"action":"kms:EnableKey","decision":"Denied","reason":"OutsideTheAccount"}]`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := decisions(t, s, row.client.Call(row.operation, row.in))
			if len(got) != len(row.want) {
				t.Fatalf("got %v, want %v", got, row.want)
			}
			for account, want := range row.want {
				if got[account] != want {
					t.Errorf("%s: got %s, want %s", account, got[account], want)
				}
			}
		})
	}
}
