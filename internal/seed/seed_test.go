package seed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/seed"
)

const (
	id       = "11111111-1111-4111-8111-111111111111"
	material = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

const whole = `
version: 1
account: 444455556666
region: eu-west-1
access_keys:
  - id: AKIAIOSFODNN7EXAMPLE
    secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
  - {id: FIXTUREFIXTURE01, secret: test, account: "000000000001"}
keys:
  - id: ` + id + `
    material: ` + material + `
    aliases: [alias/app, alias/team/app]
  - id: 22222222-2222-4222-8222-222222222222
    region: us-east-1
    material: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
    enabled: false
    description: not in use
`

func parse(t *testing.T, text string) *seed.File {
	t.Helper()
	f, err := seed.Parse("seed.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSeedIsThereAfterwards(t *testing.T) {
	s := kmstest.New(t)
	if err := parse(t, whole).Apply(t.Context(), s.Node); err != nil {
		t.Fatal(err)
	}
	c := &kmstest.Client{Server: s, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Region: "eu-west-1"}
	if got := c.Must("DescribeKey", `{"KeyId":"alias/team/app"}`).String("KeyMetadata.KeyId"); got != id {
		t.Errorf("alias/team/app: got %s, want %s", got, id)
	}
	blob := c.Must("Encrypt", `{"KeyId":"alias/app","Plaintext":"aGVsbG8="}`).String("CiphertextBlob")
	meta := c.In("us-east-1").Must("DescribeKey", `{"KeyId":"22222222-2222-4222-8222-222222222222"}`)
	if got := meta.String("KeyMetadata.KeyState"); got != "Disabled" {
		t.Errorf("got state %s, want Disabled", got)
	}
	if got := meta.String("KeyMetadata.Description"); got != "not in use" {
		t.Errorf("got description %q", got)
	}
	test := &kmstest.Client{Server: s, AccessKeyID: "FIXTUREFIXTURE01", Secret: "test", Region: "us-east-1"}
	test.Must("ListKeys", `{}`)

	// The same key in another store: what one sealed the other opens.
	other := kmstest.New(t)
	if err := parse(t, whole).Apply(t.Context(), other.Node); err != nil {
		t.Fatal(err)
	}
	there := *c
	there.Server = other
	if got := there.Must("Decrypt", map[string]any{"CiphertextBlob": blob}).String("Plaintext"); got != "aGVsbG8=" {
		t.Errorf("got %q, want what was encrypted", got)
	}
}

const withUsers = `
version: 1
access_keys:
  - {id: AKIAFIXTUREOFALICE01, secret: test, user: alice}
identities:
  - users:
      - {name: alice, inline: {use: {Version: 2012-10-17, Statement: {Effect: Allow, Action: "kms:*", Resource: "*"}}}}
  - account: "444455556666"
    users: [{name: alice}]
`

func TestUsersOfASeedSign(t *testing.T) {
	s := kmstest.New(t)
	if err := parse(t, withUsers).Apply(t.Context(), s.Node); err != nil {
		t.Fatal(err)
	}
	alice := &kmstest.Client{Server: s, AccessKeyID: "AKIAFIXTUREOFALICE01", Secret: "test", Region: "us-east-1"}
	alice.Must("CreateKey", `{}`)
	if got := alice.Query("sts", "GetCallerIdentity").Text("Arn"); got != "arn:aws:iam::111122223333:user/alice" {
		t.Errorf("got %s", got)
	}
	before := len(s.Records())
	s.Restart()
	if err := parse(t, withUsers).Apply(t.Context(), s.Node); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Records()); got != before {
		t.Errorf("applied again: got %d records, want %d", got, before)
	}
	for name, c := range map[string]struct{ text, want string }{
		"an access key of the root user": {"access_keys: [{id: AKIAFIXTUREOFALICE01, secret: test}]", "seed.yaml:2: access key AKIAFIXTUREOFALICE01 is in the store, of user alice instead of the root user"},
		"an access key of another":       {"access_keys: [{id: AKIAFIXTUREOFALICE01, secret: test, user: bob}]", "of user alice instead of user bob"},
		"an access key of nobody":        {"access_keys: [{id: AKIAFIXTUREOFNOBODY1, secret: test, user: bob}]", "seed.yaml:2: access key AKIAFIXTUREOFNOBODY1: The user with name bob cannot be found."},
		"a group that nobody made":       {"identities:\n- users: [{name: alice, groups: [g]}]", "seed.yaml:3: user alice: group g is neither in the file nor in account 111122223333"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := parse(t, "version: 1\n"+c.text).Apply(t.Context(), s.Node); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestSecondTimeChangesNothing(t *testing.T) {
	s := kmstest.New(t)
	if err := parse(t, whole).Apply(t.Context(), s.Node); err != nil {
		t.Fatal(err)
	}
	before := len(s.Records())
	for range 2 {
		if err := parse(t, whole).Apply(t.Context(), s.Node); err != nil {
			t.Fatal(err)
		}
		s.Restart()
	}
	if got := len(s.Records()); got != before {
		t.Errorf("got %d records, want %d: nothing was to be done", got, before)
	}
}

func TestContradictionsSayWhere(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"other material":            {"keys:\n  - id: " + id + "\n    region: eu-west-1\n    account: 444455556666\n    material: " + strings.Repeat("ff", 32), "seed.yaml:3: key " + id + " is in the store with other material"},
		"other account":             {"keys:\n  - id: " + id + "\n    region: eu-west-1", "seed.yaml:3: key " + id + " is in the store, of account 444455556666 instead of 111122223333"},
		"other secret":              {"access_keys:\n  - {id: FIXTUREFIXTURE01, account: \"000000000001\", secret: swordfish}", "seed.yaml:3: access key FIXTUREFIXTURE01 is in the store with another secret"},
		"access key of another":     {"access_keys:\n  - {id: FIXTUREFIXTURE01, secret: test}", "seed.yaml:3: access key FIXTUREFIXTURE01 is in the store, of account 000000000001 instead of 111122223333"},
		"alias of another key":      {"account: 444455556666\nregion: eu-west-1\nkeys:\n  - id: 33333333-3333-4333-8333-333333333333\n    aliases: [alias/app]", "seed.yaml:5: alias/app is in the store, of key " + id},
		"more aliases than allowed": {"keys:\n  - id: 33333333-3333-4333-8333-333333333333\n    aliases: [" + many(51) + "]", "seed.yaml:3: alias/a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := kmstest.New(t)
			if err := parse(t, whole).Apply(t.Context(), s.Node); err != nil {
				t.Fatal(err)
			}
			err := parse(t, "version: 1\n"+c.text).Apply(t.Context(), s.Node)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "ffff") || strings.Contains(err.Error(), "swordfish")) {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func many(n int) string {
	var names []string
	for i := range n {
		names = append(names, "alias/a"+strings.Repeat("x", i))
	}
	return strings.Join(names, ", ")
}

func TestWhatIsNoSeedIsRefused(t *testing.T) {
	key := "version: 1\nkeys:\n  - id: " + id + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":                 {"", "seed.yaml is empty"},
		"no version":            {"keys: []", "version 0 is not known"},
		"later version":         {"version: 2", "version 2 is not known"},
		"not YAML":              {"version: [", "seed.yaml: "},
		"two documents":         {"version: 1\n---\nversion: 1", "only one YAML document"},
		"unknown member":        {"version: 1\nkey: []", "line 2: field key not found"},
		"unknown member of key": {key + "    alias: alias/x", "line 4: field alias not found"},
		"wrong type":            {key + "    aliases: {a: b}", "line 4: cannot unmarshal"},
		"key id":                {"version: 1\nkeys:\n  - id: x", "seed.yaml:3: key id \"x\" is not a UUID"},
		"multi-Region key":      {"version: 1\nkeys:\n  - id: mrk-" + strings.Repeat("0", 32), "multi-Region"},
		"account":               {key + "    account: 1", "account \"1\" is not twelve digits"},
		"region":                {key + "    region: here", "\"here\" is not a Region"},
		"material too short":    {key + "    material: c2VjcmV0", "material of key " + id + " is not 32 bytes in hex or base64"},
		"material no hex":       {key + "    material: " + strings.Repeat("xy", 32), "is not 32 bytes in hex or base64"},
		"alias without prefix":  {key + "    aliases: [app]", "alias \"app\" is not alias/"},
		"reserved alias":        {key + "    aliases: [alias/aws/s3]", "alias \"alias/aws/s3\""},
		"same key twice":        {key + "  - id: " + id, "seed.yaml:4: key " + id + " in us-east-1 is on line 3 already"},
		"same alias twice":      {key + "    aliases: [alias/x, alias/x]", "alias/x of account 111122223333 in us-east-1 is on line 3 already"},
		"access key id":         {"version: 1\naccess_keys: [{id: 'a b', secret: x}]", "access key id \"a b\""},
		"short access key id":   {"version: 1\naccess_keys: [{id: test, secret: x}]", "is not 16 to 128"},
		"no secret":             {"version: 1\naccess_keys: [{id: abcabcabcabcabcabc}]", "the secret of access key abcabcabcabcabcabc"},
		"same access key twice": {"version: 1\naccess_keys: [{id: abcabcabcabcabcabc, secret: x}, {id: abcabcabcabcabcabc, secret: x}]", "access key abcabcabcabcabcabc is on line 2 already"},
		"identities twice":      {"version: 1\nidentities: [{users: []}, {account: \"111122223333\"}]", "account 111122223333 occurs twice"},
		"member of a user":      {"version: 1\nidentities:\n- users:\n  - {name: a, key: b}", "line 4: field key not found"},
		"long description":      {key + "    description: " + strings.Repeat("x", 8193), "description is longer than 8192"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seed.Parse("seed.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// A secret in the wrong place is not quoted: what a CI job prints is read by many.
func TestErrorsOfTheParserTellNoValue(t *testing.T) {
	for _, text := range []string{
		"version: 1\naccess_keys: hunter2hunter2",
		"version: 1\nkeys:\n  - id: " + id + "\n    enabled: hunter2hunter2",
		"version: hunter2hunter2",
	} {
		_, err := seed.Parse("seed.yaml", []byte(text))
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "seed.File") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line without the value", err)
		}
	}
}

func TestReadSaysWhichFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	if _, err := seed.Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("missing: got %v", err)
	}
	if err := os.WriteFile(path, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Read(path); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("too large: got %v", err)
	}
}

// Whatever parses has what Apply relies on, and nothing makes the parser panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("version: 1\nkeys: [{id: " + id + ", material: " + material + "}]"))
	f.Add([]byte("version: 1\nkeys: &a [*a]"))
	f.Add([]byte("version: 1\nidentities: [~, {users: [{name: a}]}]"))
	f.Add([]byte("version: 1\n? keys\n: - !!str id: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := seed.Parse("x", text)
		if err != nil {
			return
		}
		for _, k := range file.Keys {
			if len(k.ID) != 36 || len(k.Account) != 12 || k.Region == "" {
				t.Errorf("got %+v, want a complete key", k)
			}
		}
		for _, a := range file.AccessKeys {
			if a.ID == "" || a.Secret == "" || len(a.Account) != 12 {
				t.Errorf("got access key %q, want a complete one", a.ID)
			}
		}
	})
}
