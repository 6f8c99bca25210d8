package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

const alice = "arn:aws:iam::" + kmstest.Account + ":user/alice"

// withAlice is a server on which the grantee of aGrant is there.
func withAlice(t testing.TB) *kmstest.Server {
	s := kmstest.New(t)
	s.Exists("user/alice", "user/alice2")
	return s
}

// aGrant asks for the smallest grant there is, changed by more.
func aGrant(id string, more map[string]any) map[string]any {
	body := map[string]any{"KeyId": id, "GranteePrincipal": alice, "Operations": []string{"DescribeKey"}}
	for name, v := range more {
		body[name] = v
	}
	return body
}

func newKey(c *kmstest.Client) string { return c.Must("CreateKey", `{}`).String("KeyMetadata.KeyId") }

// pages returns the ids of all pages of a list, in the order in which they came.
func pages(c *kmstest.Client, operation string, body map[string]any) (ids []string, count int) {
	for {
		r := c.Must(operation, body)
		count++
		for _, g := range r.Fields["Grants"].([]any) {
			ids = append(ids, g.(map[string]any)["GrantId"].(string))
		}
		if r.String("Truncated") != "true" {
			return ids, count
		}
		body["Marker"] = r.String("NextMarker")
	}
}

// atOnce runs f n times at once.
func atOnce[T any](n int, f func(i int) T) []T {
	replies := make([]T, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { replies[i] = f(i) })
	}
	wg.Wait()
	return replies
}

// What can be granted on a key is said by its spec and usage (access.md §6.3).
func TestGrantableOperations(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	const (
		base   = "CreateGrant, RetireGrant, DescribeKey"
		public = base + ", GetPublicKey"
	)
	for _, row := range []struct{ spec, usage, kind, valid string }{
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "a symmetric", base + ", Encrypt, Decrypt, ReEncryptFrom, ReEncryptTo, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext"},
		{"HMAC_256", "GENERATE_VERIFY_MAC", "a symmetric", base + ", GenerateMac, VerifyMac"},
		{"RSA_2048", "ENCRYPT_DECRYPT", "an asymmetric", public + ", Encrypt, Decrypt, ReEncryptFrom, ReEncryptTo"},
		{"RSA_2048", "SIGN_VERIFY", "an asymmetric", public + ", Sign, Verify"},
		{"ECC_NIST_P256", "KEY_AGREEMENT", "an asymmetric", public + ", DeriveSharedSecret"},
		{"ML_DSA_44", "SIGN_VERIFY", "an asymmetric", public + ", Sign, Verify"},
		{"ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "an asymmetric", public + ", Encapsulate, Decapsulate"},
	} {
		t.Run(row.spec+" "+row.usage, func(t *testing.T) {
			id := newKey(root)
			become(t, s, id, row.spec, row.usage)
			valid := strings.Split(row.valid, ", ")
			for _, o := range shape.GrantOperation("").Values() {
				got := root.Call("CreateGrant", aGrant(id, map[string]any{"Operations": []string{string(o)}}))
				want := fmt.Sprintf("Operations [%s] are not supported when creating a grant for %s KMS key with key usage %s. Valid operations are [%s]", o, row.kind, row.usage, row.valid)
				switch allowed := slices.Contains(valid, string(o)); {
				case allowed && got.Status != 200:
					t.Errorf("%s: got %s, want a grant", o, got.Raw)
				case !allowed && (got.Code() != "ValidationException" || got.Message() != want):
					t.Errorf("%s: got %s, want %s", o, got.Raw, want)
				}
			}
			got := root.Call("CreateGrant", aGrant(id, map[string]any{"Constraints": map[string]any{"EncryptionContextEquals": map[string]string{"a": "b"}}}))
			const only = "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."
			if row.spec == "SYMMETRIC_DEFAULT" && got.Status != 200 || row.spec != "SYMMETRIC_DEFAULT" && got.Message() != only {
				t.Errorf("a context constraint: got %s", got.Raw)
			}
			root.Must("CreateGrant", aGrant(id, map[string]any{"Constraints": map[string]any{"SourceArn": "arn:aws:s3:::any-key-may-have-this"}}))
		})
	}
}

// become writes a spec and usage into a key's record; its material is not looked at by grants.
func become(t *testing.T, s *kmstest.Server, id, spec, usage string) {
	t.Helper()
	k, err := s.Resolver.Load(context.Background(), kmstest.Account, kmstest.Region, id)
	if err != nil {
		t.Fatal(err)
	}
	next := k.Edit()
	next.Spec, next.Usage = spec, usage
	change := s.Book.Change()
	change.Replace(k.Record(), k.Ver, next)
	if err := s.Book.Commit(context.Background(), change, "", nil); err != nil {
		t.Fatal(err)
	}
}

// The limits of a constraint are those of the model, in its characters.
func TestGrantConstraintLimits(t *testing.T) {
	root := withAlice(t).As(kmstest.Account)
	id := newKey(root)
	eight := map[string]string{}
	for i := range 8 {
		eight[fmt.Sprint(i)] = "v"
	}
	for _, row := range []struct {
		name    string
		context map[string]string
		ok      bool
	}{
		{"eight pairs", eight, true},
		{"the longest value", map[string]string{"k": strings.Repeat("v", 384)}, true},
		{"the longest value, each character two units", map[string]string{"k": strings.Repeat("😀", 192)}, true},
		{"a value too long", map[string]string{"k": strings.Repeat("v", 385)}, false},
		{"a value too long by half a character", map[string]string{"k": strings.Repeat("😀", 192) + "v"}, false},
		{"a key too long", map[string]string{strings.Repeat("k", 385): "v"}, false},
	} {
		got := root.Call("CreateGrant", aGrant(id, map[string]any{"Constraints": map[string]any{"EncryptionContextSubset": row.context}}))
		if row.ok != (got.Status == 200) || !row.ok && got.Code() != "ValidationException" {
			t.Errorf("%s: got %s", row.name, got.Raw)
		}
	}
	// However often an operation is given, it is kept once: nothing here grows with the request.
	many := aGrant(id, map[string]any{"Operations": slices.Repeat([]string{"Decrypt", "Encrypt"}, 50_000), "Name": "many"})
	grant := root.Must("CreateGrant", many).String("GrantId")
	listed := root.Must("ListGrants", map[string]any{"KeyId": id, "GrantId": grant})
	if !strings.Contains(string(listed.Raw), `"Operations":["Decrypt","Encrypt"]`) {
		t.Errorf("got %s, want each operation once", listed.Raw)
	}
}

// Of many who ask at once for one name there comes one grant, with a token for each that works; and of
// many who revoke it, one does.
func TestGrantRaces(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id := newKey(root)
	body := aGrant(id, map[string]any{"Name": "one"})
	grants, tokens := map[string]bool{}, map[string]bool{}
	for _, r := range atOnce(16, func(int) *kmstest.Reply { return root.Call("CreateGrant", body) }) {
		if r.Status != 200 {
			t.Fatalf("got %s", r.Raw)
		}
		grants[r.String("GrantId")], tokens[r.String("GrantToken")] = true, true
	}
	if len(grants) != 1 || len(tokens) != 16 {
		t.Errorf("got %d grants and %d tokens, want 1 and 16", len(grants), len(tokens))
	}
	for token := range tokens {
		root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk=", "GrantTokens": []string{token}})
	}
	for grant := range grants {
		codes := map[string]int{}
		for i, r := range atOnce(16, func(i int) *kmstest.Reply {
			return root.Call([]string{"RevokeGrant", "RetireGrant"}[i%2], map[string]any{"KeyId": id, "GrantId": grant})
		}) {
			codes[r.Code()]++
			if r.Status != 200 && r.Code() != "NotFoundException" {
				t.Errorf("%d: got %s", i, r.Raw)
			}
		}
		if codes[""] != 1 {
			t.Errorf("got %v, want one success", codes)
		}
	}
	if got := counted(t, s, id); got != 0 {
		t.Errorf("got a count of %d grants, want 0", got)
	}
}

// A count that says there are none, be it that a grant was revoked after it was read, or that the count is wrong, does
// not keep its owner from taking access away.
func TestUncountedGrantIsRevoked(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id := newKey(root)
	for _, operation := range []string{"RevokeGrant", "RetireGrant"} {
		grant := root.Must("CreateGrant", aGrant(id, nil)).String("GrantId")
		recount(t, s, id, 0)
		root.Must(operation, map[string]any{"KeyId": id, "GrantId": grant})
		if ids, _ := pages(root, "ListGrants", map[string]any{"KeyId": id}); len(ids) != 0 {
			t.Errorf("%s: got %v, want no grant", operation, ids)
		}
	}
}

// Many who each want a grant of their own on one key get it, newcomers or not: they may not undo each other until they
// give up.
func TestGrantCrowd(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id := newKey(root)
	const callers, each = 16, 6
	for _, codes := range atOnce(callers, func(int) map[string]int {
		codes := map[string]int{}
		for range each {
			codes[root.Call("CreateGrant", aGrant(id, nil)).Code()]++
		}
		return codes
	}) {
		if codes[""] != each {
			t.Errorf("got %v, want %d grants", codes, each)
		}
	}
	if got := counted(t, s, id); got != callers*each {
		t.Errorf("got a count of %d, want %d", got, callers*each)
	}
}

func counted(t *testing.T, s *kmstest.Server, id string) int {
	t.Helper()
	c, _, err := record.Load[recordpb.GrantCount](context.Background(), s.Book, record.OfGrantCount(kmstest.Account, kmstest.Region, id))
	if err != nil {
		t.Fatal(err)
	}
	return int(c.GetGrants())
}

// recount writes how many grants a key has, whatever it has.
func recount(t *testing.T, s *kmstest.Server, id string, n uint32) {
	t.Helper()
	at := record.OfGrantCount(kmstest.Account, kmstest.Region, id)
	_, ver, err := record.Load[recordpb.GrantCount](context.Background(), s.Book, at)
	if err != nil {
		t.Fatal(err)
	}
	change := s.Book.Change()
	change.Replace(at, ver, &recordpb.GrantCount{Grants: n})
	if err := s.Book.Commit(context.Background(), change, "", nil); err != nil {
		t.Fatal(err)
	}
}

// The quota is exact however many come at once, a grant that exists needs no room, and room comes back.
func TestGrantQuota(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id := newKey(root)
	s.Ops.Quota.GrantsPerKey = 20
	made := 0
	for round := 0; made < 20 && round < 20; round++ { // a contender that loses eight times is told to come again
		for _, r := range atOnce(16, func(i int) *kmstest.Reply {
			return root.Call("CreateGrant", aGrant(id, map[string]any{"Name": fmt.Sprintf("%d-%d", round, i)}))
		}) {
			switch r.Code() {
			case "":
				made++
			case "LimitExceededException", "DependencyTimeoutException":
			default:
				t.Errorf("got %s", r.Raw)
			}
		}
	}
	ids, _ := pages(root, "ListGrants", map[string]any{"KeyId": id})
	if made != 20 || len(ids) != 20 || counted(t, s, id) != 20 {
		t.Fatalf("got %d made, %d listed, %d counted, want 20", made, len(ids), counted(t, s, id))
	}
	refused := func(quota string) {
		t.Helper()
		want := "Grants per key quota for this account in this region is " + quota + ", current usage is " + quota + "."
		if got := root.Call("CreateGrant", aGrant(id, nil)); got.Code() != "LimitExceededException" || got.Message() != want {
			t.Errorf("one more: got %s, want %s", got.Raw, want)
		}
	}
	refused("20")
	root.Must("RevokeGrant", map[string]any{"KeyId": id, "GrantId": ids[0]})
	named := aGrant(id, map[string]any{"Name": "last"})
	last := root.Must("CreateGrant", named).String("GrantId")
	refused("20")
	if got := root.Must("CreateGrant", named).String("GrantId"); got != last {
		t.Errorf("the same again: got %s, want %s", got, last)
	}

	s.Ops.Quota.GrantsPerKey = 50_000 // the number itself, by the count alone
	recount(t, s, id, 49_999)
	root.Must("CreateGrant", aGrant(id, nil))
	refused("50000")
}

// A marker goes on where its own list ended, even when the grant it ended with is gone, and opens in no
// other list.
func TestGrantMarkers(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id, other := newKey(root), newKey(root)
	for range 6 {
		root.Must("CreateGrant", aGrant(id, map[string]any{"RetiringPrincipal": alice}))
		root.Must("CreateGrant", aGrant(other, nil))
	}
	ofKey := map[string]any{"KeyId": id, "Limit": 2}
	ofAlice := map[string]any{"KeyId": id, "GranteePrincipal": alice, "Limit": 2}
	retirable := map[string]any{"RetiringPrincipal": alice, "Limit": 2}
	for _, list := range []struct {
		operation string
		body      map[string]any
		others    []map[string]any
	}{
		{"ListGrants", ofKey, []map[string]any{ofAlice, {"KeyId": other}}},
		{"ListGrants", ofAlice, []map[string]any{ofKey, {"KeyId": id, "GranteePrincipal": alice + "2"}, {"KeyId": other, "GranteePrincipal": alice}}},
		{"ListRetirableGrants", retirable, []map[string]any{{"RetiringPrincipal": alice + "2"}}},
	} {
		first := root.Must(list.operation, list.body)
		marker := first.String("NextMarker")
		for _, body := range list.others {
			if got := root.Call(list.operation, with(body, "Marker", marker)); got.Code() != "InvalidMarkerException" {
				t.Errorf("%s: the marker of %v for %v: got %s", list.operation, list.body, body, got.Raw)
			}
		}
		if got := root.In("eu-west-1").Call("ListRetirableGrants", with(retirable, "Marker", marker)); got.Code() != "InvalidMarkerException" {
			t.Errorf("%s: in another Region: got %s", list.operation, got.Raw)
		}
		shown := first.Fields["Grants"].([]any)
		for _, g := range shown {
			root.Must("RevokeGrant", map[string]any{"KeyId": id, "GrantId": g.(map[string]any)["GrantId"]})
		}
		if rest, _ := pages(root, list.operation, with(list.body, "Marker", marker)); len(rest) != counted(t, s, id) {
			t.Errorf("%s: got %d grants behind the marker, want the %d that are left", list.operation, len(rest), counted(t, s, id))
		}
		for range shown {
			root.Must("CreateGrant", aGrant(id, map[string]any{"RetiringPrincipal": alice}))
		}
	}
}

func with(body map[string]any, name string, v any) map[string]any {
	out := map[string]any{name: v}
	for n, v := range body {
		out[n] = v
	}
	return out
}

// Every operation that has an exception for a bad grant token answers it, whatever key it is asked
// about: no operation can forget to look.
func TestEveryOperationLooksAtGrantTokens(t *testing.T) {
	root := withAlice(t).As(kmstest.Account)
	id := newKey(root)
	blob := root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="}).String("CiphertextBlob")
	required := map[string]any{ // of any of them
		"KeyId": id, "SourceKeyId": id, "DestinationKeyId": id, "CiphertextBlob": blob, "Plaintext": "aGk=", "Message": "aGk=", "Mac": "aGk=",
		"Signature": "aGk=", "PublicKey": "aGk=", "SharedSecretCiphertextBlob": "aGk=", "MacAlgorithm": "HMAC_SHA_256",
		"SigningAlgorithm": "ECDSA_SHA_256", "KeyAgreementAlgorithm": "ECDH", "EncapsulationAlgorithm": "ML_KEM", "KeyPairSpec": "RSA_2048",
		"NumberOfBytes": 32, "GranteePrincipal": alice, "Operations": []string{"Decrypt"}, "GrantTokens": []string{"x"},
	}
	looked := 0
	for _, o := range shape.Operations {
		if !slices.Contains(o.Members, "GrantTokens") {
			continue
		}
		body := map[string]any{}
		for _, m := range o.Members {
			if v, is := required[m]; is {
				body[m] = v
			}
		}
		want := ""
		if slices.Contains(o.Errors, "InvalidGrantTokenException") {
			want = "InvalidGrantTokenException"
			looked++
		}
		if got := root.Call(o.Name, body); got.Code() != want || got.Message() != "" {
			t.Errorf("%s: got %s, want %q", o.Name, got.Raw, want)
		}
	}
	if looked < 6 {
		t.Errorf("got %d operations, want at least Encrypt, Decrypt, ReEncrypt, two of GenerateDataKey and CreateGrant", looked)
	}
}

// A token is good whole or not at all.
func TestHostileGrantTokens(t *testing.T) {
	root := withAlice(t).As(kmstest.Account)
	id := newKey(root)
	token := root.Must("CreateGrant", aGrant(id, nil)).String("GrantToken")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{token + "A", token[:len(token)-1], token + "=", "x", strings.Repeat("A", 8192)}
	for i := range raw {
		flipped := slices.Clone(raw)
		flipped[i] ^= 1 << (i % 8)
		bad = append(bad, base64.RawURLEncoding.EncodeToString(flipped))
	}
	for _, b := range bad {
		for _, got := range []*kmstest.Reply{
			root.Call("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk=", "GrantTokens": []string{b}}),
			root.Call("RetireGrant", map[string]any{"GrantToken": b}),
		} {
			if got.Code() != "InvalidGrantTokenException" || got.Message() != "" {
				t.Errorf("%.40s…: got %s", b, got.Raw)
			}
		}
	}
	root.Must("RetireGrant", map[string]any{"GrantToken": token})
}
