package deploy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"qkms/internal/store/postgres/pgtest"
)

// A container is one of the image, as a manifest describes it, run without a container: where something would be mounted
// is another path.
type container struct {
	args   []string
	env    map[string]string
	mounts map[string]string // what is at a path of the container
}

// here replaces the container's paths, and its ports by free ones of loopback.
func (c container) here(s string) string {
	for path, real := range c.mounts {
		s = strings.ReplaceAll(s, path, real)
	}
	return regexp.MustCompile(`listen=:\d+$`).ReplaceAllString(s, "listen=127.0.0.1:0")
}

func (c container) command() (args, env []string) {
	for _, a := range c.args {
		args = append(args, c.here(a))
	}
	for name, value := range c.env {
		env = append(env, name+"="+c.here(value))
	}
	return args, env
}

// run runs it to its end, and returns what it printed.
func (c container) run(t *testing.T) string {
	t.Helper()
	args, env := c.command()
	return run(t, env, args...)
}

// A node is a container that serves.
type node struct {
	api, metrics string // addresses
	cmd          *exec.Cmd
	said         *transcript
}

var (
	serving   = regexp.MustCompile(`(?m)^QKMS at https://(\S+),`)
	measuring = regexp.MustCompile(`(?m)^Metrics at http://(\S+)/metrics$`)
)

// start starts it, and waits until it says where it serves.
func (c container) start(t *testing.T) *node {
	t.Helper()
	args, env := c.command()
	n := &node{cmd: exec.Command(built.binary, args...), said: &transcript{more: make(chan struct{}, 1)}}
	n.cmd.Env, n.cmd.Stdout, n.cmd.Stderr = env, n.said, n.said
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.cmd.Wait() }()
	t.Cleanup(func() {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		_ = n.cmd.Process.Signal(syscall.SIGTERM) // which ends a drain
		<-ended
	})
	late := time.After(time.Minute)
	for n.api == "" {
		select {
		case <-n.said.more:
		case err := <-ended:
			ended <- err
			t.Fatalf("%q ended: %v\n%s", args, err, n.said)
		case <-late:
			t.Fatalf("%q serves nothing yet\n%s", args, n.said)
		}
		if found := serving.FindStringSubmatch(n.said.String()); found != nil {
			n.api = found[1]
		}
	}
	found := measuring.FindStringSubmatch(n.said.String())
	if found == nil {
		t.Fatalf("no probe can reach %q\n%s", args, n.said)
	}
	n.metrics = found[1]
	return n
}

// answers checks that a node is ready, and that it is this API which it serves, over TLS.
func (n *node) answers(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, text := n.probe(t, path); status != http.StatusOK {
			t.Errorf("%s: got %d, %q\n%s", path, status, text, n.said)
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+n.api, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "TrentService.ListKeys")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(text, []byte("MissingAuthenticationToken")) {
		t.Errorf("got %q, %v; want an answer of this API", text, err)
	}
}

func (n *node) probe(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + n.metrics + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// A transcript is what a process has said so far. It may be read while it is written.
type transcript struct {
	more chan struct{} // holds one when something is new

	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Every flag is one of the verb's, with a value that it takes. Every variable means something to it or to the node, whose
// verbs that are run beside it find the same.
func TestArguments(t *testing.T) {
	all := map[string]container{}
	for which, values := range map[string]string{"least": least, "most": most} {
		for name, pod := range installed(t, values).pods() {
			all[which+" "+name] = inPod(pod.Spec)
		}
	}
	for name, s := range composed(t).Services {
		if s.Image == "qkms" {
			all["compose "+name] = container{args: s.Command, env: variables(s.Environment)}
		}
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			explained := qkms(t, slices.Concat(c.args, []string{"-h"})...) + qkms(t, "serve", "-h")
			for variable := range c.env {
				flag, is := strings.CutPrefix(variable, "QKMS_")
				flag = "--" + strings.ReplaceAll(strings.ToLower(flag), "_", "-")
				if is && !strings.Contains(explained, "\n  "+flag) {
					t.Errorf("$%s means nothing to qkms %s, nor to serve", variable, c.args[0])
				}
			}
		})
	}
}

func inPod(p corev1.PodSpec) container {
	c := container{args: p.Containers[0].Args, env: map[string]string{}, mounts: map[string]string{}}
	for _, e := range p.Containers[0].Env {
		c.env[e.Name] = e.Value
	}
	return c
}

func variables(m map[string]*string) map[string]string {
	all := map[string]string{}
	for name, value := range m {
		all[name] = *value
	}
	return all
}

// The chart's Job, then a node, over the Secrets that values.yaml says how to make, as the kubelet mounts them.
func TestChartServes(t *testing.T) {
	r := installed(t, most)
	secrets, pair := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(secrets, "qkms-root-key"), madeAsTold(t))
	writeFile(t, filepath.Join(secrets, "qkms-store"), pgtest.URL(t))
	made := madeTLS(t)
	writeFile(t, filepath.Join(secrets, "qkms-store-ca.crt"), readFile(t, filepath.Join(made, "ca.crt")))
	writeFile(t, filepath.Join(pair, "tls.crt"), readFile(t, filepath.Join(made, "server.crt")))
	writeFile(t, filepath.Join(pair, "tls.key"), readFile(t, filepath.Join(made, "server.key")))
	mounted := func(p corev1.PodSpec) container {
		c := inPod(p)
		c.mounts = map[string]string{"/data": t.TempDir(), "/run/qkms/credentials": secrets, "/run/qkms/tls": pair}
		return c
	}

	job, migrate := mounted(r.job(t, "qkms-init", "pre-install")), mounted(r.job(t, "qkms-migrate", "pre-upgrade"))
	if said := job.run(t); !strings.Contains(said, "Made a store in the database") || strings.Contains(said, "SECRET") {
		t.Errorf("got %q, want a store and no secret", said)
	}
	if said := job.run(t); !strings.Contains(said, "nothing was changed") {
		t.Errorf("again: got %q, want nothing changed", said)
	}
	pod := mounted(r.nodes.Spec.Template.Spec)
	n := pod.start(t)
	n.answers(t)
	if said := migrate.run(t); !strings.Contains(said, "nothing to do") {
		t.Errorf("got %q, want nothing to do", said)
	}

	exec := container{args: []string{"access-key", "create"}, env: pod.env, mounts: pod.mounts}
	if said := exec.run(t); !strings.Contains(said, "AWS_SECRET_ACCESS_KEY=") {
		t.Errorf("kubectl exec: got %q, want an access key", said)
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for status := http.StatusOK; status != http.StatusServiceUnavailable; { // it says so before it refuses
		status, _ = n.probe(t, "/readyz")
	}
}

// The compose file's one-shot service, then each node, over a database that only a Unix socket leads to.
func TestComposeServes(t *testing.T) {
	p, keys, sockets := composed(t), t.TempDir(), socketDir(t)
	db := pgtest.New(t, "fsync=off", "unix_socket_directories="+sockets)
	for _, statement := range []string{"CREATE ROLE qkms LOGIN PASSWORD 'of-a-test'", "CREATE DATABASE qkms OWNER qkms"} {
		if err := db.Do(statement); err != nil {
			t.Fatal(err)
		}
	}
	service := func(name string) container {
		c := container{args: p.Services[name].Command, env: variables(p.Services[name].Environment)}
		c.env["PGPORT"], c.env["PGPASSWORD"] = fmt.Sprint(db.Port), "of-a-test" // this server trusts nobody
		c.mounts = map[string]string{"/data": t.TempDir(), "/keys": keys, "/var/run/postgresql": sockets}
		return c
	}
	for _, want := range []string{"Made a store in the database", "nothing was changed"} { // at the first `up`, at the second
		if said := service("init").run(t); !strings.Contains(said, want) || strings.Contains(said, "SECRET") {
			t.Errorf("init: got %q, want %q and no secret", said, want)
		}
	}
	var all []*node
	for _, name := range []string{"node1", "node2", "node3"} {
		all = append(all, service(name).start(t))
	}
	for _, n := range all {
		n.answers(t)
	}
	if said := service("migrate").run(t); !strings.Contains(said, "nothing to do") {
		t.Errorf("migrate: got %q, want nothing to do", said)
	}
}

// socketDir is where any user may make a Unix socket, at a path that is short enough for one.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "qkms-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
