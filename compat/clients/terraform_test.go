package clients_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"qkms/compat/harness"
)

// Terraform makes one of each aws_kms_* and aws_iam_* resource, finds nothing to change in what it made, and takes it
// all away. Its AWS provider comes from a directory, $QKMS_TERRAFORM_PLUGINS or the user's own, and never
// from the network.
func TestTerraform(t *testing.T) {
	tf := newTerraform(t)
	if tf == nil {
		return
	}
	s := harness.Start(t)
	for name, value := range s.Env() {
		tf.env = append(tf.env, name+"="+value)
	}
	tf.must("apply", "-auto-approve", "-parallelism=20")
	var outputs struct {
		Held, Identities struct{ Value map[string]any }
	}
	if err := json.Unmarshal([]byte(tf.must("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"secret": "a secret", "same_key": true, "same_id": true, "connected": "DISCONNECTED", "rotates": true,
		"signs": "RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512",
	}
	if got := outputs.Held.Value; !maps.Equal(got, want) {
		t.Errorf("outputs: got %v, want %v", got, want)
	}
	want = map[string]any{
		"account": "111122223333", "alice": "arn:aws:iam::111122223333:user/staff/alice", "staff": "alice", "team": "alice bob", "reader": true,
		"app": "reader", "use": true, "by_name": true, "of_aws": "AdministratorAccess", "keys": 1.0, "tokens": "another sts.amazonaws.com",
	}
	if got := outputs.Identities.Value; !maps.Equal(got, want) {
		t.Errorf("identities: got %v, want %v", got, want)
	}
	tf.must("plan", "-detailed-exitcode") // 2 when there is something to change
	tf.must("destroy", "-auto-approve", "-parallelism=20")
	if left := tf.must("state", "list"); left != "" {
		t.Errorf("after destroy: got %s, want nothing", left)
	}
	done := map[string]int{"CreateKey": -1} // the key that `qkms dev` made for itself
	for _, r := range s.Records() {
		if r.ErrorCode == "" {
			done[r.EventName]++
		}
	}
	if made, ended := done["CreateKey"]+done["ReplicateKey"], done["ScheduleKeyDeletion"]; made != ended || made == 0 {
		t.Errorf("got %d keys made and %d scheduled for deletion, want as many", made, ended)
	}
}

type terraform struct {
	t   *testing.T
	dir string
	env []string
}

// newTerraform prepares a directory, or says why this machine cannot and returns nil.
func newTerraform(t *testing.T) *terraform {
	t.Helper()
	if err := exec.Command("terraform", "version").Run(); err != nil {
		t.Logf("Terraform is not on this machine: that part was not run (%v)", err)
		return nil
	}
	tf := &terraform{t: t, dir: t.TempDir()}
	if err := os.CopyFS(tf.dir, os.DirFS("terraform")); err != nil {
		t.Fatal(err)
	}
	plugins := os.Getenv("QKMS_TERRAFORM_PLUGINS")
	if home, err := os.UserHomeDir(); plugins == "" && err == nil {
		plugins = filepath.Join(home, ".terraform.d", "plugins")
	}
	settings := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\ndisable_checkpoint = true\n", plugins)
	if err := os.WriteFile(filepath.Join(tf.dir, "settings"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(tf.dir, "none")
	tf.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(tf.dir, "settings"), "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_EC2_METADATA_DISABLED=true")
	if said, err := tf.run("init"); err != nil {
		if _, e := os.Stat(filepath.Join(plugins, "registry.terraform.io", "hashicorp", "aws")); e != nil {
			t.Logf("Terraform's AWS provider is not in %s: that part was not run", plugins)
			return nil
		}
		t.Fatalf("init: %v\n%s", err, said)
	}
	return tf
}

func (tf *terraform) run(args ...string) (stdout string, err error) {
	var said, failed strings.Builder
	cmd := exec.Command("terraform", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = tf.dir, tf.env, &said, &failed
	if err := cmd.Run(); err != nil {
		return said.String() + failed.String(), err
	}
	return said.String(), nil
}

// must runs a command to its end, where the first failure ends the test.
func (tf *terraform) must(args ...string) string {
	tf.t.Helper()
	said, err := tf.run(append(args, "-no-color")...)
	if err != nil {
		tf.t.Fatalf("terraform %s: %v\n%s", args[0], err, said)
	}
	return said
}
