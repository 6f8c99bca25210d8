// Package node puts one whole QKMS together.
//
// It is the wiring of the program, top to bottom, every constructor visible: the commands of cmd/qkms
// and the tests of kmstest start the same thing.
package node

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"qkms/internal/attest"
	"qkms/internal/audit"
	"qkms/internal/audit/sink"
	"qkms/internal/authn"
	"qkms/internal/authn/webidentity"
	"qkms/internal/authz"
	"qkms/internal/backup"
	"qkms/internal/coherence"
	"qkms/internal/console"
	"qkms/internal/custody/soft"
	"qkms/internal/fault"
	"qkms/internal/gate"
	"qkms/internal/iam"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/ledger"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/oversight"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/reseal"
	"qkms/internal/seal"
	"qkms/internal/server"
	"qkms/internal/store/postgres"
	"qkms/internal/sts"
	"qkms/internal/sweep"
	"qkms/internal/throttle"
	"qkms/internal/trace"
)

// Config says where a node keeps its state and how it speaks.
type Config struct {
	Dir     string        // the data directory: the database, its lock, the audit log, the admin socket
	Store   string        // URL of the PostgreSQL database that the store is in, which other nodes may share; empty: SQLite in Dir
	Unseal  []seal.Source // what may open the root key, tried in this order
	Regions []string      // the Regions served; nil: every well-formed one
	Naming  key.Naming    // empty partition: "aws"; empty style: key.StyleAWS

	// Bound is the longest that any node of a shared store goes by what a change has ended; the same on all of
	// them. 2 s to 300 s; 0: coherence.DefaultBound.
	Bound   time.Duration
	Version string // of the program: what the other nodes and doctor see

	// Replication is what the operator says of how the database of a shared store keeps copies of itself.
	Replication postgres.Replication

	// Attesters are the roots that attestation documents of recipients may end in; nil: AWS's for
	// Nitro enclaves and NitroTPM.
	Attesters []*x509.Certificate

	AuditSpool int64          // bytes of audit log beyond which nothing is answered; 0: 1 GiB
	AuditSinks []*sink.Target // where Start delivers audit records to

	// AuditRetention is the age from which Start removes segments of the audit log that every sink has.
	// 0: they are kept for ever.
	AuditRetention time.Duration

	// Restoring opens a data directory whose restore is not finished, which nothing else may.
	Restoring bool

	Trace *trace.Tracer // of requests; closed by whoever made it; nil: none

	OIDC webidentity.Config // how identity providers are asked for their keys; its clock is Now

	Limits     gate.Limits   // of connections; Busy is the Admission's
	QueueDelay time.Duration // as AdmissionConfig.Target

	// CacheBytes is how many bytes all that is remembered of the store may take in memory: records, policies and grants
	// ready to decide by, unsealed materials. 0: DefaultCacheBytes.
	CacheBytes int64

	Quota  op.Quota         // zero fields: op.DefaultQuota
	Rates  throttle.Rates   // zero: no limits
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default()

	// Console serves the web console, and with it the API that it asks besides those of AWS.
	Console bool

	// ConsoleURL is the address under which people reach the console, scheme and host, where a proxy in front sends another Host; nil: as
	// each request says.
	ConsoleURL *url.URL

	// Operators are the accounts whose users may see in the console how the whole deployment is, as far as their policies
	// allow it; nil: none.
	Operators []string

	// ConsoleOIDC lets people sign in to the console by an OpenID Connect provider; nil: by access keys alone. The account of its role
	// must have registered the provider, and the role trust it.
	ConsoleOIDC *console.OIDC

	ReadyPairs int // RSA data key pairs of each spec in demand that Start has made in advance; 0: none

	claims func() time.Time // Now as it was given: nil lets a database that several nodes share go by its own clock
}

func (c Config) withDefaults() Config {
	c.Naming.Partition = cmp.Or(c.Naming.Partition, "aws")
	c.Naming.Style = cmp.Or(c.Naming.Style, key.StyleAWS)
	c.Quota = c.Quota.WithDefaults()
	c.CacheBytes = cmp.Or(c.CacheBytes, DefaultCacheBytes)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Attesters == nil {
		c.Attesters = []*x509.Certificate{attest.NitroRoot()}
	}
	c.claims = c.Now
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// DefaultCacheBytes has room for what 100,000 keys need that are in use.
const DefaultCacheBytes = 256 << 20

// AuditDir is where a data directory's audit log is.
func AuditDir(dir string) string { return filepath.Join(dir, "audit") }

// Unfinished is the file that is there while a restore into a data directory is under way.
func Unfinished(dir string) string { return filepath.Join(dir, "restore.unfinished") }

// A Node is a running QKMS without a listener. Its methods may be called concurrently.
type Node struct {
	Config
	Engine        Engine
	Lease         *coherence.Lease // the right to use what is in memory
	Book          *record.Book
	Resolver      *key.Resolver
	Custody       *soft.Soft
	AccessKeys    authn.AccessKeys
	Identities    *identity.Directory
	Sessions      *authn.Sessions
	LastUses      *lastuse.Tracker
	WebIdentities *webidentity.Verifier
	Ops           *op.Deps
	Audit         *audit.Log
	Verifier      *oversight.Verifier // of Audit
	Sampler       *oversight.Sampler  // of Metrics; nil without the console
	Turns         oversight.Turns     // of accounts that look after their keys
	Backups       *backup.Register    // of this node
	Sinks         *sink.Sinks
	Ledger        *ledger.Ledger
	Server        *server.Server
	Handler       http.Handler      // Server, and the console if there is one
	Admission     *gate.Admission   // of requests, before Handler
	Connections   *gate.Connections // of the listener that Admission is behind
	Reseal        *reseal.Job
	Sweeper       *sweep.Sweeper
	Metrics       *metrics.Metrics
	Ready         *metrics.Readiness // whether a request would be answered

	started time.Time

	stop context.CancelFunc // ends what Start began
	wait sync.WaitGroup

	lapse   context.CancelFunc // ends the lease
	renewed sync.WaitGroup     // done when it is not renewed any more
}

// ErrInitialised is returned by Init when the directory holds a store already.
var ErrInitialised = errors.New("already initialised")

// Init makes the store of a new deployment, its root key sealed by src. It never touches an existing
// one: ErrInitialised.
func Init(ctx context.Context, c Config, src seal.Source) error {
	c = c.withDefaults()
	engine, err := c.engine(ctx, postgres.Options{Make: true})
	if err != nil {
		return err
	}
	defer engine.Close()
	if _, err := record.ReadState(ctx, engine); !errors.Is(err, record.ErrEmpty) {
		if err == nil {
			err = fmt.Errorf("%s: %w", c.place(), ErrInitialised)
		}
		return err
	}
	ring, err := seal.Init(ctx, src, c.Now())
	if err != nil {
		return err
	}
	defer ring.Wipe()
	return record.InitState(ctx, engine, ring.State())
}

// Open starts the node of an initialised data directory. It fails when another process has it open,
// when no source opens the root key, and when anything that is needed to answer safely is missing.
func Open(ctx context.Context, c Config) (_ *Node, err error) {
	n := &Node{Config: c.withDefaults()}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if _, err := os.Lstat(Unfinished(n.Dir)); err == nil && !n.Restoring {
		return nil, fmt.Errorf("%s: a restore was not finished, so what was revoked since the backup may be in force again; run `qkms restore` again", n.Dir)
	}
	if n.Store == "" {
		if _, err := os.Stat(Database(n.Dir)); err != nil {
			return nil, n.unmade(err)
		}
	}
	n.Engine, err = n.engine(ctx, postgres.Options{})
	if errors.Is(err, postgres.ErrNone) {
		return nil, n.unmade(err)
	}
	if err != nil {
		return nil, err
	}
	state, err := record.ReadState(ctx, n.Engine)
	if errors.Is(err, record.ErrEmpty) && n.Store != "" {
		return nil, n.unmade(err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; `qkms init` was not finished", n.place(), err)
	}
	ring, err := seal.Open(ctx, state, n.Unseal...)
	if err != nil {
		return nil, err
	}
	if err = n.openAudit(ring); err != nil {
		return nil, err
	}
	if n.Sinks, err = sink.New(sink.Config{Log: n.Audit, Targets: n.AuditSinks, Now: n.Now, Logger: n.Logger}); err != nil {
		return nil, err
	}
	if err := n.wire(ring); err != nil {
		return nil, err
	}
	if err := n.join(ctx); err != nil {
		return nil, err
	}
	if err := n.Ledger.Recover(ctx); err != nil {
		return nil, fmt.Errorf("bring the audit log up to date: %w", err)
	}
	return n, nil
}

// join makes the node one of those that share the store, until Close. Nothing is answered before.
func (n *Node) join(ctx context.Context) error {
	if err := n.Lease.Register(ctx); err != nil {
		return err
	}
	renewing, lapse := context.WithCancel(context.Background())
	n.lapse = lapse
	n.renewed.Go(func() { n.Lease.Run(renewing) })
	if n.Lease.Shared() {
		n.renewed.Go(func() { n.seeTwin(renewing) })
	}
	return nil
}

func (n *Node) openAudit(ring *seal.Ring) error {
	if n.Store != "" {
		if err := nameLog(AuditDir(n.Dir)); err != nil {
			return err
		}
	}
	signer, err := AuditSigner(ring, AuditDir(n.Dir))
	if err != nil {
		return err
	}
	n.Audit, err = audit.Open(AuditDir(n.Dir), audit.Config{Now: n.Now, Logger: n.Logger, SpoolBytes: n.AuditSpool, Signer: signer})
	return err
}

func (n *Node) wire(ring *seal.Ring) (err error) {
	n.Metrics = metrics.New(metrics.Config{Operations: Operations(), Codes: fault.Codes})
	n.Ready = &metrics.Readiness{Check: n.check}
	n.Verifier, n.Backups, n.started = new(oversight.Verifier), backup.NewRegister(n.Dir), n.Now()
	n.Book = record.Open(n.Metrics.Store(n.Engine), ring, n.CacheBytes)
	n.Resolver = &key.Resolver{Book: n.Book, Naming: n.Naming, Now: n.Now}
	if n.Book.Log, err = AuditName(AuditDir(n.Dir)); err != nil {
		return err
	}
	n.Custody = Materials(n.Book)
	if n.Lease, err = n.newLease(); err != nil {
		return err
	}
	n.Book.Changed, n.Book.Reopen = n.Lease.Changed, n.reopen
	n.Identities = identity.New(n.Book, n.Naming.Partition)
	n.AccessKeys = authn.AccessKeys{Book: n.Book, Partition: n.Naming.Partition}
	n.Sessions = authn.NewSessions(n.Book, n.Naming.Partition)
	n.OIDC.Now = n.Now
	n.WebIdentities = webidentity.New(n.OIDC)
	n.Ledger = ledger.New(ledger.Config{Book: n.Book, Audit: n.Audit, Now: n.Now, Logger: n.Logger})
	n.LastUses = lastuse.New(n.Book, n.Logger)
	n.Ops = &op.Deps{Book: n.Book, Resolver: n.Resolver, Sealer: n.Custody, Maker: n.Custody, Copier: n.Custody,
		Signer: n.Custody, MACer: n.Custody, Agreer: n.Custody, Decapsulator: n.Custody, Decrypter: n.Custody, PairMaker: n.Custody,
		Importer: n.Custody, Forgetter: n.Custody, Slow: n.Custody.Slow(),
		Identities: n.Identities, Authz: authz.Rules{Naming: n.Naming, Book: n.Book, Identities: n.Identities, LastUses: n.LastUses, Aliases: n.Quota.AliasesPerKey, Defaults: new(authz.Defaults)},
		Attestation: &attest.Verifier{Roots: n.Attesters}, Serves: n.Serves, Naming: n.Naming, Quota: n.Quota, LastUses: n.LastUses}
	whose := authn.Identities{Directory: n.Identities, Keys: n.AccessKeys}.Whose
	verifier := authn.New(authn.Config{
		Find: n.AccessKeys.Find, Open: n.Sessions.Open, Whose: whose, Regions: n.Serves, Service: "kms", Partition: n.Naming.Partition, Now: n.Now,
	})
	// What proves an identity to others is presigned, for up to a week (access.md §2.5).
	identities := authn.New(authn.Config{
		Find: n.AccessKeys.Find, Open: n.Sessions.Open, Whose: whose, Regions: n.Serves, Service: "sts", Partition: n.Naming.Partition, Now: n.Now,
		Skew: 15 * time.Minute, Presigned: 7 * 24 * time.Hour,
	})
	managers := authn.New(authn.Config{
		Find: n.AccessKeys.Find, Open: n.Sessions.Open, Whose: whose, Regions: n.servesIAM, Service: "iam", Partition: n.Naming.Partition, Now: n.Now, Skew: 15 * time.Minute,
	})
	queries := []server.Query{{Service: iam.Service, Authn: managers}, {Service: sts.Service, Authn: identities}}
	if n.Console {
		n.Sampler = oversight.NewSampler(n.Metrics.Totals, n.Now)
		overseers := authn.New(authn.Config{
			Find: n.AccessKeys.Find, Open: n.Sessions.Open, Whose: whose, Regions: n.Serves, Service: oversight.Signing, Partition: n.Naming.Partition, Now: n.Now,
		})
		queries = append([]server.Query{{Service: oversight.New(n.overseen()), Authn: overseers}}, queries...)
	}
	n.Server = server.New(server.Config{
		Authn: verifier, Ops: n.Ops, Rates: throttle.New(n.Rates, n.Now()),
		Queries: queries,
		QueryDeps: &query.Deps{
			Book: n.Book, Identities: n.Identities, AccessKeys: n.AccessKeys, Sessions: n.Sessions, Authz: n.Ops.Authz, Naming: n.Naming,
			LastUses: n.LastUses, WebIdentities: n.WebIdentities,
		},
		Audit: n.Audit, Ledger: n.Ledger, Lease: n.Lease, Now: n.Now, Logger: n.Logger, Metrics: n.Metrics, Trace: n.Trace,
	})
	var page func(http.ResponseWriter, *http.Request) bool
	n.Handler = n.Server
	if n.Console {
		c, err := console.New(console.Config{OIDC: n.ConsoleOIDC, WebIdentities: n.WebIdentities, API: n.Server, Book: n.Book, Now: n.Now, Region: n.home(), Regions: n.Regions, URL: n.ConsoleURL, Style: n.Naming.Style, Logger: n.Logger})
		if err != nil {
			return err
		}
		n.Handler, page = c.Over(n.Server), c.Busy
	}
	n.Admission, err = gate.NewAdmission(gate.AdmissionConfig{Next: n.Handler, Forms: server.Services(queries), Page: page, Audit: n.Audit, Now: n.Now, Logger: n.Logger, Target: n.QueueDelay})
	if err != nil {
		return err
	}
	n.Limits.Busy = n.Admission.Busy
	n.Connections = gate.NewConnections(n.Limits)
	n.Reseal = reseal.New(reseal.Config{Book: n.Book, Lease: n.Lease, Now: n.Now})
	n.Sweeper = &sweep.Sweeper{Config: sweep.Config{
		Book: n.Book, Lease: n.Lease, Resolver: n.Resolver, Ops: n.Ops, Ledger: n.Ledger, Reseal: n.Reseal, Forget: n.Custody.Forget, Now: n.Now, Logger: n.Logger,
	}}
	n.Metrics.Register(slices.Concat(n.readings(), n.Admission.Readings(), n.Connections.Readings())...)
	return nil
}

// reopen opens keys under a root key that another node has put in place of the one that opened ours. It is tried with
// each renewal of the lease, which says in the log why it fails.
func (n *Node) reopen(ctx context.Context, state []byte) (*seal.Ring, error) {
	ring, err := seal.Open(ctx, state, n.Unseal...)
	if err != nil {
		return nil, fmt.Errorf("the root key was rotated on another node, and without the new one this node stops answering: %w", err)
	}
	return ring, nil
}

// Materials is custody over the materials of a book, which it keeps in the memory of the book.
func Materials(book *record.Book) *soft.Soft {
	idKey := book.Ring().Derive("key material id v1")
	return soft.New(book, idKey[:], book.Budget())
}

// home is the Region in which visitors of the console are at first.
func (n *Node) home() string {
	if len(n.Regions) > 0 {
		return n.Regions[0]
	}
	return "us-east-1"
}

// servesIAM is Serves for IAM, which is of no Region: clients sign for the one where AWS has it.
func (n *Node) servesIAM(region string) bool { return region == "us-east-1" || n.Serves(region) }

// Serves reports whether the node serves a Region.
func (n *Node) Serves(region string) bool {
	if n.Regions == nil {
		return key.IsRegion(region)
	}
	return slices.Contains(n.Regions, region)
}

// Start begins what a node does by itself: the sweep, keeping the last uses, delivering audit records.
func (n *Node) Start() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.wait.Go(func() { n.Sweeper.Run(ctx) })
	n.wait.Go(func() { n.LastUses.Run(ctx) })
	n.wait.Go(func() { n.Sinks.Run(ctx) })
	if n.Sampler != nil {
		n.wait.Go(func() { n.Sampler.Run(ctx) })
	}
	if n.ReadyPairs > 0 {
		n.wait.Go(func() { n.Custody.KeepReady(ctx, n.ReadyPairs) })
	}
	keep := audit.Retention{Log: n.Audit, Age: n.AuditRetention, Delivered: n.Sinks.Delivered}
	n.wait.Go(func() { keep.Run(ctx) })
}

// Close ends the node; requests must have ended before. It is safe on a node that half started.
func (n *Node) Close() (err error) {
	if n.stop != nil {
		n.stop()
	}
	n.wait.Wait()
	if n.Verifier != nil {
		n.Verifier.Close()
	}
	if n.Admission != nil {
		n.Admission.Close()
	}
	if n.WebIdentities != nil {
		n.WebIdentities.Close()
	}
	if n.Ledger != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, n.LastUses.Flush(ctx), n.Ledger.Tidy(ctx))
		if n.lapse != nil {
			n.lapse()
			n.renewed.Wait()
		}
		n.Custody.ForgetAll()
		n.Book.Ring().Wipe()
	}
	if n.Audit != nil {
		err = errors.Join(err, n.Audit.Close())
	}
	if n.Engine != nil {
		err = errors.Join(err, n.Engine.Close())
	}
	return err
}
