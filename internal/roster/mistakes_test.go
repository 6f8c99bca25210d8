package roster_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/roster"
)

func many(n int, of string) string {
	var all []string
	for i := range n {
		all = append(all, strings.ReplaceAll(of, "#", string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return strings.Join(all, ", ")
}

// Whatever is wrong is said before anything is changed, with its line.
func TestMistakes(t *testing.T) {
	long := strings.Replace(anyKMS, "kms:*", "kms:"+strings.Repeat("x", 10240), 1)
	s := kmstest.New(t)
	apply(t, s, "version: 1\npolicies: [{name: There, path: /x/, description: d, document: '"+anyKMS+"'}]\nusers: [{name: There}]\nroles: [{name: There, path: /x/, trust: '"+trusts+"'}]\ngroups: [{name: There}]", false)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                         {"", "f is empty"},
		"no version":                      {"users: []", "f: version 0 is not known: each document begins with `version: 1`"},
		"another version":                 {"version: 2", "f: version 2 is not known"},
		"no YAML":                         {"version: [", "f: line 1: did not find expected node content"},
		"an unknown member":               {"version: 1\nuser: []", "f: line 2: field user not found"},
		"an unknown member of a user":     {"version: 1\nusers:\n- name: a\n  key: b", "f: line 4: field key not found"},
		"a list for a word":               {"version: 1\nusers: [{name: [a]}]", "f: line 2: one word is expected here"},
		"a list for inline policies":      {"version: 1\nusers: [{name: a, inline: [x]}]", "f: line 2: a mapping from names of policies to policies is expected here"},
		"a mapping for a list":            {"version: 1\nusers: {name: a}", "f: line 2: cannot unmarshal map"},
		"no account":                      {"version: 1\naccount: 12\nusers: []", `f: account "12" is not twelve digits`},
		"an account twice":                {"version: 1\n---\nversion: 1", "f: account 111122223333 occurs twice"},
		"no name":                         {"version: 1\nusers: [{name: a}, {path: /}]", "f: user 2 of the list has no name"},
		"a name twice":                    {"version: 1\nusers:\n- name: a\n- name: A", "f:4: user A is on line 3 already"},
		"a provider twice":                {"version: 1\nidentity_providers:\n- url: https://a.example\n- url: https://a.example", "f:4: identity provider a.example is on line 3 already"},
		"a provider twice with a slash":   {"version: 1\nidentity_providers:\n- url: https://a.example\n- url: https://a.example/", "f:4: identity provider a.example is on line 3 already"},
		"a name that is none":             {"version: 1\ngroups:\n- name: a/b", "f:3: group a/b: The specified value for groupName is invalid."},
		"a path that is none":             {"version: 1\nusers:\n- {name: a, path: x}", "f:3: user a: The specified value for path is invalid."},
		"other letters":                   {"version: 1\nusers: [{name: there}]", "f:2: user there: it is there as There"},
		"a group in other letters":        {"version: 1\ngroups: [{name: there}]", "f:2: group there: it is there as There"},
		"the path of a policy":            {"version: 1\npolicies: [{name: There, description: d, document: '" + anyKMS + "'}]", "f:2: policy There: its path is /x/, and that of a policy cannot be changed"},
		"the description of a policy":     {"version: 1\npolicies: [{name: There, path: /x/, description: e, document: '" + anyKMS + "'}]", `f:2: policy There: its description is "d", and that of a policy cannot be changed`},
		"the path of a role":              {"version: 1\nroles: [{name: There, trust: '" + trusts + "'}]", "f:2: role There: its path is /x/, and that of a role cannot be changed"},
		"no document":                     {"version: 1\npolicies: [{name: p}]", "f:2: policy p: its document is missing"},
		"no trust policy":                 {"version: 1\nroles: [{name: r}]", "f:2: role r: its trust policy is missing"},
		"an empty inline policy":          {"version: 1\nusers: [{name: a, inline: {x: }}]", "f:2: user a: inline policy x is missing"},
		"a document that is no policy":    {"version: 1\npolicies:\n- name: p\n  document: {Version: 2012-10-17, Statement: {Effect: Perhaps}}", "f:4: policy p: its document: Policy is not well-formed"},
		"a document that is no JSON":      {"version: 1\npolicies:\n- name: p\n  document: '{'", "f:4: policy p: its document: Policy is not well-formed: it is not JSON"},
		"a trust policy for a policy":     {"version: 1\npolicies: [{name: p, document: '" + trusts + "'}]", "f:2: policy p: its document: "},
		"a policy for a trust policy":     {"version: 1\nroles: [{name: r, trust: '" + anyKMS + "'}]", "f:2: role r: its trust policy: "},
		"a null in a policy":              {"version: 1\npolicies:\n- name: p\n  document:\n    Statement: {Sid: ~}", "f: line 5: a value is missing"},
		"an endless policy":               {"version: 1\npolicies:\n- name: p\n  document: &d\n    Statement: *d", "f: line 4: this is too large for a policy"},
		"a merge in a policy":             {"version: 1\npolicies:\n- name: p\n  document:\n    <<: {a: b}", "f: line 5: the name of a member of a policy is expected here"},
		"an inline policy twice":          {"version: 1\nusers:\n- name: a\n  inline:\n    x: '" + anyKMS + "'\n    x: '" + anyKMS + "'", "f:6: user a: inline policy x occurs twice"},
		"an unknown policy":               {"version: 1\nusers:\n- name: a\n  policies:\n  - nobody", "f:5: user a: policy nobody is neither in the file nor in account 111122223333"},
		"an unknown policy by ARN":        {"version: 1\nusers: [{name: a, policies: ['arn:aws:iam::111122223333:policy/There']}]", "f:2: user a: there is no policy arn:aws:iam::111122223333:policy/There, and the file makes none"},
		"an unknown policy of AWS":        {"version: 1\nusers: [{name: a, policies: ['arn:aws:iam::aws:policy/There']}]", "f:2: user a: there is no policy arn:aws:iam::aws:policy/There"},
		"an unknown boundary":             {"version: 1\nroles: [{name: r, trust: '" + trusts + "', boundary: b}]", "f:2: role r: policy b is neither in the file nor"},
		"an unknown group":                {"version: 1\nusers: [{name: a, groups: [g]}]", "f:2: user a: group g is neither in the file nor in account 111122223333"},
		"an unknown principal":            {"version: 1\nroles: [{name: r, trust: '" + strings.Replace(trusts, "root", "user/x", 1) + "'}]", "f:2: role r: its trust policy names arn:aws:iam::111122223333:user/x, which is neither in the file nor there"},
		"a principal of another path":     {"version: 1\nusers: [{name: There, path: /y/}]\nroles: [{name: r, trust: '" + strings.Replace(trusts, "root", "user/There", 1) + "'}]", "f:3: role r: its trust policy names arn:aws:iam::111122223333:user/There"},
		"a principal of another account":  {"version: 1\nroles: [{name: r, trust: '" + strings.Replace(trusts, "111122223333:root", "444455556666:user/x", 1) + "'}]", "f:2: role r: its trust policy names arn:aws:iam::444455556666:user/x"},
		"a session of no role":            {"version: 1\nroles: [{name: r, trust: '" + strings.Replace(trusts, "iam::111122223333:root", "sts::111122223333:assumed-role/x/y", 1) + "'}]", "f:2: role r: its trust policy names arn:aws:sts::111122223333:assumed-role/x/y"},
		"too many policies":               {"version: 1\npolicies: [" + many(11, "{name: '#', document: '"+anyKMS+"'}") + "]\nusers: [{name: a, policies: [" + many(11, "'#'") + "]}]", "f:3: user a: it has 11 policies attached; 10 is the most"},
		"too many groups":                 {"version: 1\ngroups: [" + many(11, "{name: '#'}") + "]\nusers: [{name: a, groups: [" + many(11, "'#'") + "]}]", "f:3: user a: it has 11 groups; 10 is the most"},
		"too many tags":                   {"version: 1\nusers: [{name: a, tags: {" + many(51, "'#': x") + "}}]", "f:2: user a: it has 51 tags; 50 is the most"},
		"tags that are the same":          {"version: 1\nusers: [{name: a, tags: {k: x, K: y}}]", "f:2: user a: tags K and k are the same apart from case"},
		"a reserved tag":                  {"version: 1\nusers: [{name: a, tags: {'AWS:k': x}}]", "f:2: user a: tag AWS:k begins with aws:, which is reserved"},
		"a tag too long":                  {"version: 1\nusers: [{name: a, tags: {k: " + strings.Repeat("x", 257) + "}}]", "f:2: user a: 1 validation error detected"},
		"a managed policy too long":       {"version: 1\npolicies: [{name: p, document: '" + long + "'}]", "f:2: policy p: its document has 10340 characters that are not white space; 6144 is the most"},
		"inline policies too long":        {"version: 1\nroles: [{name: r, trust: '" + trusts + "', inline: {x: '" + long + "'}}]", "f:2: role r: its inline policies have 10340 characters together that are not white space; 10240 is the most"},
		"a trust policy too long":         {"version: 1\nroles: [{name: r, trust: '" + strings.Replace(trusts, "sts:AssumeRole", "sts:"+strings.Repeat("x", 2048), 1) + "'}]", "f:2: role r: its trust policy has 2"},
		"sessions too long":               {"version: 1\nroles: [{name: r, trust: '" + trusts + "', max_session: 50000}]", "f:2: role r: 1 validation error detected: Value '50000' at 'maxSessionDuration'"},
		"a provider without https":        {"version: 1\nidentity_providers: [{url: 'http://x.example'}]", "f:2: identity provider http://x.example: "},
		"a thumbprint that is none":       {"version: 1\nidentity_providers: [{url: 'https://x.example', thumbprints: [xyz]}]", "f:2: identity provider x.example: "},
		"a thumbprint of other letters":   {"version: 1\nidentity_providers: [{url: 'https://x.example', thumbprints: [" + strings.Repeat("x", 40) + "]}]", "f:2: identity provider x.example: thumbprint"},
		"too many thumbprints":            {"version: 1\nidentity_providers: [{url: 'https://x.example', thumbprints: [" + many(6, strings.Repeat("a", 40)) + "]}]", "f:2: identity provider x.example: it has 6 thumbprints; 5 is the most"},
		"a certificate of no role":        {"version: 1\ncertificates: [{name: c, role: r, spki: " + spki + "}]", "f:2: certificate c: role r is neither in the file nor in account 111122223333"},
		"a certificate without a key":     {"version: 1\ncertificates: [{name: c, role: There}]", "f:2: certificate c: the key is not named by a SHA-256"},
		"a certificate that is none":      {"version: 1\ncertificates: [{name: c, role: There, certificate: hello}]", "f:2: certificate c: neither a certificate nor a public key in PEM"},
		"a certificate that has expired":  {"version: 1\ncertificates: [{name: c, role: There, certificate: " + strconv.Quote(expired(t)) + "}]", "f:2: certificate c: the certificate has expired at 2001-"},
		"a key of two certificates":       {"version: 1\ncertificates:\n- {name: c, role: There, spki: " + spki + "}\n- {name: d, role: There, spki: " + spki + "}", "f:4: certificate d: its key is that of another certificate in the file"},
		"several at once, the first":      {"version: 1\nusers:\n- {name: a, groups: [g]}\n- {name: b, groups: [h]}", "f:3: user a: group g"},
		"several at once, the second too": {"version: 1\nusers:\n- {name: a, groups: [g]}\n- {name: b, groups: [h]}", "\nf:4: user b: group h"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(s.Records())
			_, err := compare(s, c.text, false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if len(s.Records()) != before {
				t.Error("something was changed")
			}
		})
	}
}

// expired is a certificate in PEM.
func expired(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// What --prune will delete is not there to be named.
func TestMistakesOfPruning(t *testing.T) {
	s := kmstest.New(t)
	apply(t, s, "version: 1\npolicies: [{name: p, document: '"+anyKMS+"'}]\nusers: [{name: u}]\ngroups: [{name: g}]", false)
	for name, c := range map[string]struct{ text, want string }{
		"a policy":    {"users: [{name: a, policies: [p]}]", "f:2: user a: policy p is neither"},
		"its ARN":     {"users: [{name: a, policies: ['arn:aws:iam::111122223333:policy/p']}]", "f:2: user a: there is no policy"},
		"a group":     {"users: [{name: a, groups: [g]}]", "f:2: user a: group g is neither"},
		"a principal": {"roles: [{name: r, trust: '" + strings.Replace(trusts, "root", "user/u", 1) + "'}]", "f:2: role r: its trust policy names"},
		"everything":  {"users: []", "f: nothing is listed of account 111122223333; all of it would be deleted, which is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := compare(s, "version: 1\n"+c.text, true); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// A secret in the wrong place is not quoted.
func TestErrorsTellNoValue(t *testing.T) {
	for _, text := range []string{"version: hunter2", "version: 1\nusers: hunter2", "version: 1\nusers: [hunter2]", "version: 1\nroles: [{name: r, max_session: hunter2}]", "version: 1\nusers: [{name: a, tags: hunter2}]"} {
		_, err := roster.Parse("f", []byte(text), kmstest.Account)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "roster") || strings.Contains(err.Error(), "struct") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line without the value", err)
		}
	}
}

func TestReadSaysWhichFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if _, err := roster.Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("missing: got %v", err)
	}
	if err := os.WriteFile(path, make([]byte, roster.MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := roster.Read(path); err == nil || !strings.Contains(err.Error(), path+" is larger than 1 MiB") {
		t.Errorf("too large: got %v", err)
	}
}

// Whatever stands in a file is understood or refused, and what is understood has names and accounts.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("../../docs/identities.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("version: 1\nusers: &a [{name: x, inline: {y: *a}}]"))
	f.Add([]byte("version: 1\npolicies:\n- name: p\n  document: &d\n    Statement: [*d, *d]"))
	f.Add([]byte("version: 1\n---\nversion: 1\naccount: 012345678901\nroles: [{name: r, trust: {a: 1e3, b: yes, ? [c] : d}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := roster.Parse("f", text, kmstest.Account)
		if err != nil {
			return
		}
		for _, a := range file.Accounts {
			if len(a.Account) != 12 {
				t.Errorf("got account %q", a.Account)
			}
			for _, u := range a.Users {
				if u.Name.Text == "" {
					t.Error("got a user without a name")
				}
			}
		}
	})
}
