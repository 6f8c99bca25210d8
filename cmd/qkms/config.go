package main

import (
	"flag"
	"net/url"
	"time"

	"qkms/internal/audit/sink"
	"qkms/internal/coherence"
	"qkms/internal/gate"
	"qkms/internal/key"
	"qkms/internal/op"
	"qkms/internal/throttle"
)

// Config is everything the verbs can be told. Every field is a flag and an environment variable; which
// verb takes which is in the table of verbs.
type Config struct {
	// Data is the data directory: the database and its lock, the audit log, the admin socket, and
	// unless told otherwise the root key and the TLS pair. One process at a time serves it. Whoever
	// can write in it can take the service down; whoever can read all of it has every key.
	Data string

	// Store is the URL of the PostgreSQL database that the store is in; empty: an SQLite file in Data. There
	// is no password in it: lists of processes show it. Whoever can write there can take the service down,
	// and roll the whole of it back; without the root key nobody reads a key.
	Store string

	// StoreFile holds that URL in its first line, and may have the password in it.
	StoreFile string

	// Listen is where the API is served, HOST:PORT. Without a host on every address of the machine;
	// port 0 picks a free one.
	Listen string

	// MetricsListen is where /metrics, /healthz and /readyz are served to monitoring, HOST:PORT; empty:
	// nowhere. Plain HTTP and open to whoever reaches it, who learns how much the service does and how
	// well, and nothing about keys or callers.
	MetricsListen string

	// DrainDelay is for how long, told to end, the service goes on as before with /readyz saying 503, so
	// that load balancers send nothing more. Without MetricsListen nobody hears that, and it is none.
	DrainDelay time.Duration

	// Traces is the URL of the collector that spans of requests are sent to, by OTLP over HTTP. Empty: what
	// OpenTelemetry's variables say, and without those nowhere. Whoever reads there sees each operation with
	// its time, outcome and request id.
	Traces string

	// StalenessBound is the longest that any node of a shared store goes by what a change has ended. Every node of
	// the store must have the same.
	StalenessBound time.Duration

	// StoreReplication is how the database of a shared store keeps copies of itself: "sync" (PostgreSQL's own,
	// which serve then requires), "storage" (below PostgreSQL, or by consensus: believed), "none" (one server, whose
	// place no other takes). Empty: what the database shows is all there is to go by.
	StoreReplication string

	// RootKey is the key file that opens the store. Empty: $QKMS_ROOT_KEY_FILE, the systemd credential
	// qkms-root-key, or root.key in the data directory. Lost, every key is lost; copied, a copy of the
	// data directory is as good as the original.
	RootKey string

	// PassphraseFile holds the passphrase that opens the store, in its first line. Where a store is
	// opened by a passphrase and none is given, it is asked for on a terminal.
	PassphraseFile string

	// NewRootKey is the key file of a rotated root; made when it does not exist. Empty: the present
	// key file is replaced.
	NewRootKey string

	// NewPassphraseFile holds the passphrase of a rotated root.
	NewPassphraseFile string

	// Account is the account, twelve digits, that credentials are made in. It exists by being used.
	Account string

	// Region is the Region of the examples that dev prints, and of its key; or of the request that
	// explain is about.
	Region string

	// Regions are the Regions served. A request signed for another one is refused.
	Regions []string

	// ARNStyle is how resource names are printed: "aws" or "verenc". Both are always understood.
	ARNStyle string

	// Partition begins ARNs of style "aws" after "arn:".
	Partition string

	// Hostnames are further names and addresses in the TLS certificate that init makes, besides this
	// machine's own and the loopback ones.
	Hostnames []string

	// NoTLS makes init leave the TLS pair out, for a certificate from elsewhere.
	NoTLS bool

	// NoAccessKey makes init print no access key, where nobody should keep what it prints, and succeed when
	// there is nothing to do.
	NoAccessKey bool

	// TLSCert and TLSKey are the server's PEM certificate chain and key. Empty: the pair of init. They
	// are read at start only.
	TLSCert, TLSKey string

	// InsecureHTTP serves plain HTTP beyond loopback: whoever is on the path reads every plaintext
	// and data key. For a proxy on the same trusted network that ends TLS, and nothing else.
	InsecureHTTP bool

	// EnvFile is where dev writes the endpoint and the credentials as lines for a shell to source.
	EnvFile string

	// Seed is a YAML file of keys, aliases, identities and access keys that dev makes sure of at start.
	Seed string

	// PlanOnly prints what iam apply would change, and changes nothing.
	PlanOnly bool

	// Prune makes iam apply delete the users, groups, roles, customer managed policies, identity providers
	// and client certificates that the file does not list, of the accounts that it is about. Who is deleted has lost
	// access with the next request, and does not get it back with the name.
	Prune bool

	// Description is a note kept with an access key.
	Description string

	// Console serves the web console at /console/ of the address of the API. Whoever can reach that can try to sign in.
	Console bool

	// ConsoleURL is the address under which people reach the console, where a proxy in front sends another Host: cookies, the way back from
	// a provider and the examples go by it. No host: by the Host of each request.
	ConsoleURL url.URL

	// Operators are the accounts that operate the deployment: in the console those of their users whose policies allow it
	// see its nodes, its store, its backups and how busy it is, all accounts together, and have the policies of every
	// account explained. Records of other accounts they do not see. Empty: nobody does; of dev it is the account of dev.
	Operators []string

	// JSON prints results as JSON, for programs.
	JSON bool

	// AttestationRoots is a PEM file of further roots that the attestation documents of recipients may
	// end in, besides AWS's for Nitro. Whoever holds the key of one can have answers encrypted to any
	// key they like, for callers who may use the KMS key.
	AttestationRoots string

	// Quota is how much of something there may be; what it does not say is AWS's default.
	Quota op.Quota

	// Rates are how many requests of each class an account may make in a Region in a second. None
	// where test suites make their fixtures, AWS's where accounts share a service.
	Rates throttle.Rates

	// ReadyPairs is how many RSA data key pairs of each size that was asked for within the hour are made in
	// advance. 0: none. Not for machines that are resumed more than once from one snapshot of their memory: each would
	// give away the same pairs.
	ReadyPairs int

	// MaxConnections is how many connections to the API there may be at once, and how many requests of HTTP/2. Fewer
	// where the process may not have as many files open. Each takes some 40 KB.
	MaxConnections int

	// AddressConnections is how many of them one address may have, IPv4 or IPv6 /64; 0: a quarter. Whoever may have all of
	// them can keep others out: all of them are for where one proxy or balancer sends everything.
	AddressConnections int

	// QueueDelay is how long requests may wait for a processor before some are refused with
	// ThrottlingException, so that the others are answered in time. 0: none is refused, and all wait.
	QueueDelay time.Duration

	// CacheBytes is how much memory all that is remembered of the store may take: records, policies and grants ready to
	// decide by, unsealed materials. What does not fit is read again. 0: a size that fits the machine.
	CacheBytes size

	// AuditSpool is how many MiB of audit log the data directory holds at most. Beyond, nothing is
	// answered until an operator has moved old segments away.
	AuditSpool int

	// AuditSinks are where audit records are delivered to, besides the log itself. A receiver that is
	// down holds nothing up while the log has room.
	AuditSinks []string

	// AuditRetention is how old audit records get before their segments are removed, once every sink has
	// them. 0: they are kept for ever.
	AuditRetention time.Duration

	// Login is how people sign in to the console besides with access keys.
	Login consoleConfig

	// Identity is what verbs are told about who may have credentials.
	Identity identityConfig

	// Audit is what the verbs about the audit log are told.
	Audit auditConfig

	// Backup is what the verbs about backups are told.
	Backup backupConfig

	// Explain is the request that explain is about.
	Explain explainConfig

	// StoreTest is the URL of an empty database that doctor holds to what QKMS relies on, instead of all else.
	StoreTest string

	// StoreTestCases is what the names of the cases begin with that StoreTest is held to. Empty: all.
	StoreTestCases string

	// LogFormat is how the operator's log is written: "text" or "json".
	LogFormat string
}

func defaultConfig() Config {
	return Config{
		Data: "qkms-data", Account: "111122223333", Region: "us-east-1", Regions: []string{"us-east-1"},
		DrainDelay: 5 * time.Second, StalenessBound: coherence.DefaultBound,
		ARNStyle: string(key.StyleAWS), Partition: "aws", LogFormat: "text", AuditSpool: 1024,
		MaxConnections: gate.DefaultConnections, QueueDelay: gate.DefaultQueueDelay,
		Audit: auditConfig{Lines: 10}, Explain: explainConfig{context: pairs{}, conditions: pairs{}},
	}
}

// flag adds the flag with this name to fs, with the field's present value as its default.
func (c *Config) flag(fs *flag.FlagSet, name string) {
	text := func(p *string, usage string) { fs.StringVar(p, name, *p, usage) }
	yes := func(p *bool, usage string) { fs.BoolVar(p, name, *p, usage) }
	switch name {
	case "data":
		text(&c.Data, "the data directory, `DIR`")
	case "store":
		text(&c.Store, "the store is in the PostgreSQL database at `URL`, postgres://USER@HOST/DATABASE; if not given: in a file of DIR")
	case "store-file":
		text(&c.StoreFile, "`FILE` whose first line is the URL of --store, where it may have a password")
	case "staleness-bound":
		fs.Var((*bound)(&c.StalenessBound), name, "of a store that several nodes share: none goes by what a change has ended for longer than this `TIME`, 2s to 300s, the same on all; cut off from the store a node stops by then")
	case "store-replication":
		fs.Var(oneOf{&c.StoreReplication, []string{"sync", "storage", "none"}}, name, "`HOW` the database keeps copies of itself: sync (PostgreSQL's synchronous replication; serve refuses to start without), storage (below PostgreSQL, such as Aurora's or AlloyDB's, or by consensus: believed), none (one server, whose place no other takes); if not given: as the database shows")
	case "listen":
		text(&c.Listen, "serve on `HOST:PORT`; port 0 picks a free one")
	case "metrics-listen":
		text(&c.MetricsListen, "serve /metrics, /healthz and /readyz, in plain HTTP to whoever asks, on `HOST:PORT`; if not given: nowhere")
	case "drain-delay":
		fs.DurationVar(&c.DrainDelay, name, c.DrainDelay, "told to end, let /readyz say so for this `TIME` before connections are refused; with --metrics-listen only")
	case "otlp-traces":
		text(&c.Traces, "send traces of requests to the OTLP collector at `URL`, like http://127.0.0.1:4318/v1/traces; if not given: as $OTEL_EXPORTER_OTLP_ENDPOINT and its kin say, or nowhere")
	case "root-key":
		text(&c.RootKey, "key `FILE` that opens the store; if not given: $QKMS_ROOT_KEY_FILE, the systemd credential qkms-root-key, or DIR/root.key")
	case "passphrase-file":
		text(&c.PassphraseFile, "`FILE` whose first line is the passphrase that opens the store")
	case "new-root-key":
		text(&c.NewRootKey, "key `FILE` for the new root; made if it does not exist")
	case "new-passphrase-file":
		text(&c.NewPassphraseFile, "`FILE` whose first line is the passphrase for the new root")
	case "account":
		fs.Var((*account)(&c.Account), name, "account, twelve `DIGITS`")
	case "region":
		fs.Var((*region)(&c.Region), name, "the `REGION` of the printed examples and of alias/dev, or of the request that is explained")
	case "regions":
		fs.Var((*regions)(&c.Regions), name, "the Regions served, `R1,R2,…`")
	case "arn-style":
		fs.Var(oneOf{&c.ARNStyle, []string{"aws", "verenc"}}, name, "print resource names in this `STYLE`: aws or verenc; both are always understood")
	case "partition":
		fs.Var((*partition)(&c.Partition), name, "the `NAME` after \"arn:\" in resource names of style aws")
	case "hostname":
		fs.Var((*list)(&c.Hostnames), name, "further `NAMES` or addresses in the certificate, separated by commas")
	case "no-tls":
		yes(&c.NoTLS, "make no TLS pair: the certificate comes from elsewhere")
	case "no-access-key":
		yes(&c.NoAccessKey, "print no access key, and succeed when there is nothing to do: for what keeps logs, and runs it again")
	case "tls-cert":
		text(&c.TLSCert, "PEM certificate chain `FILE`; if not given: DIR/tls/server.crt")
	case "tls-key":
		text(&c.TLSKey, "PEM key `FILE`; if not given: DIR/tls/server.key")
	case "insecure-http":
		yes(&c.InsecureHTTP, "serve plain HTTP, even beyond loopback: whoever is on the path reads every plaintext and data key")
	case "env-file":
		text(&c.EnvFile, "also write the endpoint and credentials to `FILE`, as lines `export AWS_…`")
	case "seed":
		text(&c.Seed, "YAML `FILE` of keys, aliases, identities and access keys to make sure of at start")
	case "plan":
		yes(&c.PlanOnly, "print what would be changed, and change nothing")
	case "prune":
		yes(&c.Prune, "delete what the file does not list of its accounts")
	case "description":
		text(&c.Description, "a note to keep with the access key")
	case "console":
		yes(&c.Console, "serve the web console at /console/")
	case "console-url":
		fs.Var((*consoleURL)(&c.ConsoleURL), name, "people reach the console at `URL`, such as https://kms.example.com, where a proxy in front sends another Host; if not given: as the Host of each request says")
	case "operator-account":
		fs.Var((*accounts)(&c.Operators), name, "let the users of the accounts `A1,A2,…` whose policies allow it see in the console how the whole deployment is, and read the policies of every account; if not given: nobody's")
	case "json":
		yes(&c.JSON, "print JSON")
	case "attestation-roots":
		text(&c.AttestationRoots, "PEM `FILE` of further roots of attestation documents, besides AWS's")
	case "quota":
		fs.Var((*quota)(&c.Quota), name, "change quotas, `NAME=N,…`: keys, aliases-per-key, grants-per-key, key-stores")
	case "rates":
		fs.Var((*rates)(&c.Rates), name, "limit the requests of an account in a Region in a second, `NAME=N,…`: operations, symmetric, rsa, ecc, ml-dsa, ml-kem, pair-RSA_2048 …; aws in front begins with AWS's, none with no limit")
	case "ready-pairs":
		fs.Var((*few)(&c.ReadyPairs), name, "make `N` RSA data key pairs in advance, at most 64, of each size that was asked for within the hour; 0: none")
	case "max-connections":
		fs.Var((*count)(&c.MaxConnections), name, "at most `N` connections to the API at once, and requests of HTTP/2; fewer where the limit of open files says so")
	case "connections-per-address":
		fs.Var((*count)(&c.AddressConnections), name, "at most `N` of them from one address, IPv4 or IPv6 /64; 0: a quarter of them. Where one proxy or balancer sends everything: as many as in all")
	case "cache-bytes":
		fs.Var(&c.CacheBytes, name, "keep what is in use of the store in `SIZE` bytes of memory, such as 512MiB: 1,700 for a key; if not given: 256MiB, or a fourth of what memory there is")
	case "queue-delay":
		fs.DurationVar(&c.QueueDelay, name, c.QueueDelay, "refuse some requests with ThrottlingException when they wait for a processor longer than this `TIME`; 0: none")
	case "audit-spool":
		fs.Var((*mebibytes)(&c.AuditSpool), name, "answer nothing beyond this many `MIB` of audit log")
	case "audit-retention":
		fs.Var((*age)(&c.AuditRetention), name, "remove audit records after `TIME`, such as 90d or 12h, once every sink has them; 0: never")
	case "audit-sink":
		fs.Var(&several{all: &c.AuditSinks}, name, "deliver audit records to `URL`; may be given again, or several separated by commas: "+sink.Kinds)
	case "store-test":
		text(&c.StoreTest, "test whether the empty database at `URL` does what QKMS relies on, and nothing else")
	case "store-test-cases":
		text(&c.StoreTestCases, "with --store-test: run only the cases whose names begin with `PREFIX`, like Claim/")
	case "log-format":
		fs.Var(oneOf{&c.LogFormat, []string{"text", "json"}}, name, "write the log as text or json (`FORMAT`)")
	default:
		if c.Explain.flag(fs, name) || c.Login.flag(fs, name) || c.Identity.flag(fs, name) || c.Backup.flag(fs, name) || c.Audit.flag(fs, name) {
			return
		}
		panic("qkms: internal error: the table of verbs names the flag " + name) // TestVerbs calls every row
	}
}
