package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"qkms/internal/kmstest"
	"qkms/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"qkms": main, "kms": callKMS})
}

// callKMS is a client for scripts: kms OPERATION JSON [TIMES], told by the same variables as any AWS client. It
// ends with the first refusal.
func callKMS() {
	c := &kmstest.Client{
		Server:      &kmstest.Server{URL: os.Getenv("AWS_ENDPOINT_URL"), Clock: kmstest.NewClock()},
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Region: os.Getenv("AWS_REGION"),
	}
	times := 1
	if len(os.Args) > 3 {
		times, _ = strconv.Atoi(os.Args[3])
	}
	for range times {
		reply, err := c.Do(c.Request(os.Args[1], []byte(os.Args[2])))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Printf("%s\n", reply.Raw)
		if reply.Code() != "" {
			fmt.Fprintln(os.Stderr, reply.Code(), reply.Message())
			os.Exit(1)
		}
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			for _, kv := range os.Environ() { // a server of the machine must not be met
				if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "QKMS_") || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "PG") {
					env.Setenv(name, "")
				}
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // under the race detector each command would otherwise take a second to end
			return notifySocket(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"database": func(ts *testscript.TestScript, _ bool, _ []string) { database(t, ts) },
			"meta":     func(ts *testscript.TestScript, _ bool, args []string) { meta(t, ts, args[0], args[1]) },
			"ready":    waitReady, "load": load, "field": field, "flip": flip, "handshake": handshake, "modes": modes, "terminate": terminate,
		},
	})
}

type notifications struct{}

// notifySocket plays the service manager: it is told when a server is ready, so no script waits for
// a while and hopes.
func notifySocket(env *testscript.Env) error {
	dir, err := os.MkdirTemp("", "qkms") // $WORK may be longer than a socket's address
	if err != nil {
		return err
	}
	path := dir + "/notify"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	env.Defer(func() {
		_ = conn.Close()
		_ = os.RemoveAll(dir)
	})
	env.Setenv("NOTIFY_SOCKET", path)
	env.Values[notifications{}] = conn
	return nil
}

// database makes an empty database in a real PostgreSQL and sets $DB to its URL. The password is in $PGPASSFILE
// and, with the URL, in the file with-password.
func database(t *testing.T, ts *testscript.TestScript) {
	whole := pgtest.URL(t)
	u, err := url.Parse(whole)
	ts.Check(err)
	password, _ := u.User.Password()
	ts.Check(os.WriteFile(ts.MkAbs("with-password"), []byte(whole+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("pgpass"), []byte("*:*:*:*:"+password+"\n"), 0o600))
	u.User = url.User(u.User.Username())
	ts.Setenv("PGPASSFILE", ts.MkAbs("pgpass"))
	ts.Setenv("DB", u.String())
}

// meta changes what the store at $DB says about itself.
func meta(t *testing.T, ts *testscript.TestScript, name, val string) {
	pgtest.Do(t, strings.TrimSpace(ts.ReadFile("with-password")), "UPDATE meta SET val = "+val+" WHERE name = '"+name+"'")
}

// ready waits for the server that was started last, and sets $ADDR to its address.
func waitReady(ts *testscript.TestScript, _ bool, _ []string) {
	conn := ts.Value(notifications{}).(*net.UnixConn)
	ts.Check(conn.SetReadDeadline(time.Now().Add(time.Minute)))
	text := make([]byte, 1000)
	n, err := conn.Read(text)
	ts.Check(err)
	_, address, ok := strings.Cut(string(text[:n]), "STATUS=Serving on ")
	if !ok {
		ts.Fatalf("got %q, want an address", text[:n])
	}
	ts.Setenv("ADDR", address)
}

// terminate sends SIGTERM, as a service manager does, to what runs in the background.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

// load FILE takes the lines `export NAME=VALUE` of a file into the environment.
func load(ts *testscript.TestScript, _ bool, args []string) {
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	for lines.Scan() {
		if assignment, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			ts.Setenv(name, value)
		}
	}
}

// field NAME VARIABLE takes the first member of that name out of the JSON printed last.
func field(ts *testscript.TestScript, _ bool, args []string) {
	_, rest, ok := strings.Cut(ts.ReadFile("stdout"), `"`+args[0]+`":`)
	if !ok {
		ts.Fatalf("no member %s", args[0])
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), `"`), `"`)
	ts.Setenv(args[1], value)
}

// flip FILE changes one bit behind each key of an access key's record, which is in the sealed body.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	found := false
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("uk\x00\x01AKIA"))
		if i < 0 {
			break
		}
		at += i + 45 // in the sealed body, or, where a note names the record, in its digest
		b[at] ^= 1
		found = true
	}
	if !found {
		ts.Fatalf("no access key in %s", args[0])
	}
	ts.Check(os.WriteFile(path, b, 0o600))
}

// handshake CA NAME speaks TLS with the server at $ADDR, and shows that nothing below 1.3 is spoken.
func handshake(ts *testscript.TestScript, neg bool, args []string) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ts.ReadFile(args[0]))) {
		ts.Fatalf("%s holds no certificate", args[0])
	}
	for most, want := range map[uint16]bool{tls.VersionTLS13: !neg, tls.VersionTLS12: false} {
		conn, err := tls.Dial("tcp", ts.Getenv("ADDR"), &tls.Config{RootCAs: roots, ServerName: args[1], MaxVersion: most})
		if got := err == nil; got != want {
			ts.Fatalf("%s: got %v, want a connection: %v", tls.VersionName(most), err, want)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// modes MODE FILE... compares permissions.
func modes(ts *testscript.TestScript, _ bool, args []string) {
	for _, path := range args[1:] {
		info, err := os.Lstat(ts.MkAbs(path))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s: got mode %s, want %s", path, got, args[0])
		}
	}
}

// Every row of the table names flags that exist, and explains itself.
func TestVerbsExplainThemselves(t *testing.T) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), append(strings.Fields(v.name), "-h"), func(string) string { return "" }, stdio{nil, &out, io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), "Usage: qkms "+v.name) && v.name != "help" {
				t.Errorf("got %q, want a usage line", out.String())
			}
			for name := range strings.FieldsSeq(v.takes) {
				if !strings.Contains(out.String(), "\n  --"+name) {
					t.Errorf("flag --%s is not explained", name)
				}
			}
		})
	}
}
