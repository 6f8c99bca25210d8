package clients_test

import (
	"encoding/base64"
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
	lines := "aws kms describe-key --key-id alias/orders --query KeyMetadata.KeyId --output text\n" + block("aws kms generate-data-key ")
	said, failed, err := typed(t, s.Env(), lines)
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", lines, err, said, failed)
	}
	out := strings.Fields(said)
	if out[0] != "1234abcd-12ab-34cd-56ef-1234567890ab" {
		t.Errorf("alias/orders: got %s, want the key of the seed file", out[0])
	}
	if k, err := base64.StdEncoding.DecodeString(out[len(out)-1]); err != nil || len(k) != 32 {
		t.Errorf("decrypt: got %q, want a data key of 32 bytes in base64", out[len(out)-1])
	}
}

func installed(t *testing.T, argv ...string) bool {
	t.Helper()
	if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
		t.Logf("%s is not on this machine: that part was not run (%v)", argv[0], err)
		return false
	}
	return true
}

// typed is what a shell says to lines that are typed, with an environment such as `qkms dev` prints.
func typed(t *testing.T, env map[string]string, lines string) (said, failed string, err error) {
	t.Helper()
	dir := t.TempDir()
	// Version 2 of the AWS CLI writes times in words unless it is told not to; the pages show the wire.
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte("[default]\ncli_timestamp_format = wire\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", lines)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AWS_PAGER=", "AWS_CONFIG_FILE=config", "AWS_SHARED_CREDENTIALS_FILE=none", "AWS_DEFAULT_OUTPUT=json", "AWS_MAX_ATTEMPTS=1")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}
