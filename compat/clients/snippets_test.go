package clients_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	_ "github.com/aws/aws-sdk-go-v2/config" // for the programs that are made here
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"qkms/compat/harness"
	"qkms/internal/reference/referencetest"
)

// A shape is one of the API model.
type shape struct {
	Type    string
	Enum    []string
	Member  ref
	Value   ref
	Members map[string]ref
}

type ref struct{ Shape string }

type model struct {
	Operations map[string]struct{ Input string }
	Shapes     map[string]shape
}

// sample is a value that the model allows, with all members there are.
func (m *model) sample(name string) any {
	s := m.Shapes[name]
	switch s.Type {
	case "boolean":
		return true
	case "integer":
		return 7
	case "timestamp":
		return 1900000000.5
	case "blob":
		return "aGVsbG8="
	case "list":
		return []any{m.sample(s.Member.Shape)}
	case "map":
		return map[string]any{"purpose": m.sample(s.Value.Shape)}
	case "structure":
		object := map[string]any{}
		for member, of := range s.Members {
			object[member] = m.sample(of.Shape)
		}
		return object
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	return "text"
}

// folder is one of this module, whose versions of the SDK Go programs in it are made with.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(".", "made-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A call of every operation, with every member that it has, compiles against the AWS SDK for Go.
func TestGoCompiles(t *testing.T) {
	text, err := os.ReadFile("../../api/kms.json")
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Operations) == 0 {
		t.Fatal("the model has no operations")
	}
	c, dir := harness.SignIn(t, harness.Start(t).Login), folder(t)
	for name, op := range m.Operations {
		body := m.sample(op.Input)
		if op.Input == "" {
			body = struct{}{}
		}
		write(t, c.Snippet(name, "go", body), dir, name, "main.go")
	}
	if out, err := exec.Command("go", "vet", "./"+dir+"/...").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// hostile is an encryption context that wants to be more than that, in one language or another.
var hostile = map[string]string{
	"it's": `a "test"`, "$HOME": "`id`", "__proto__": `\`, "-x": "file:///etc/passwd", "a\r\n\tb": "é\u2028\u202e\x7f\U0001f600",
	"=": "https://example.com", "</script>": "{{.}}", "%s": "!x #y", `'; exit; '`: `"); exit("`, "${1+1}": "\u0000",
}

// What is copied has the very values that were tried: a ciphertext is opened under no other context.
func TestSnippetsAreQuoted(t *testing.T) {
	s := harness.Start(t)
	sealed, err := s.KMS().Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/dev"), Plaintext: []byte("hello"), EncryptionContext: hostile})
	if err != nil {
		t.Fatal(err)
	}
	inAll(t, s, func(t *testing.T, run func(operation string, body any) string) {
		said := run("Decrypt", map[string]any{"CiphertextBlob": sealed.CiphertextBlob, "EncryptionContext": hostile})
		if !strings.Contains(said, "SYMMETRIC_DEFAULT") {
			t.Errorf("got %s", said)
		}
	})
}

// A description that a terminal would act on, the CLI would fetch, and nobody would read as it is.
const unseen = "https://a\r\nb\x1b[201~\x03\ntouch PWNED\n'!x\\\x7f\u009b\u202e\u2066\u00a0\U000e0041\U0001f600\x00é"

// What cannot be seen is written by its number, and arrives as it is.
func TestSnippetsShowWhatIsUnseen(t *testing.T) {
	s := harness.Start(t)
	inAll(t, s, func(t *testing.T, run func(operation string, body any) string) {
		made, err := s.KMS().CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		id := aws.ToString(made.KeyMetadata.KeyId)
		run("UpdateKeyDescription", map[string]any{"KeyId": id, "Description": unseen})
		k, err := s.KMS().DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(k.KeyMetadata.Description); got != unseen {
			t.Errorf("got %q, want %q", got, unseen)
		}
	})
}

// A time that is copied is that time, which no example of the API reference has: material expires then.
func TestSnippetsHaveTimes(t *testing.T) {
	s, expires := harness.Start(t), time.Now().Add(time.Hour).Truncate(time.Second)
	example := recipes(t)["ImportKeyMaterial"][0]
	inAll(t, s, func(t *testing.T, run func(operation string, body any) string) {
		p := &referencetest.Play{T: t, Account: referencetest.Account}
		p.Ask = func(operation, body string) (int, []byte) { return s.Ask(t, operation, body) }
		p.Do(example.Steps)
		body, _ := referencetest.Tree(t, p.Filled(example.Request)).(map[string]any)
		body["ExpirationModel"], body["ValidTo"] = "KEY_MATERIAL_EXPIRES", expires.Unix()
		run("ImportKeyMaterial", body)
		id := body["KeyId"].(string)
		if k, err := s.KMS().DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id}); err != nil || !expires.Equal(aws.ToTime(k.KeyMetadata.ValidTo)) {
			t.Errorf("got %+v, %v, want material until %v", k, err, expires)
		}
	})
}

// inAll runs do with every language: with what runs its program for a request, as it stands, and returns what that printed.
// Go is always there, and others may not be on this machine.
func inAll(t *testing.T, s *harness.Server, do func(t *testing.T, run func(operation string, body any) string)) {
	t.Helper()
	c, dir := harness.SignIn(t, s.Login), folder(t)
	for _, l := range []struct {
		language, file string
		there, with    []string
	}{
		{"go", "main.go", []string{"go", "version"}, []string{"go", "run"}},
		{"cli", "main.sh", []string{"aws", "--version"}, []string{"bash"}},
		{"python", "main.py", []string{"python3", "-c", "import boto3"}, []string{"python3"}},
		{"javascript", "main.mjs", []string{"node", "--version"}, []string{"node"}},
	} {
		t.Run(l.language, func(t *testing.T) {
			if !installed(t, l.there...) {
				return
			}
			do(t, func(operation string, body any) string {
				text := c.Snippet(operation, l.language, body)
				cmd := exec.Command(l.with[0], append(l.with[1:], write(t, text, dir, l.file))...)
				cmd.Env = os.Environ()
				for name, value := range s.Env() {
					cmd.Env = append(cmd.Env, name+"="+value)
				}
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s\n%s", err, text, out)
				}
				return string(out)
			})
		})
	}
}
