package deploy_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/store/postgres/pgtest"
)

// What the README tells operators to type makes deployments that serve: one machine, and several over one PostgreSQL. Paths,
// addresses and the database are those of this test.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, block := range regexp.MustCompile("(?ms)^```\n(qkms init .*?)^```$").FindAllStringSubmatch(string(text), -1) {
		tried++
		here := map[string]string{"/var/lib/qkms": filepath.Join(t.TempDir(), "data"), "/etc/qkms": t.TempDir()}
		if strings.Contains(block[1], "postgres://qkms@db1,db2/qkms") {
			here["postgres://qkms@db1,db2/qkms"] = withoutPassword(t, pgtest.URL(t), here)
		}
		env := map[string]string{"PGPASSFILE": "/etc/qkms/pgpass"}
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line, "#")
			args := strings.Fields(strings.ReplaceAll(line, "'", ""))[1:]
			if args[0] == "init" {
				container{args: args, mounts: here, env: env}.run(t)
				continue
			}
			args = append(args, "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0")
			container{args: args, mounts: here, env: env}.start(t).answers(t)
		}
	}
	if tried != 2 {
		t.Errorf("got %d blocks of the README that make a deployment, want 2", tried)
	}
}

// withoutPassword is the URL of a database as a command line may have it: the password goes where PostgreSQL's clients look.
func withoutPassword(t *testing.T, database string, here map[string]string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	if err := os.WriteFile(filepath.Join(here["/etc/qkms"], "pgpass"), []byte("*:*:*:*:"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.User = url.User(u.User.Username())
	return u.String()
}
