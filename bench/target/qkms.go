package target

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"qkms/bench/load"
)

// Build builds qkms as releases are built, from the module above this one, into dir, and returns the program's path.
func Build(dir string) (string, error) {
	out := filepath.Join(dir, "qkms")
	cmd := exec.Command("go", "build", "-trimpath", "-o", out, "./cmd/qkms")
	root, err := root()
	if err != nil {
		return "", err
	}
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build qkms: %w\n%s", err, said)
	}
	return out, nil
}

// root is the directory of the product's module, above the working directory.
func root() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		mod, _ := os.ReadFile(filepath.Join(dir, "go.mod"))
		if strings.HasPrefix(string(mod), "module qkms\n") {
			return dir, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("no directory above this one has the module qkms: %v", err)
}

// A QKMS is how to run one deployment, again and again.
type QKMS struct {
	Program string
	Dir     string // its data directory, made by Init
	TLS     bool
	Log     string
	Login   load.Login // of the user that Init made
}

// identities is a user who gets by a policy of their own what they may do, as services have it.
const identities = `version: 1
users:
  - name: bench
    inline:
      use:
        Version: 2012-10-17
        Statement: {Effect: Allow, Action: "kms:*", Resource: "*"}
`

// Init makes the deployment and its user.
func (q *QKMS) Init() error {
	if _, err := q.run("init", "--no-access-key"); err != nil {
		return err
	}
	file := filepath.Join(filepath.Dir(q.Dir), filepath.Base(q.Dir)+"-identities.yaml")
	if err := os.WriteFile(file, []byte(identities), 0o600); err != nil {
		return err
	}
	if _, err := q.run("iam", "apply", file); err != nil {
		return err
	}
	out, err := q.run("access-key", "create", "--json", "--user", "bench")
	if err != nil {
		return err
	}
	var made struct{ ID, Secret string }
	err = json.Unmarshal(out, &made)
	q.Login = load.Login{Region: "us-east-1", ID: made.ID, Secret: made.Secret}
	return err
}

// run runs a verb on the data directory and returns what it wrote to stdout.
func (q *QKMS) run(args ...string) ([]byte, error) {
	var file string
	if args[0] == "iam" { // flags come before files
		file, args = args[len(args)-1], args[:len(args)-1]
	}
	args = append(args, "--data", q.Dir)
	if file != "" {
		args = append(args, file)
	}
	out, err := exec.Command(q.Program, args...).Output()
	if exit, is := err.(*exec.ExitError); is {
		err = fmt.Errorf("qkms %v: %w\n%s%s", args, err, out, exit.Stderr)
	}
	return out, err
}

// Verify proves the audit log, by `qkms audit verify`. The server may run.
func (q *QKMS) Verify() error {
	_, err := q.run("audit", "verify")
	return err
}

// Serve starts the server: everything as in production, but no rates, quotas that are no obstacle, and room for the audit log of a
// long run.
func (q *QKMS) Serve(name string) (*Target, error) {
	t := &Target{Name: name, Login: q.Login, Dir: q.Dir}
	args := []string{
		"serve", "--data", q.Dir, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--drain-delay", "0s",
		"--rates", "none", "--quota", "keys=100000000,grants-per-key=100000000", "--audit-spool", "1000000",
	}
	scheme := "https://"
	if os.Getenv("QKMS_QUEUE_DELAY") == "" { // what is measured is answers; ../overload is about refusals
		args = append(args, "--queue-delay", "0")
	}
	if !q.TLS {
		args, scheme = append(args, "--no-tls"), "http://"
	}
	var err error
	if q.TLS {
		if t.Site.TLS, err = trust(q.Dir); err != nil {
			return nil, err
		}
	}
	var metrics string
	t.Process, err = start(q.Log, func(line string) bool {
		if url, is := strings.CutPrefix(line, "Metrics at "); is {
			metrics = url
		}
		rest, is := strings.CutPrefix(line, "QKMS at "+scheme)
		if is {
			t.Site.Address, _, _ = strings.Cut(rest, ",")
		}
		return is
	}, q.Program, args...)
	if err != nil {
		return nil, err
	}
	t.Metrics = metrics
	return t, nil
}

// Started is how long the server takes from its start to its first answer, which is to a signed request.
func (q *QKMS) Started() (time.Duration, *Target, error) {
	began := time.Now()
	t, err := q.Serve("")
	if err != nil {
		return 0, nil, err
	}
	_, err = t.Call("ListKeys", map[string]any{"Limit": 1})
	return time.Since(began), t, err
}
