package snippet_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"qkms/internal/reference"
	"qkms/internal/snippet"
)

// hostile are values that want to be more than values.
var hostile = []string{
	"", "-x", "=x", "~", "a b", "$(touch /tmp/x)", "`id`", `'; rm -rf ~; '`, `"; import os; "`, "\\", "a\nb", "a\tb", "é\u2028\u202e", "</script>", `{{.}}`, "%s", "!x", "#x", "*",
	"file:///etc/passwd", "https://example.com", "https://a\r\nb",
	"x\x03\ntouch PWNED\n", "x\x1b[201~\x03\ntouch PWNED\n", "-\x7f\u009b201~", "\u202e\u2066\u200f\u061c\ufeff\u00a0'!x\\\b7\U000e0041",
}

// A terminal acts on some letters while they are pasted, and others make a line read otherwise than it is. Whatever holds them,
// none is in what is copied: each line ends where it does for a harmless value.
func TestNothingIsUnseen(t *testing.T) {
	of := func(value string) snippet.Call {
		c := encrypt(t, value)
		c.Body["Plaintext"], c.Body["GrantTokens"], c.Body["DryRun"] = value, []any{value, map[string]any{value: value}}, value
		c.Region, c.Endpoint = value, value
		return c
	}
	for _, l := range snippet.Languages {
		for _, value := range append(hostile, "\x00", "a\r") {
			for _, write := range []func(string) snippet.Call{of, func(value string) snippet.Call { return recipient(t, value) }} {
				text := l.Write(write(value))
				if got, want := strings.Count(text, "\n"), strings.Count(l.Write(write("x")), "\n"); got > want {
					t.Errorf("%s: %q: got %d lines, want %d at most: %s", l.Name, value, got, want, text)
				}
				for _, r := range text {
					if r != '\n' && r != '\t' && !strconv.IsPrint(r) || r == '\t' && l.Code != "go" {
						t.Errorf("%s: %q: %U is in %s", l.Name, value, r, text)
					}
				}
			}
		}
	}
}

// Letters beyond U+FFFF are two numbers in JavaScript, and one in Python.
func TestNumbers(t *testing.T) {
	c := encrypt(t, "a\u202e\U000e0041")
	for _, l := range snippet.Languages {
		want := map[string]string{"cli": `"KeyId":"a\u202e\udb40\udc41"`, "python": `"a\u202e\U000e0041"`, "go": `"a\u202e\U000e0041"`, "javascript": `"a\u202e\udb40\udc41"`}[l.Code]
		if text := l.Write(c); !strings.Contains(text, want) {
			t.Errorf("%s: no %s in\n%s", l.Name, want, text)
		}
	}
}

// Every shell of those that the commands are for takes a word as it was, with and without what cannot be seen.
func TestShell(t *testing.T) {
	for _, shell := range []string{"bash", "ksh", "zsh"} {
		if _, err := exec.LookPath(shell); err != nil && shell != "bash" {
			continue
		}
		for _, value := range hostile {
			cmd := exec.Command(shell, "-c", "printf %s "+snippet.Shell(value))
			cmd.Env = []string{"LC_ALL=C"}
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != value {
				t.Errorf("%s: %s: got %q, %v, want %q", shell, snippet.Shell(value), out, err, value)
			}
		}
	}
}

func call(t *testing.T, operation, body string) snippet.Call {
	t.Helper()
	op := reference.Find(operation)
	if op == nil {
		t.Fatalf("no operation %s", operation)
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	c := snippet.Call{Operation: op, Endpoint: "http://127.0.0.1:8020", Region: "eu-west-1"}
	if err := d.Decode(&c.Body); err != nil {
		t.Fatal(err)
	}
	return c
}

func encrypt(t *testing.T, context string) snippet.Call {
	t.Helper()
	b, err := json.Marshal(map[string]any{"KeyId": context, "Plaintext": "aGVsbG8=", "EncryptionContext": map[string]string{context: context}})
	if err != nil {
		t.Fatal(err)
	}
	return call(t, "Encrypt", string(b))
}

// A shell takes what is quoted for the very words that were meant, and runs none of them.
func TestCLIQuotes(t *testing.T) {
	for _, value := range hostile {
		text := snippet.CLI(encrypt(t, value))
		out, err := exec.Command("bash", "-c", `aws() { printf '%s\0' "$@"; }; `+text).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v: %s", text, err, out)
			continue
		}
		given := options(t, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"))
		if got := given["key-id"]; got != value {
			t.Errorf("%q: got %q, want key id %q", text, given, value)
		}
		var context map[string]string
		if err := json.Unmarshal([]byte(given["encryption-context"]), &context); err != nil || context[value] != value {
			t.Errorf("%q: encryption context: got %q, %v", text, given, err)
		}
	}
}

// options are those of a command for the CLI, in its words: what is in JSON is as if it were on its own. It fails the test
// where the CLI would take one for something else.
func options(t *testing.T, words []string) map[string]string {
	t.Helper()
	given := map[string]string{}
	for words = words[2:]; len(words) > 0; words = words[1:] {
		name, value, joined := strings.Cut(strings.TrimPrefix(words[0], "--"), "=")
		if !joined && len(words) > 1 {
			value, words = words[1], words[1:]
		}
		if strings.Contains(value, "://") && name == "key-id" || !joined && strings.HasPrefix(value, "-") {
			t.Errorf("--%s: the CLI does not take %q for itself", name, value)
		}
		given[name] = value
	}
	var members map[string]string
	if text, ok := given["cli-input-json"]; ok {
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if id, ok := members["KeyId"]; ok {
		given["key-id"] = id
	}
	return given
}

// A blob within a structure is a file, and so is every text beside it that the CLI's own notation could misread.
func TestCLIShorthand(t *testing.T) {
	const named = "--recipient KeyEncryptionAlgorithm=RSAES_OAEP_SHA_256,AttestationDocument@=fileb://<(printf %s aGVsbG8= | base64 --decode) "
	if text := snippet.CLI(recipient(t, "RSAES_OAEP_SHA_256")); !strings.Contains(text, named) {
		t.Errorf("got %s, want %s in it", text, named)
	}
	for _, value := range hostile {
		text := snippet.CLI(recipient(t, value))
		out, err := exec.Command("bash", "-c", `aws() { of=${4#KeyEncryptionAlgorithm@=file://}; cat "${of%%,*}"; }; `+text).CombinedOutput()
		if err != nil || string(out) != value {
			t.Errorf("%s: got %q, %v, want %q", text, out, err, value)
		}
	}
}

func recipient(t *testing.T, algorithm string) snippet.Call {
	t.Helper()
	b, err := json.Marshal(map[string]any{"Recipient": map[string]string{"KeyEncryptionAlgorithm": algorithm, "AttestationDocument": "aGVsbG8="}})
	if err != nil {
		t.Fatal(err)
	}
	return call(t, "GenerateRandom", string(b))
}

func TestGoIsGo(t *testing.T) {
	for _, value := range hostile {
		text := snippet.Go(encrypt(t, value))
		f, err := parser.ParseFile(token.NewFileSet(), "main.go", text, 0)
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		found := 0
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && s == value {
					found++
				}
			}
			return true
		})
		if found < 3 {
			t.Errorf("%q stands %d times in\n%s", value, found, text)
		}
	}
}

func TestWords(t *testing.T) {
	c := call(t, "GenerateDataKeyPairWithoutPlaintext", `{"KeyId":"k","KeyPairSpec":"RSA_2048","DryRun":false,"GrantTokens":["a","b"]}`)
	for name, want := range map[string][]string{
		"AWS CLI":    {"aws kms generate-data-key-pair-without-plaintext \\\n", "--key-pair-spec RSA_2048 ", "--no-dry-run ", `--grant-tokens '["a","b"]'`, "--region eu-west-1 ", "--endpoint-url http://127.0.0.1:8020\n"},
		"Python":     {"kms.generate_data_key_pair_without_plaintext(\n", "    DryRun=False,\n", `    GrantTokens=["a", "b"],`},
		"Go":         {"client.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{\n", `KeyPairSpec: "RSA_2048",`, "DryRun: aws.Bool(false),", `GrantTokens: []string{"a", "b"},`},
		"JavaScript": {"new GenerateDataKeyPairWithoutPlaintextCommand({\n", "  DryRun: false,\n"},
	} {
		for _, l := range snippet.Languages {
			for _, part := range want {
				if text := l.Write(c); l.Name == name && !strings.Contains(text, part) {
					t.Errorf("%s: no %q in\n%s", name, part, text)
				}
			}
		}
	}
}
