package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/throttle"
)

const (
	tooFast  = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
	stranger = "444455556666"
)

// slowly starts a server that has the rates of limits and no others.
func slowly(t *testing.T, limits map[string]int) *kmstest.Server {
	t.Helper()
	var rates throttle.Rates
	fields := rates.Fields()
	for name, n := range limits {
		*fields[name] = n
	}
	return kmstest.With(t, kmstest.Options{Rates: rates})
}

// spend calls until it is throttled, and fails the test unless n calls got through before.
func spend(t *testing.T, c *kmstest.Client, n int, operation string, body any) {
	t.Helper()
	for i := range n {
		if r := c.Call(operation, body); r.Code() == "ThrottlingException" {
			t.Fatalf("%s: got throttled after %d, want %d", operation, i, n)
		}
	}
	throttled(t, c.Call(operation, body))
}

func throttled(t *testing.T, r *kmstest.Reply) {
	t.Helper()
	if r.Status != 400 {
		t.Errorf("got status %d, want 400", r.Status)
	}
	refused(t, r, "ThrottlingException", tooFast)
}

// AWS's rates: a second's worth at once, then as fast as it fills; each account, Region and class for
// itself. What is refused is on record.
func TestRates(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Rates: throttle.AWS()})
	root := s.As(kmstest.Account)
	spend(t, root, 5, "CreateKey", `{"Description":"one of many"}`)
	records := s.Records()
	last := string(records[len(records)-1].Line)
	for _, want := range []string{`"errorCode":"ThrottlingException"`, tooFast, `"eventName":"CreateKey"`, `"one of many"`, `"recipientAccountId":"` + kmstest.Account + `"`} {
		if !strings.Contains(last, want) {
			t.Errorf("the record lacks %s: %s", want, last)
		}
	}
	root.Must("ListKeys", `{}`)
	root.In("eu-west-1").Must("CreateKey", `{}`)
	s.As(stranger).Must("CreateKey", `{}`)

	s.Clock.Advance(199 * time.Millisecond)
	throttled(t, root.Call("CreateKey", `{}`))
	s.Clock.Advance(time.Millisecond)
	spend(t, root, 1, "CreateKey", `{}`)
	s.Clock.Advance(time.Hour)
	spend(t, root, 5, "CreateKey", `{}`)
}

// The caller pays, not the owner of the key.
func TestTheCallerPays(t *testing.T) {
	s := slowly(t, map[string]int{"symmetric": 3})
	owner, other := s.As(kmstest.Account), s.As(stranger)
	arn := owner.Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	owner.Must("CreateGrant", map[string]any{"KeyId": arn, "GranteePrincipal": "arn:aws:iam::" + stranger + ":root", "Operations": []string{"Encrypt"}})
	spend(t, other, 3, "Encrypt", fmt.Sprintf(`{"KeyId":"%s","Plaintext":"aGk="}`, arn))
	for range 3 {
		owner.Must("GenerateDataKey", fmt.Sprintf(`{"KeyId":"%s","KeySpec":"AES_256"}`, arn))
	}
	throttled(t, owner.Call("GenerateRandom", `{"NumberOfBytes":16}`))
}

// Each kind of key has a pool, and each spec of data key pairs.
func TestPoolsApart(t *testing.T) {
	s := slowly(t, map[string]int{"symmetric": 2, "rsa": 2, "ecc": 2, "pair-ECC_NIST_P256": 1})
	root := s.As(kmstest.Account)
	made := func(spec, usage string) string {
		return root.Must("CreateKey", map[string]string{"KeySpec": spec, "KeyUsage": usage}).String("KeyMetadata.KeyId")
	}
	aes, rsa, ecc := made("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), made("RSA_2048", "ENCRYPT_DECRYPT"), made("ECC_NIST_P256", "SIGN_VERIFY")
	blob := root.Must("Encrypt", map[string]any{"KeyId": rsa, "Plaintext": "aGk=", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}).String("CiphertextBlob")
	spend(t, root, 1, "Decrypt", map[string]any{"KeyId": rsa, "CiphertextBlob": blob, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"})
	spend(t, root, 2, "Encrypt", map[string]any{"KeyId": aes, "Plaintext": "aGk="})
	spend(t, root, 2, "Sign", map[string]any{"KeyId": ecc, "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256"})
	pair := map[string]any{"KeyId": aes, "KeyPairSpec": "ECC_NIST_P256"}
	root.Must("GenerateDataKeyPair", pair)
	throttled(t, root.Call("GenerateDataKeyPairWithoutPlaintext", pair))
	root.Must("GenerateDataKeyPair", map[string]any{"KeyId": aes, "KeyPairSpec": "ECC_NIST_P384"})
}

// No kind of cryptography is to be had for a pool of another kind: who names another algorithm than the
// key's is refused, and has paid.
func TestWrongAlgorithmPaysAndGetsNothing(t *testing.T) {
	s := slowly(t, map[string]int{"symmetric": 1, "rsa": 1})
	root := s.As(kmstest.Account)
	rsa := root.Must("CreateKey", `{"KeySpec":"RSA_2048","KeyUsage":"ENCRYPT_DECRYPT"}`).String("KeyMetadata.KeyId")
	blob := root.Must("Encrypt", map[string]any{"KeyId": rsa, "Plaintext": "aGk=", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}).String("CiphertextBlob")
	if r := root.Call("Decrypt", map[string]any{"KeyId": rsa, "CiphertextBlob": blob}); r.Status == 200 || r.Code() == "ThrottlingException" {
		t.Errorf("RSA as symmetric: got %s, want a refusal", r.Raw)
	}
	throttled(t, root.Call("Decrypt", map[string]any{"KeyId": rsa, "CiphertextBlob": blob}))
}

// Refusals count, and dry runs; requests of nobody do not.
func TestWhatCounts(t *testing.T) {
	s := slowly(t, map[string]int{"DisableKey": 2, "symmetric": 2})
	owner, other := s.As(kmstest.Account), s.As(stranger)
	arn := owner.Must("CreateKey", `{}`).String("KeyMetadata.Arn")

	forged := *other
	forged.Secret = "not the secret"
	for range 5 {
		if r := forged.Call("DisableKey", fmt.Sprintf(`{"KeyId":"%s"}`, arn)); r.Code() != "InvalidSignatureException" {
			t.Fatalf("got %s, want a signature refused", r.Raw)
		}
	}
	for range 2 {
		if r := other.Call("DisableKey", fmt.Sprintf(`{"KeyId":"%s"}`, arn)); r.Code() != "AccessDeniedException" {
			t.Fatalf("got %s, want a refusal", r.Raw)
		}
	}
	throttled(t, other.Call("DisableKey", fmt.Sprintf(`{"KeyId":"%s"}`, arn)))
	throttled(t, other.Call("DisableKey", `{"KeyId":"alias/none"}`)) // before anything is looked up
	owner.Must("DisableKey", fmt.Sprintf(`{"KeyId":"%s"}`, arn))

	spend(t, owner, 2, "Encrypt", fmt.Sprintf(`{"KeyId":"%s","Plaintext":"aGk=","DryRun":true}`, arn))
}

// A request is counted once, however often its change is built anew (pipeline.go, attempts).
func TestConflictsAreCountedOnce(t *testing.T) {
	s := slowly(t, map[string]int{"CreateGrant": 16})
	s.Exists("user/alice")
	root := s.As(kmstest.Account)
	id := newKey(root)
	for i, r := range atOnce(16, func(i int) *kmstest.Reply {
		return root.Call("CreateGrant", aGrant(id, map[string]any{"Name": fmt.Sprint("grant-", i)}))
	}) {
		if r.Status != 200 {
			t.Errorf("grant %d of 16: got %s", i, r.Raw)
		}
	}
	throttled(t, root.Call("CreateGrant", aGrant(id, nil)))
}

// A replica is also two keys made where it comes.
func TestReplicaCountsAsTwoKeys(t *testing.T) {
	s := slowly(t, map[string]int{"CreateKey": 3})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{"MultiRegion":true}`).String("KeyMetadata.KeyId")
	root.Must("ReplicateKey", fmt.Sprintf(`{"KeyId":"%s","ReplicaRegion":"eu-west-1"}`, id))
	spend(t, root.In("eu-west-1"), 1, "CreateKey", `{}`)
	spend(t, root, 2, "CreateKey", `{}`)
}

// Buckets begin full with the process.
func TestRatesAfterRestart(t *testing.T) {
	s := slowly(t, map[string]int{"CreateKey": 1})
	root := s.As(kmstest.Account)
	spend(t, root, 1, "CreateKey", `{}`)
	s.Restart()
	spend(t, root, 1, "CreateKey", `{}`)
}

// The other services at the endpoint have rates of their own, and words of their own.
func TestRatesOfOtherServices(t *testing.T) {
	s := slowly(t, map[string]int{"sts": 2, "iam": 1})
	root := s.As(kmstest.Account)
	for _, row := range []struct {
		service, action string
		n               int
	}{{"sts", "GetCallerIdentity", 2}, {"iam", "ListUsers", 1}} {
		for i := range row.n {
			if r := root.Query(row.service, row.action); r.Status != 200 {
				t.Fatalf("%s %d: got %d %s", row.action, i, r.Status, r.Raw)
			}
		}
		r := root.Query(row.service, row.action)
		if r.Status != 400 || r.Text("Code") != "Throttling" || r.Text("Message") != "Rate exceeded" {
			t.Errorf("%s: got %d %s, want Throttling", row.action, r.Status, r.Raw)
		}
	}
	if r := s.As(stranger).Query("sts", "GetCallerIdentity"); r.Status != 200 {
		t.Errorf("another account: got %d %s", r.Status, r.Raw)
	}
}
