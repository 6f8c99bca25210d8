// Package pgtest runs a real PostgreSQL for tests: one server per test binary, one database per test.
//
// The server needs the programs of the Debian package postgresql; without them a test fails. It runs as
// an unprivileged user, on a loopback port, in a directory of its own, and ends with the test binary
// however that ends. It does not sync (fsync=off): tests kill the server, they do not cut the power.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Server is a running PostgreSQL.
type Server struct {
	Port int // on 127.0.0.1

	password string // of the user postgres
	programs string
	dir      string // of everything; gone when the server is
	settings []string
	user     *syscall.Credential // nil: as we are

	keeper *exec.Cmd
	leash  io.Closer // closed, the keeper ends the server

	mu   sync.Mutex
	free []string // databases that are empty and unused; guarded by mu
	made int      // guarded by mu
}

var shared = sync.OnceValues(func() (*Server, error) { return newServer("fsync=off", "full_page_writes=off") })

// URL is Database of the server that this test binary has.
func URL(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s.Database(t)
}

// New starts a server of its own for a test that does it harm, with settings like "fsync=on".
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := newServer(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// In is New with the data directory dir, which is empty, and stays when the server ends.
func In(t testing.TB, dir string, settings ...string) *Server {
	t.Helper()
	s, err := launch(func(s *Server) error {
		if err := s.adopt(dir); err != nil {
			return err
		}
		return s.init()
	}, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// Over starts a server with a copy of another's data directory, until Stop. The error says why PostgreSQL
// does not start.
func Over(dir string, original *Server, settings ...string) (*Server, error) {
	return launch(func(s *Server) error {
		s.password = original.password
		pid := filepath.Join(dir, "postmaster.pid") // on this machine, of the original
		return errors.Join(os.RemoveAll(pid), s.adopt(dir))
	}, settings...)
}

// adopt has the data directory be dir, and the server's user be the owner of what is there.
func (s *Server) adopt(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return errors.Join(err, s.own(path))
	})
	if err != nil {
		return err
	}
	return os.Symlink(dir, s.data())
}

func newServer(settings ...string) (*Server, error) {
	return launch(func(s *Server) error { return s.init("--no-sync") }, settings...)
}

// launch starts a server over the data directory that fill makes.
func launch(fill func(*Server) error, settings ...string) (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, password: rand.Text(), settings: settings}
	if s.user, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "qkms-pg-"); err != nil {
		return nil, err
	}
	if err := s.own(s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := fill(s); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	for range 5 {
		if s.Port, err = freePort(); err != nil {
			break
		}
		if err = s.start(); err == nil {
			return s, nil
		}
		if !errors.Is(err, errPort) {
			break
		}
	}
	return nil, errors.Join(err, os.RemoveAll(s.dir))
}

// find returns the directory of initdb and postgres, the newest if there are several.
func find() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil && executable(filepath.Join(filepath.Dir(p), "postgres")) {
			return filepath.Dir(p), nil
		}
	}
	newest, version := "", 0
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, p := range versions {
		if n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p)))); n > version && executable(filepath.Join(filepath.Dir(p), "postgres")) {
			newest, version = filepath.Dir(p), n
		}
	}
	if newest == "" {
		return "", errors.New("this test runs PostgreSQL, whose initdb and postgres are neither on the PATH nor in /usr/lib/postgresql: install the package postgresql (Debian, Ubuntu), 15 or later")
	}
	return newest, nil
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return ln.Addr().(*net.TCPAddr).Port, ln.Close()
}

func (s *Server) init(options ...string) error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := s.own(password); err != nil {
		return err
	}
	cmd := s.command(filepath.Join(s.programs, "initdb"), append(options, "--pgdata", s.data(), "--username", "postgres", "--pwfile", password,
		"--auth", "password", "--encoding", "UTF8", "--locale", "C", "--no-instructions")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// own gives a file to the user of the server.
func (s *Server) own(path string) error {
	if s.user == nil {
		return nil
	}
	return os.Chown(path, int(s.user.Uid), int(s.user.Gid))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// command is a program, as the user of the server, in its directory.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user, Setpgid: true} // Ctrl-C is for the test
	return cmd
}

// keep runs the server, again when it has crashed unless it is to stay down, until standard input ends, which it
// does when this process ends in whatever way. Then the directory goes too. A server that was stopped (SIGSTOP)
// does not hear that it is to end before it continues.
const keep = `exec 3<&0
(cat <&3 >/dev/null; : >gone; while sleep 0.1; do pid=$(head -n 1 data/postmaster.pid); kill -QUIT "$pid"; kill -CONT "$pid"; done) 2>/dev/null &
watcher=$!
until [ -e gone ]; do [ -e down ] || "$@" >>log 2>&1; sleep 0.05; done
kill $watcher
[ -e again ] || rm -rf "$PWD"`

func (s *Server) start() error {
	args := []string{"-c", keep, "keeper", filepath.Join(s.programs, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.Port), "-k", "",
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "shared_buffers=32MB", "-c", "jit=off", "-c", "autovacuum=off"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command("/bin/sh", args...)
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.keeper, s.leash = cmd, leash
	if err := s.Await(); err != nil {
		again := filepath.Join(s.dir, "again") // leave the directory, whoever is to try again
		_ = os.WriteFile(again, nil, 0o644)
		s.stop()
		return errors.Join(err, os.Remove(again), os.Remove(s.log()), os.Remove(filepath.Join(s.dir, "gone")))
	}
	return nil
}

// errPort is of a port that was free, and is not any more.
var errPort = errors.New("could not bind")

func (s *Server) stop() {
	_ = s.leash.Close()
	_ = s.keeper.Wait() // how a killed server ends is no news
}

// Await returns when the server takes connections, or will not.
func (s *Server) Await() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		said, _ := os.ReadFile(s.log())
		if strings.Contains(string(said), errPort.Error()) {
			err = errPort
		}
		if ctx.Err() != nil || err == errPort {
			return fmt.Errorf("PostgreSQL does not start: %w\n…%s", err, said[max(0, len(said)-2000):])
		}
		<-tick.C
	}
}

// Kill kills the server as a crash would. It comes back by itself: Await.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	pid, err := s.postmaster()
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatalf("kill PostgreSQL: %v", err)
	}
}

// postmaster is the process that all others of the server come from.
func (s *Server) postmaster() (pid int, err error) {
	file, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(file), "\n")
	return strconv.Atoi(line)
}

// Stop ends a server of Over.
func (s *Server) Stop() { s.stop() }

// URL is the database that every server has, for what is not emptied when a test ends.
func (s *Server) URL() string { return s.url("postgres") }

func (s *Server) url(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password), Host: fmt.Sprint("127.0.0.1:", s.Port), Path: "/" + database}).String()
}

// Do runs one statement as the owner of the server.
func (s *Server) Do(statement string) error {
	return do(s.url("postgres"), statement)
}

// Do runs one statement on a database.
func Do(t testing.TB, url, statement string) {
	t.Helper()
	if err := do(url, statement); err != nil {
		t.Fatal(err)
	}
}

func do(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// Database is an empty database for a test, emptied when it ends; it returns the URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name, err := s.database()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// To empty one is much cheaper than to make one.
		err := do(s.url(name), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
			DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
		if err != nil {
			t.Error(err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, name)
	})
	return s.url(name)
}

// database is one that no test uses.
func (s *Server) database() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		name := s.free[n-1]
		s.free = s.free[:n-1]
		return name, nil
	}
	s.made++
	name := fmt.Sprint("test", s.made)
	return name, s.Do("CREATE DATABASE " + name)
}

// Until asks again and again until the answer is true.
func (s *Server) Until(t testing.TB, question string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for is := (*bool)(nil); is == nil || !*is; {
		if err := conn.QueryRow(t.Context(), question).Scan(&is); err != nil {
			t.Fatalf("%s: %v", question, err)
		}
	}
}
