package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Pair is a primary and its standby: what the primary acknowledges, the standby has.
type Pair struct {
	Primary, Standby *Server
}

// NewPair starts a pair with settings like "fsync=on". The standby follows through the address that
// link returns for the primary's; nil: directly.
func NewPair(t testing.TB, link func(primary string) string, settings ...string) *Pair {
	t.Helper()
	// Unless told otherwise a standby looks only every five seconds for what it may promote to or follow.
	settings = append([]string{"fsync=off", "full_page_writes=off", "wal_retrieve_retry_interval=200ms"}, settings...)
	p := &Pair{Primary: New(t, settings...)}
	address := p.Primary.Address()
	if link != nil {
		address = link(address)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.Primary.Do("CREATE DATABASE " + pairDatabase))
	standby, err := launch(func(s *Server) error { return s.follow(p.Primary, address) }, settings...)
	must(err)
	t.Cleanup(standby.stop)
	p.Standby = standby
	must(p.Primary.Do(`ALTER SYSTEM SET synchronous_standby_names = '` + standbyName + `'`)) // not copied: the standby, promoted, is alone
	must(p.Primary.Do(`SELECT pg_reload_conf()`))
	p.Primary.Until(t, `SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'`)
	return p
}

const (
	standbyName  = "standby"
	pairDatabase = "qkms"
)

// follow makes the data directory of a standby.
func (s *Server) follow(primary *Server, address string) error {
	host, port, _ := strings.Cut(address, ":")
	s.password = primary.password
	from := fmt.Sprintf("host=%s port=%s user=postgres password=%s application_name=%s", host, port, s.password, standbyName)
	cmd := s.command(filepath.Join(s.programs, "pg_basebackup"), "--dbname", from, "--pgdata", s.data(),
		"--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Asynchronous has the primary acknowledge what the standby does not have yet.
func (p *Pair) Asynchronous(t testing.TB) {
	t.Helper()
	for _, statement := range []string{`ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`} {
		if err := p.Primary.Do(statement); err != nil {
			t.Fatal(err)
		}
	}
	p.Primary.Until(t, `SELECT current_setting('synchronous_standby_names') = ''`)
}

// URL is the pair's database, at the addresses of the two servers unless others are given.
func (p *Pair) URL(addresses ...string) string {
	if len(addresses) == 0 {
		addresses = []string{p.Primary.Address(), p.Standby.Address()}
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", p.Primary.password), Host: strings.Join(addresses, ","), Path: "/" + pairDatabase}
	return u.String()
}

// Address is where the server listens.
func (s *Server) Address() string { return fmt.Sprint("127.0.0.1:", s.Port) }

// Promote makes a standby a primary, and returns when it is one.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if err := s.Do(`SELECT pg_promote(true, 60)`); err != nil {
		t.Fatal(err)
	}
	s.Until(t, `SELECT NOT pg_is_in_recovery()`)
}

// Crash ends every process of the server at once. It stays down until Restart.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(s.down(), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.signal(t, syscall.SIGSTOP) // lest some go on, seeing others end
	s.signal(t, syscall.SIGKILL)
}

// Restart lets a server that crashed come back.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := errors.Join(os.Remove(s.down()), s.Await()); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) down() string { return filepath.Join(s.dir, "down") }

// Freeze stops every process of the server in its tracks, with its connections standing.
func (s *Server) Freeze(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw(t testing.TB) { s.signal(t, syscall.SIGCONT) }

// signal sends a signal to every process of the server. No new ones come meanwhile.
func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pid, err := s.postmaster()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		id, err := strconv.Atoi(child)
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(id, sig) // it may have ended by itself
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}
