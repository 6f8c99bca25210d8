package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"qkms/internal/admin"
	"qkms/internal/attest"
	"qkms/internal/gate"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/store/postgres"
)

// node is the wiring that flags decide.
func (c *command) node(u *unsealing) (node.Config, error) {
	attesters, err := c.attesters()
	if err != nil {
		return node.Config{}, err
	}
	providers, err := c.Identity.providers()
	if err != nil {
		return node.Config{}, err
	}
	login, err := c.Login.provider(c.Console)
	if err != nil {
		return node.Config{}, err
	}
	public, err := c.consoleURL()
	if err != nil {
		return node.Config{}, err
	}
	store, err := c.storeURL()
	if err != nil {
		return node.Config{}, err
	}
	sinks, err := c.auditSinks()
	return node.Config{
		Dir: c.Data, Store: store, Bound: c.StalenessBound, Replication: postgres.Replication(c.StoreReplication), Version: build(), Unseal: u.sources, Regions: c.Regions,
		Naming:    key.Naming{Partition: c.Partition, Style: key.Style(c.ARNStyle)},
		Attesters: attesters, OIDC: providers, Quota: c.Quota, Rates: c.Rates, CacheBytes: int64(c.CacheBytes), ReadyPairs: c.ReadyPairs, AuditSpool: int64(c.AuditSpool) << 20, AuditSinks: sinks, AuditRetention: c.AuditRetention,
		Limits: gate.Limits{Connections: c.MaxConnections, PerAddress: c.AddressConnections}, QueueDelay: cmp.Or(c.QueueDelay, -1), Console: c.Console, Operators: c.Operators, ConsoleOIDC: login, ConsoleURL: public,
		Logger: c.logger(), Trace: c.tracer,
	}, err
}

// attesters are the roots of attestation documents: AWS's, and those of --attestation-roots.
func (c *command) attesters() ([]*x509.Certificate, error) {
	roots := []*x509.Certificate{attest.NitroRoot()}
	if c.AttestationRoots == "" {
		return roots, nil
	}
	file, err := os.ReadFile(c.AttestationRoots)
	if err != nil {
		return nil, fmt.Errorf("--attestation-roots: %w", err)
	}
	more, err := attest.ParseRoots(file)
	if err != nil {
		return nil, fmt.Errorf("--attestation-roots %s: %w", c.AttestationRoots, err)
	}
	return append(roots, more...), nil
}

func (c *command) logger() *slog.Logger {
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(c.err, nil))
	}
	return slog.New(slog.NewTextHandler(c.err, nil))
}

// open opens the store of the data directory.
func (c *command) open(ctx context.Context) (*admin.Host, error) {
	u := c.unseal()
	config, err := c.node(u)
	if err != nil {
		return nil, err
	}
	n, err := node.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	file, err := u.settle()
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return &admin.Host{Node: n, KeyFile: file}, nil
}

// place is where the actions of an operator go: to the server of the data directory, or into it.
func (c *command) place() admin.Place { return admin.Place{Dir: c.Data, Open: c.open} }

// until serves the API on ln, and the operator in the data directory, until ctx is done. It announces
// once both can be reached: who waited for the announcement may call either next. It closes the host.
func (c *command) until(ctx context.Context, h *admin.Host, srv *http.Server, ln net.Listener, announce func() error) error {
	door, err := admin.Listen(h)
	if err != nil {
		return errors.Join(err, ln.Close(), h.Close())
	}
	watch, err := c.watch(ctx, h.Node)
	if err != nil {
		return errors.Join(err, door.Close(), ln.Close(), h.Close())
	}
	if err := announce(); err != nil {
		return errors.Join(err, watch.Close(), door.Close(), ln.Close(), h.Close())
	}
	if err := ready(c.env("NOTIFY_SOCKET"), ln.Addr().String()); err != nil {
		h.Logger.WarnContext(ctx, "cannot tell the service manager that the service is ready", "error", err)
	}
	h.Start()
	err = serveUntil(watch.drained(ctx), srv, ln)
	return errors.Join(err, watch.Close(), door.Close(), h.Close(), c.tracer.Close())
}

// ownDir makes the data directory, for its owner alone. One that others may write in is refused
// before anything is in it: they could put a root key of their own there.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may write in data directory %s (mode %04o): run chmod 700 %s", dir, mode, dir)
	}
	return nil
}

func line(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
