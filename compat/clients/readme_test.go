package clients_test

import (
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"qkms/compat/harness"
)

// What the README tells people to type is typed: the first minute with the AWS CLI, over the seed file that it shows.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```(?:yaml)?\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	block := func(with string) string {
		t.Helper()
		for _, b := range blocks {
			if strings.Contains(b[1], with) {
				return b[1]
			}
		}
		t.Fatalf("no block of the README has %q", with)
		return ""
	}
	seed := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(seed, []byte(block("material: ")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := harness.Start(t, "--seed", seed)
	if !installed(t, "aws", "--version") {
		return
	}
	out := strings.Fields(typed(t, s, "aws kms describe-key --key-id alias/orders --query KeyMetadata.KeyId --output text\n"+block("aws kms generate-data-key ")))
	if out[0] != "1234abcd-12ab-34cd-56ef-1234567890ab" {
		t.Errorf("alias/orders: got %s, want the key of the seed file", out[0])
	}
	if k, err := base64.StdEncoding.DecodeString(out[len(out)-1]); err != nil || len(k) != 32 {
		t.Errorf("decrypt: got %q, want a data key of 32 bytes in base64", out[len(out)-1])
	}
}

// What the API reference offers to be copied works as it stands.
func TestReferenceCommands(t *testing.T) {
	s := harness.Start(t)
	if installed(t, "curl", "--version") {
		if got := typed(t, s, shown(t, s, "CreateKey", "example-1-curl")); !strings.Contains(got, `"KeyState":"Enabled"`) {
			t.Errorf("curl: got %s, want a key", got)
		}
	}
	if installed(t, "aws", "--version") {
		if got := typed(t, s, shown(t, s, "CreateKey", "example-1-cli")); !strings.Contains(got, `"KeyState": "Enabled"`) {
			t.Errorf("AWS CLI: got %s, want a key", got)
		}
	}
}

// shown is the text of an element of a page of the reference.
func shown(t *testing.T, s *harness.Server, operation, id string) string {
	t.Helper()
	res, err := http.Get(s.Env()["AWS_ENDPOINT_URL"] + "/docs/" + operation)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)<pre id="` + id + `"[^>]*>(.*?)</pre>`).FindSubmatch(page)
	if m == nil {
		t.Fatalf("/docs/%s has no %s", operation, id)
	}
	return html.UnescapeString(string(m[1]))
}

func installed(t *testing.T, argv ...string) bool {
	t.Helper()
	if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
		t.Logf("%s is not on this machine: that part was not run (%v)", argv[0], err)
		return false
	}
	return true
}

// typed is what a shell says to lines that are typed, with the environment that `qkms dev` prints.
func typed(t *testing.T, s *harness.Server, lines string) string {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", lines)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "AWS_PAGER=", "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none", "AWS_DEFAULT_OUTPUT=json")
	for name, value := range s.Env() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said, failed strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", lines, err, said.String(), failed.String())
	}
	return said.String()
}
