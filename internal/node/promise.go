package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qkms/internal/store/postgres"
)

// A Promise is what a node over a shared store can say of how old its decisions may be.
type Promise struct {
	Bound time.Duration // by the setting
	postgres.Footing
	Server postgres.Server // what it rests on
}

// String says it to an operator.
func (p Promise) String() string {
	switch p.Level {
	case postgres.Firm:
		return fmt.Sprintf("%v in force: %s", p.Bound, p.Text)
	case postgres.Longer:
		return fmt.Sprintf("%v, and longer after a failover: %s", p.Bound, p.Text)
	}
	return "none can be promised: " + p.Text
}

// errNoServer is of a node whose store has no server: nobody else uses it, and it makes no promise.
var errNoServer = errors.New("the store is in no database server")

// Promise asks the database server what the node's bound rests on.
func (n *Node) Promise(ctx context.Context) (Promise, error) {
	db, is := n.Engine.(*postgres.DB)
	if !is {
		return Promise{}, errNoServer
	}
	s, err := db.Server(ctx)
	return Promise{n.Lease.Bound, s.Footing(n.Replication), s}, err
}

// CheckPromise says once, when a node begins to serve, what its bound rests on. It fails where the operator
// requires synchronous replication and none is seen.
func (n *Node) CheckPromise(ctx context.Context) error {
	if !n.Lease.Shared() {
		return nil
	}
	p, err := n.Promise(ctx)
	switch {
	case err != nil && n.Replication == postgres.Sync:
		return fmt.Errorf("ask the database how it replicates: %w", err)
	case err != nil:
		n.Logger.WarnContext(ctx, "no staleness bound can be promised", "because", err)
	case p.Level == postgres.Firm:
		n.Logger.InfoContext(ctx, "staleness bound in force", "bound", p.Bound, "because", p.Text)
	case p.Level == postgres.Longer:
		n.Logger.WarnContext(ctx, "staleness bound grows at a failover", "bound", p.Bound, "because", p.Text)
	case n.Replication == postgres.Sync:
		return fmt.Errorf("--store-replication=sync is not what the database does: %s", p.Text)
	default:
		n.Logger.WarnContext(ctx, "no staleness bound can be promised", "because", p.Text)
	}
	return nil
}
