package snippet_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qkms/internal/reference"
	"qkms/internal/snippet"
)

// hostile are values that want to be more than values.
var hostile = []string{
	"", "-x", "=x", "~", "a b", "$(touch /tmp/x)", "`id`", `'; rm -rf ~; '`, `"; import os; "`, "\\", "a\nb", "a\tb", "é\u2028\u202e", "</script>", `{{.}}`, "%s", "!x", "#x", "*",
	"file:///etc/passwd", "https://example.com",
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

// A shell takes what is quoted for the very words that were meant, and runs none of them. The CLI reads files that are
// named file://, and then takes what they hold as it is.
func TestCLIQuotes(t *testing.T) {
	for _, value := range hostile {
		text := snippet.CLI(encrypt(t, value))
		out, err := exec.Command("bash", "-c", `aws() { for a in "$@"; do case $a in file://*) cat "${a#file://}";; *) printf %s "$a";; esac; printf '\0'; done; }; `+text).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v: %s", text, err, out)
			continue
		}
		words := strings.Split(string(out), "\x00")
		if strings.HasPrefix(value, "-") {
			words = slices.Concat(words[:2], strings.SplitN(words[2], "=", 2), words[3:])
		}
		if got := words[3]; words[2] != "--key-id" || got != value {
			t.Errorf("%q: got the words %q, want key id %q", text, words, value)
		}
		var context map[string]string
		if err := json.Unmarshal([]byte(words[7]), &context); err != nil || context[value] != value {
			t.Errorf("%q: encryption context: got %q, %v", text, words[7], err)
		}
	}
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
