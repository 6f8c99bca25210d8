package clients_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/aws/aws-sdk-go-v2/config" // for the programs that are made here

	"qkms/compat/harness"
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
		program := filepath.Join(dir, name)
		if err := os.Mkdir(program, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(program, "main.go"), []byte(c.Snippet(name, "go", body)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "vet", "./"+dir+"/...").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What is copied does what was tried: in Go, and in the shell, in Python and in JavaScript where what they need is installed.
func TestSnippetsRun(t *testing.T) {
	s := harness.Start(t)
	c, dir := harness.SignIn(t, s.Login), folder(t)
	body := map[string]any{
		"KeyId": "alias/dev", "Plaintext": "aGVsbG8=", "EncryptionContext": map[string]any{"it's": `a "test"`, "$HOME": "`id`"},
	}
	for _, run := range []struct {
		language, file string
		there, with    []string
	}{
		{"go", "main.go", []string{"go", "version"}, []string{"go", "run"}},
		{"cli", "main.sh", []string{"aws", "--version"}, []string{"bash"}},
		{"python", "main.py", []string{"python3", "-c", "import boto3"}, []string{"python3"}},
		{"javascript", "main.mjs", []string{"node", "--version"}, []string{"node"}},
	} {
		t.Run(run.language, func(t *testing.T) {
			if err := exec.Command(run.there[0], run.there[1:]...).Run(); err != nil {
				t.Logf("not on this machine: that part was not run (%v)", err)
				return
			}
			text, file := c.Snippet("Encrypt", run.language, body), filepath.Join(dir, run.file)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			argv := append(run.with, "./"+file)
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = os.Environ()
			for name, value := range s.Env() {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "SYMMETRIC_DEFAULT") {
				t.Errorf("%v\n%s\n%s", err, text, out)
			}
		})
	}
}
