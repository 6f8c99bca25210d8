package server_test

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/key"
	"qkms/internal/kmstest"
)

// The rows of operations.md §10.5 that are about the request, not about what is wrapped.
func TestImportParameters(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	now := s.Clock.Now()
	for _, tt := range []struct {
		name string
		more fields
		want string
	}{
		{"no model and no date", fields{"ExpirationModel": nil}, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
		{"a model without a date", fields{"ExpirationModel": "KEY_MATERIAL_EXPIRES"}, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
		{"a date without expiry", fields{"ValidTo": now.Unix() + 60}, "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE"},
		{"a date in the past", within(s, -time.Minute), "ValidTo must be in the future"},
		{"the first of all dates", fields{"ExpirationModel": nil, "ValidTo": 0}, "ValidTo must be in the future"},
		{"this very second", fields{"ExpirationModel": nil, "ValidTo": now.Unix()}, "ValidTo must be in the future"},
		{"more than a year", within(s, 365*24*time.Hour+2*time.Second), "ValidTo must be less than 365 days in the future"},
		{"an id for what is new by default", fields{"KeyMaterialId": strings.Repeat("a", 64)}, "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType."},
		{"an id for what is new", fields{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": strings.Repeat("a", 64)}, "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i.t = t
			i.expect(i.send(random(32), tt.more), "ValidationException", tt.want)
		})
	}
	for _, spec := range []string{"HMAC_256", "ECC_NIST_P256"} {
		i := externalOf(t, root, spec)
		for member, value := range map[string]string{
			"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": strings.Repeat("a", 64), "KeyMaterialDescription": "mine",
		} {
			name := strings.ToLower(member[:1]) + member[1:]
			i.expect(i.send(random(32), fields{member: value}), "ValidationException", "Input parameter "+name+" cannot be used with "+spec+" imported keys.")
		}
	}
}

// The origin of a key comes before its state (§9.3: O).
func TestImportIntoGeneratedKeys(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	for _, state := range append([]string{key.Enabled}, columns...) {
		made := root.Must("CreateKey", fields{})
		id, arn := made.String("KeyMetadata.KeyId"), made.String("KeyMetadata.Arn")
		force(t, s, id, state)
		origin := cmp.Or(origins[state], "AWS_KMS")
		if origin == "EXTERNAL" {
			continue // a state that only imported keys are in
		}
		for operation, body := range map[string]fields{
			"GetParametersForImport":    {"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
			"ImportKeyMaterial":         {"KeyId": id, "ImportToken": "aGk=", "EncryptedKeyMaterial": "aGk="},
			"DeleteImportedKeyMaterial": {"KeyId": id},
		} {
			got := root.Call(operation, body)
			if got.Code() != "UnsupportedOperationException" || got.Message() != arn+" origin is "+origin+" which is not valid for this operation." {
				t.Errorf("%s on a key that is %s: got %s, want its origin refused", operation, state, got.Raw)
			}
		}
	}
}

// A token is for one key, for a day, as often as one likes.
func TestImportTokens(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	i.parameters("RSA_2048")
	first := *i
	i.parameters("RSA_2048")
	other := external(t, root, fields{})
	other.parameters("RSA_2048")
	hmac := externalOf(t, root, "HMAC_256")

	material := random(32)
	for name, token := range map[string]string{
		"not a token":           "aGk=",
		"of another key":        other.token,
		"cut short":             base64.StdEncoding.EncodeToString([]byte(i.token)[:100]),
		"of nobody":             base64.StdEncoding.EncodeToString(random(3000)),
		"a page marker's shape": base64.StdEncoding.EncodeToString([]byte("AQAAAAE")),
	} {
		t.Run(name, func(t *testing.T) {
			i.expect(i.send(material, fields{"ImportToken": token}), "InvalidImportTokenException", "")
		})
	}
	hmac.public, hmac.token = i.public, i.token
	hmac.expect(hmac.send(random(32), nil), "InvalidImportTokenException", "")
	i.expect(i.send(material, fields{"ImportToken": first.token}), "InvalidCiphertextException", "") // not the pair
	for range 2 {
		i.must(material, nil)
		first.must(material, nil) // the older stays valid
	}
	s.Restart()
	s.Clock.Advance(24*time.Hour - time.Second)
	i.must(material, nil)
	s.Clock.Advance(time.Second)
	i.expect(i.send(material, nil), "ExpiredImportTokenException", "")
}

// What does not unwrap to a material of the spec has one answer, without a word.
func TestImportOfWrongMaterial(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	p256, _ := ownMaterial(t, "ECC_NIST_P256")
	ed, _ := ownMaterial(t, "ECC_NIST_EDWARDS25519")
	for _, tt := range []struct {
		name, spec string
		material   []byte
	}{
		{"too short", "SYMMETRIC_DEFAULT", random(31)},
		{"too long", "SYMMETRIC_DEFAULT", random(33)},
		{"nothing", "SYMMETRIC_DEFAULT", nil},
		{"of a shorter HMAC", "HMAC_384", random(32)},
		{"of a longer HMAC", "HMAC_224", random(32)},
		{"raw bytes", "ECC_NIST_P256", random(32)},
		{"of another curve", "ECC_NIST_P384", p256},
		{"of another kind", "ECC_NIST_P256", ed},
		{"with a byte behind", "ECC_NIST_P256", append(slices.Clone(p256), 0)},
		{"Ed25519 in BER", "ECC_NIST_EDWARDS25519", ber(ed)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := externalOf(t, root, tt.spec)
			if tt.spec == "ECC_NIST_EDWARDS25519" {
				i.algorithm = "RSA_AES_KEY_WRAP_SHA_1"
			}
			i.expect(i.send(tt.material, nil), "InvalidCiphertextException", "")
			if got := i.state(); got != "PendingImport" {
				t.Errorf("state: got %s, want PendingImport", got)
			}
		})
	}
	i := externalOf(t, root, "ECC_NIST_P256")
	i.client.Must("ImportKeyMaterial", i.wrap(ber(p256), nil))
	i.client.Must("ImportKeyMaterial", i.wrap(p256, nil)) // the same key in another spelling
}

// ber is a DER sequence of less than 128 … 255 bytes with an indefinite length (X.690 §8.1.3.6).
func ber(der []byte) []byte {
	head := 2
	if der[1] == 0x81 {
		head = 3
	}
	return append(append([]byte{der[0], 0x80}, der[head:]...), 0, 0)
}

// Which material a re-import may bring (§10.5), and what it changes.
func TestReimport(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	one, two, three := random(32), random(32), random(32)
	i.expect(i.send(one, fields{"ImportType": "EXISTING_KEY_MATERIAL"}), "IncorrectKeyMaterialException", "")

	first := i.must(one, fields{"KeyMaterialDescription": "first: 1/3"})
	blob := i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}).String("CiphertextBlob")
	if again := i.must(one, nil); again != first {
		t.Errorf("the same bytes: got %s, want %s", again, first)
	}
	wrong := "Imported key material does not have the expected identifier (" + first + ")."
	i.expect(i.send(two, nil), "IncorrectKeyMaterialException", wrong)
	i.expect(i.send(two, fields{"ImportType": "EXISTING_KEY_MATERIAL", "KeyMaterialId": first}), "IncorrectKeyMaterialException", wrong)
	named := strings.Repeat("ab", 32)
	i.expect(i.send(one, fields{"KeyMaterialId": named}), "IncorrectKeyMaterialException",
		"Imported key material does not have the expected identifier ("+named+").")
	isNew := fields{"ImportType": "NEW_KEY_MATERIAL"}
	known := func(id string) string {
		return "Key material (id: " + id + ") being imported as NEW_KEY_MATERIAL is already associated with KMS key " + i.arn + "."
	}
	i.expect(i.send(one, isNew), "IncorrectKeyMaterialException", known(first))

	second := i.must(two, isNew)
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if got := m.String("KeyMetadata.CurrentKeyMaterialId"); got != first || m.String("KeyMetadata.KeyState") != "Enabled" {
		t.Errorf("a new material changed the key: %s", m.Raw)
	}
	if got := i.client.Must("GenerateDataKey", fields{"KeyId": i.id, "KeySpec": "AES_256"}).String("KeyMaterialId"); got != first {
		t.Errorf("data key: got material %s, want %s", got, first)
	}
	third := i.send(three, isNew)
	if third.Code() != "KMSInvalidStateException" || !strings.HasSuffix(third.Message(),
		") cannot be imported into KMS key "+i.arn+", because another key material (id: "+second+") is pending rotation.") ||
		!strings.HasPrefix(third.Message(), "New key material (id: ") {
		t.Errorf("a second new material: got %s", third.Raw)
	}
	i.expect(i.send(two, isNew), "IncorrectKeyMaterialException", known(second))
	i.must(two, fields{"KeyMaterialId": second, "KeyMaterialDescription": "second"})

	k, err := s.Resolver.Load(t.Context(), kmstest.Account, kmstest.Region, i.id)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Versions) != 2 || k.Versions[0].Description != "first: 1/3" || k.Versions[1].Description != "second" ||
		k.Versions[0].State != key.Current || k.Versions[1].State != key.PendingRotation {
		t.Errorf("got versions %v", k.Versions)
	}
	if got := i.client.Must("Decrypt", fields{"CiphertextBlob": blob}).String("Plaintext"); got != "aGk=" {
		t.Errorf("got plaintext %s", got)
	}
	for _, spec := range []string{"HMAC_256", "ECC_NIST_P256"} {
		i := externalOf(t, root, spec)
		own, _ := ownMaterial(t, spec)
		stranger, _ := ownMaterial(t, spec)
		i.client.Must("ImportKeyMaterial", i.wrap(own, nil))
		i.client.Must("ImportKeyMaterial", i.wrap(own, nil))
		if got := i.send(stranger, nil); got.Code() != "IncorrectKeyMaterialException" {
			t.Errorf("another %s: got %s, want IncorrectKeyMaterialException", spec, got.Raw)
		}
	}
}

// The rows of operations.md §10.7.
func TestDeleteImportedMaterial(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	drop := func(id string) *kmstest.Reply {
		body := fields{"KeyId": i.id}
		if id != "" {
			body["KeyMaterialId"] = id
		}
		return i.client.Call("DeleteImportedKeyMaterial", body)
	}
	answers := func(got *kmstest.Reply, id, state string) {
		t.Helper()
		if got.Status != 200 || got.String("KeyId") != i.arn || got.String("KeyMaterialId") != id {
			t.Errorf("got %s, want material %q", got.Raw, id)
		}
		if got := i.state(); got != state {
			t.Errorf("state: got %s, want %s", got, state)
		}
	}
	unknown := strings.Repeat("0", 64)
	never := "Key material (id: " + unknown + ") has never been imported into KMS key " + i.arn + "."
	answers(drop(""), "", "PendingImport")
	i.expect(drop(unknown), "ValidationException", never)

	one, two := random(32), random(32)
	first := i.must(one, nil)
	i.expect(drop(unknown), "ValidationException", never)
	second := i.must(two, fields{"ImportType": "NEW_KEY_MATERIAL"})
	answers(drop(second), second, "Enabled") // pending: it leaves no trace
	i.expect(drop(second), "ValidationException", strings.ReplaceAll(never, unknown, second))
	if again := i.must(two, fields{"ImportType": "NEW_KEY_MATERIAL"}); again != second {
		t.Errorf("imported again: got %s, want %s", again, second)
	}
	i.client.Must("RotateKeyOnDemand", fields{"KeyId": i.id})
	answers(drop(first), first, "PendingImport") // not even the current one works now
	i.expect(i.client.Call("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}), "KMSInvalidStateException", i.arn+" is pending import.")
	answers(drop(""), second, "PendingImport")
	answers(drop(""), second, "PendingImport")
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.CurrentKeyMaterialId") != second || m.String("KeyMetadata.ExpirationModel") != "" || m.String("KeyMetadata.Enabled") != "false" {
		t.Errorf("without material: got %s", m.Raw)
	}
	i.must(one, nil)
	if got := i.state(); got != "PendingImport" {
		t.Errorf("one of two materials: got %s, want PendingImport", got)
	}
	i.must(two, nil)
	answers(i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}), "", "Enabled")

	i.client.Must("ScheduleKeyDeletion", fields{"KeyId": i.id, "PendingWindowInDays": 7})
	answers(drop(first), first, "PendingDeletion")
	i.expect(i.send(one, nil), "KMSInvalidStateException", i.arn+" is pending deletion.")
	i.client.Must("CancelKeyDeletion", fields{"KeyId": i.id})
	answers(drop(first), first, "PendingImport")
	i.must(one, nil)
	i.client.Must("DisableKey", fields{"KeyId": i.id})
	i.must(one, nil)
	if got := i.state(); got != "Enabled" {
		t.Errorf("imported into a disabled key: got %s, want Enabled", got)
	}
	h := externalOf(t, root, "HMAC_256")
	material := random(32)
	h.client.Must("ImportKeyMaterial", h.wrap(material, nil))
	mac := h.client.Must("GenerateMac", fields{"KeyId": h.id, "MacAlgorithm": "HMAC_SHA_256", "Message": "aGk="}).String("Mac")
	if got := h.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": h.id}); got.String("KeyMaterialId") != "" || got.String("KeyId") != h.arn {
		t.Errorf("HMAC: got %s, want its ARN alone", got.Raw)
	}
	h.expect(h.client.Call("GenerateMac", fields{"KeyId": h.id, "MacAlgorithm": "HMAC_SHA_256", "Message": "aGk="}),
		"KMSInvalidStateException", h.arn+" is pending import.")
	h.client.Must("ImportKeyMaterial", h.wrap(material, nil))
	if got := h.client.Must("GenerateMac", fields{"KeyId": h.id, "MacAlgorithm": "HMAC_SHA_256", "Message": "aGk="}).String("Mac"); got != mac {
		t.Errorf("MAC after re-import: got %s, want %s", got, mac)
	}
}
