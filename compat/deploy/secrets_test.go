package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// madeAsTold is a root key, made by the command in values.yaml.
func madeAsTold(t *testing.T) string {
	t.Helper()
	text := readFile(t, filepath.Join(chartDir, "values.yaml"))
	found := regexp.MustCompile(`(?m)^#   (\(umask .*root\.key\))$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatal("values.yaml does not say how a root key is made")
	}
	cmd := exec.Command("/bin/sh", "-c", found[1])
	cmd.Dir = t.TempDir()
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", found[1], err, said)
	}
	return readFile(t, filepath.Join(cmd.Dir, "root.key"))
}

// madeTLS is the directory of a TLS pair.
func madeTLS(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	qkms(t, "init", "--data", dir, "--no-access-key")
	return filepath.Join(dir, "tls")
}

// writeFile writes as the kubelet mounts a Secret for an fsGroup.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o440); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
