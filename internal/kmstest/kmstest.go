// Package kmstest starts a whole server in one line, for tests: a real store in a temporary
// directory, real signatures over real HTTP, the real audit log, and a clock the test moves.
//
// When the test ends the server is judged as well: the store is whole, its change log is unbroken, no
// material is without its key, and the audit log proves itself from end to end.
package kmstest

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
	"qkms/internal/authn/webidentity"
	"qkms/internal/console"
	"qkms/internal/front"
	"qkms/internal/gate"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/seal"
	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/throttle"
	"qkms/internal/trace"
)

// The account and Region a test works in unless it says otherwise.
const (
	Account = "111122223333"
	Region  = "us-east-1"
)

// Options of a server; the zero value works.
type Options struct {
	Style   key.Style
	Regions []string // nil: every well-formed one
	Quota   op.Quota // where zero: op.DefaultQuota
	Rates   throttle.Rates
	Dir     string // an initialised data directory to open; empty: a new one
	Store   string // as in node.Config; empty for a new one: what the environment says, see database
	Log     io.Writer

	Bound      time.Duration // as in node.Config
	Metrics    bool          // serve them too: MetricsURL
	AuditSpool int64         // as in node.Config
	Trace      *trace.Tracer // likewise
	AuditSinks []*sink.Target

	Console   bool     // as in node.Config
	Operators []string // likewise

	ConsoleOIDC *console.OIDC // likewise
	ConsoleURL  *url.URL      // likewise

	OIDC webidentity.Config

	Clock    *Clock            // nil: NewClock()
	Attester *x509.Certificate // the root of attestation documents; nil: AWS's
}

// A Server is a running server and everything behind it.
type Server struct {
	*node.Node
	URL string
	// MetricsURL is where monitoring asks, if Options.Metrics.
	MetricsURL string
	Clock      *Clock

	t     testing.TB
	front *front.Server
	ended chan struct{}    // closed when front is
	watch *httptest.Server // nil without Options.Metrics
	opts  Options
	root  string // the file of the root key
	mu    sync.Mutex
	keys  map[string]*Client // by account
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server { return With(t, Options{}) }

// With is New with options.
func With(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, Clock: o.Clock, opts: o, keys: map[string]*Client{}}
	if s.Clock == nil {
		s.Clock = NewClock()
	}
	if s.opts.Log == nil {
		s.opts.Log = io.Discard
	}
	if o.Dir == "" {
		s.opts.Dir, s.opts.Store = t.TempDir(), cmp.Or(o.Store, database(t))
		s.root = filepath.Join(s.opts.Dir, "root.key")
		if err := seal.NewKeyFile(s.root); err != nil {
			t.Fatal(err)
		}
		if err := node.Init(t.Context(), s.config(), seal.KeyFile(s.root)); err != nil {
			t.Fatal(err)
		}
	}
	return s.begin()
}

func (s *Server) begin() *Server {
	s.t.Helper()
	s.root = cmp.Or(s.root, filepath.Join(s.opts.Dir, "root.key"))
	s.start()
	s.t.Cleanup(func() {
		s.Judge()
		s.halt()
	})
	return s
}

// Join starts another node over the store of s, which must be in a database (Options.Store), with an audit log of
// its own.
func (s *Server) Join() *Server {
	s.t.Helper()
	return s.JoinWith(s.root)
}

// JoinWith is Join with the root key in another file.
func (s *Server) JoinWith(root string) *Server {
	s.t.Helper()
	if s.opts.Store == "" {
		s.t.Fatal("a store in a data directory has one node")
	}
	o := s.opts
	o.Dir = s.t.TempDir()
	return (&Server{t: s.t, Clock: s.Clock, opts: o, root: root, keys: map[string]*Client{}}).begin()
}

// database is where the store of a new server is: in its directory, or with QKMS_TEST_STORE=postgres in a
// real PostgreSQL, for whoever wants to see that nothing above the store can tell.
func database(t testing.TB) string {
	switch want := os.Getenv("QKMS_TEST_STORE"); want {
	case "postgres":
		return pgtest.URL(t)
	case "":
		return ""
	default:
		t.Fatalf("QKMS_TEST_STORE=%s: want postgres, or nothing", want)
		return ""
	}
}

func (s *Server) config() node.Config {
	c := node.Config{
		Dir: s.opts.Dir, Store: s.opts.Store, Unseal: []seal.Source{seal.KeyFile(s.root)}, Regions: s.opts.Regions, Quota: s.opts.Quota, Rates: s.opts.Rates,
		Naming: key.Naming{Style: s.opts.Style}, OIDC: s.opts.OIDC, Now: s.Clock.Now, AuditSpool: s.opts.AuditSpool, Bound: s.opts.Bound, Trace: s.opts.Trace, AuditSinks: s.opts.AuditSinks, Console: s.opts.Console, Operators: s.opts.Operators, ConsoleOIDC: s.opts.ConsoleOIDC, ConsoleURL: s.opts.ConsoleURL,
		Logger: slog.New(slog.NewTextHandler(s.opts.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if s.opts.Attester != nil {
		c.Attesters = []*x509.Certificate{s.opts.Attester}
	}
	return c
}

func (s *Server) start() {
	s.t.Helper()
	n, err := node.Open(context.Background(), s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	s.Node = n
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.front, s.ended = front.New(gate.HTTP(n.Handler, nil, n.Logger)), make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = s.front.Serve(ln) // ends with halt
	}()
	s.URL = "http://" + ln.Addr().String()
	if s.opts.Metrics {
		s.watch = httptest.NewServer(n.Metrics.Handler(n.Ready))
		s.MetricsURL = s.watch.URL
	}
}

func (s *Server) halt() {
	s.t.Helper()
	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.front.Shutdown(patience); err != nil {
		s.t.Errorf("requests did not end: %v", errors.Join(err, s.front.Close()))
	}
	<-s.ended
	if s.watch != nil {
		s.watch.Close()
	}
	if err := s.Node.Close(); err != nil {
		s.t.Errorf("close the node: %v", err)
	}
}

// Restart ends the server and starts it again over the same data, at another address.
func (s *Server) Restart() {
	s.t.Helper()
	s.halt()
	s.start()
}

// RestartServing is Restart as a server of these Regions alone, whatever keys there are in others.
func (s *Server) RestartServing(regions ...string) {
	s.t.Helper()
	s.halt()
	s.opts.Regions = regions
	s.start()
}

// RootKey is the file of the root key.
func (s *Server) RootKey() string { return s.root }

// Dir is the data directory.
func (s *Server) Dir() string { return s.opts.Dir }

// As returns a client of account's root user.
func (s *Server) As(account string) *Client {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.keys[account]; c != nil {
		return c
	}
	id, secret, change := s.AccessKeys.New(account, "test", s.Clock.Now())
	if err := s.Book.Commit(context.Background(), change, "", nil); err != nil {
		s.t.Fatal(err)
	}
	s.keys[account] = &Client{Server: s, AccessKeyID: id, Secret: secret, Region: Region}
	return s.keys[account]
}

// Records returns the audit log so far, oldest first.
func (s *Server) Records() []audit.Entry {
	s.t.Helper()
	var all []audit.Entry
	for e, err := range audit.Scan(node.AuditDir(s.opts.Dir)) {
		if err != nil {
			s.t.Fatalf("audit log: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// Judge fails the test unless everything the server keeps is in order.
func (s *Server) Judge() {
	s.t.Helper()
	ctx := context.Background()
	if err := s.Engine.Check(ctx); err != nil {
		s.t.Errorf("store: %v", err)
	}
	report, err := s.Book.Verify(ctx, nil)
	if err != nil {
		s.t.Errorf("records: %v", err)
	}
	for _, o := range report.Orphans {
		s.t.Errorf("material without a key: %s", o)
	}
	s.Records()
	s.Prove()
}

// Prove fails the test unless the audit log proves itself from end to end.
func (s *Server) Prove() {
	s.t.Helper()
	if err := s.Audit.Sign(); err != nil {
		s.t.Errorf("audit log: %v", err)
	}
	rep, err := audit.Verify(node.AuditDir(s.opts.Dir), s.Audit.VerifierKey(), nil)
	if err != nil {
		s.t.Errorf("audit log: %v", err)
	}
	for _, p := range rep.Problems {
		s.t.Errorf("audit log: %v", p)
	}
}

// A Clock tells the time a test wants it to be.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at the present second.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Millisecond)} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Sweep does now what would happen within the minute.
func (s *Server) Sweep() {
	s.t.Helper()
	s.Clock.Advance(10 * time.Minute) // past any claim of an earlier sweep
	if err := s.Sweeper.Once(context.Background()); err != nil {
		s.t.Fatalf("sweep: %v", err)
	}
}
