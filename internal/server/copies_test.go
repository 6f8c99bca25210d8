package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"qkms/internal/kmstest"
)

// An event is what these tests look at in a record.
type event struct {
	EventID, RequestID, SharedEventID, RecipientAccountID, ErrorCode string
	UserIdentity                                                     map[string]any
	Resources                                                        []struct{ AccountID, ARN string }
}

// events are the records of an operation with that request id, by the account they are for.
func events(t *testing.T, s *kmstest.Server, r *kmstest.Reply) map[string]event {
	t.Helper()
	out := map[string]event{}
	for _, rec := range s.Records() {
		var e event
		if err := json.Unmarshal(rec.Line, &e); err != nil {
			t.Fatal(err)
		}
		if e.RequestID == r.Header.Get("x-amzn-RequestId") {
			if _, twice := out[e.RecipientAccountID]; twice {
				t.Errorf("account %s has two records of %s", e.RecipientAccountID, e.RequestID)
			}
			out[e.RecipientAccountID] = e
		}
	}
	return out
}

const caller = "444455556666"

// shared makes a key of account that the caller may use with everything that crosses accounts.
func shared(s *kmstest.Server, account string) (arn string) {
	policy := fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":[%q,%q]},"Action":"kms:*","Resource":"*"}]}`, account, caller)
	return s.As(account).Must("CreateKey", map[string]any{"Policy": policy}).String("KeyMetadata.Arn")
}

func TestOwnersGetACopyOfWhatOthersDoWithTheirKeys(t *testing.T) {
	s := kmstest.New(t)
	a, b := shared(s, kmstest.Account), shared(s, "777788889999")
	disabled := shared(s, kmstest.Account)
	closed := s.As(kmstest.Account).Must("CreateKey", map[string]any{}).String("KeyMetadata.Arn")
	s.As(kmstest.Account).Must("DisableKey", map[string]any{"KeyId": disabled})
	c := s.As(caller)
	own := c.Must("CreateKey", map[string]any{}).String("KeyMetadata.Arn")
	blob := c.Must("Encrypt", map[string]any{"KeyId": a, "Plaintext": "aGk="}).String("CiphertextBlob")

	for name, row := range map[string]struct {
		op     string
		in     map[string]any
		copies map[string][]string // the keys that each account's record tells of
	}{
		"success":           {"Encrypt", map[string]any{"KeyId": a, "Plaintext": "aGk="}, map[string][]string{caller: {a}, kmstest.Account: {a}}},
		"a change":          {"CreateGrant", map[string]any{"KeyId": a, "GranteePrincipal": "arn:aws:iam::444455556666:root", "Operations": []string{"Encrypt"}}, map[string][]string{caller: {a}, kmstest.Account: {a}}},
		"own key":           {"Encrypt", map[string]any{"KeyId": own, "Plaintext": "aGk="}, map[string][]string{caller: {own}}},
		"refused by state":  {"Encrypt", map[string]any{"KeyId": disabled, "Plaintext": "aGk="}, map[string][]string{caller: {disabled}, kmstest.Account: {disabled}}},
		"denied":            {"Encrypt", map[string]any{"KeyId": closed, "Plaintext": "aGk="}, map[string][]string{caller: nil}},
		"dry run":           {"Encrypt", map[string]any{"KeyId": a, "Plaintext": "aGk=", "DryRun": true}, map[string][]string{caller: {a}, kmstest.Account: {a}}},
		"two owners":        {"ReEncrypt", map[string]any{"CiphertextBlob": blob, "DestinationKeyId": b}, map[string][]string{caller: {a, b}, kmstest.Account: {a}, "777788889999": {b}}},
		"one owner, twice":  {"ReEncrypt", map[string]any{"CiphertextBlob": blob, "DestinationKeyId": a}, map[string][]string{caller: {a, a}, kmstest.Account: {a, a}}},
		"no key, no copies": {"GenerateRandom", map[string]any{"NumberOfBytes": 1}, map[string][]string{caller: nil}},
	} {
		t.Run(name, func(t *testing.T) {
			got := events(t, s, c.Call(row.op, row.in))
			if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(row.copies))) {
				t.Fatalf("got records for %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(row.copies)))
			}
			ids := map[string]bool{}
			for account, keys := range row.copies {
				e := got[account]
				ids[e.EventID] = true
				var arns []string
				for _, r := range e.Resources {
					arns = append(arns, r.ARN)
				}
				if !slices.Equal(arns, keys) {
					t.Errorf("%s: got resources %v, want %v", account, arns, keys)
				}
				if (e.SharedEventID != "") != (len(row.copies) > 1) || e.SharedEventID != got[caller].SharedEventID {
					t.Errorf("%s: got sharedEventID %q, the caller's record has %q", account, e.SharedEventID, got[caller].SharedEventID)
				}
				if e.ErrorCode != got[caller].ErrorCode {
					t.Errorf("%s: got errorCode %q, want %q", account, e.ErrorCode, got[caller].ErrorCode)
				}
				who := map[string]any{"type": "AWSAccount", "principalId": caller, "accountId": caller}
				if account != caller && !maps.Equal(e.UserIdentity, who) {
					t.Errorf("%s: got userIdentity %v, want %v", account, e.UserIdentity, who)
				}
			}
			if len(ids) != len(row.copies) {
				t.Errorf("got event ids %v, want one for each copy", ids)
			}
		})
	}
}

// A service has no account of its own: what it does with a key stands in the log of the key's owner alone.
func TestRecordsOfServicesAreTheOwners(t *testing.T) {
	s := kmstest.New(t)
	policy := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333","Service":"s3.amazonaws.com"},"Action":"kms:*","Resource":"*"}]}`
	id := s.As(kmstest.Account).Must("CreateKey", map[string]any{"Policy": policy}).String("KeyMetadata.Arn")
	access, secret, change := s.AccessKeys.OfService("s3.amazonaws.com", "", "", s.Clock.Now())
	if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
	c := &kmstest.Client{Server: s, AccessKeyID: access, Secret: secret, Region: kmstest.Region}
	got := events(t, s, c.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="}))
	e := got[kmstest.Account]
	if len(got) != 1 || e.UserIdentity["type"] != "AWSService" || e.UserIdentity["invokedBy"] != "s3.amazonaws.com" || e.SharedEventID != "" {
		t.Errorf("got %+v, want one record, of the service, in the owner's account", got)
	}
}
