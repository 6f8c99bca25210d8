package node

import (
	"context"
	"errors"
	"os"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/oversight"
	"qkms/internal/store/postgres"
)

// overseen is what the API of the console looks at.
func (n *Node) overseen() oversight.Deps {
	return oversight.Deps{
		Operators: n.Operators, Ops: n.Ops, Audit: n.Audit, Verifier: n.Verifier, Sampler: n.Sampler, Turns: &n.Turns, Shared: n.Lease.Shared(), Deployment: n.deployment,
	}
}

// deployment is how everything is. What cannot be found out is left out, and says why.
func (n *Node) deployment(ctx context.Context) *oversight.Deployment {
	d := &oversight.Deployment{
		Version: n.Version, Started: n.started, Log: n.Audit.Name(), Shared: n.Lease.Shared(), Store: n.storeHealth(ctx), LastVerified: n.Backups.LastVerified(),
	}
	if peers, err := n.Lease.Peers(ctx); err != nil {
		d.Store.Works, d.Store.Error = false, err.Error()
	} else if d.Shared {
		d.Lease = n.leaseHealth(peers)
		for _, p := range peers {
			d.Nodes = append(d.Nodes, oversight.Node{ID: p.ID, Self: p.Self, Host: p.Host, Version: p.Version, Log: p.Log, Bound: p.Bound, Alive: p.Silent < silent, Silent: p.Silent})
		}
	}
	for _, k := range n.Book.Ring().KEKs() {
		d.KEKs = append(d.KEKs, oversight.KEK{Version: k.ID, Created: k.Created})
	}
	for _, s := range n.Sinks.Status() {
		d.Sinks = append(d.Sinks, oversight.Sink{Name: s.Name, Behind: s.Behind, Bytes: s.Bytes, Oldest: s.Oldest, LastSuccess: s.LastSuccess, LastError: s.LastError, Failures: s.Failures})
	}
	known, err := n.Backups.All()
	if err != nil {
		d.BackupsUnknown = err.Error()
	}
	for _, b := range known {
		d.Backups = append(d.Backups, oversight.Backup{Path: b.Path, At: b.At, Bytes: b.Bytes, Records: b.Records, Verified: b.Verified, Proved: b.Proved})
	}
	return d
}

// silent is how long a node that is alive never is: it renews its lease every 0.6 s at least.
const silent = 2 * time.Second

func (n *Node) leaseHealth(peers []coherence.Peer) oversight.Lease {
	stats := n.Lease.Stats()
	return oversight.Lease{
		Valid: n.Lease.Valid(), Age: n.Lease.Age(), Length: n.Lease.Length(), Bound: n.Lease.Bound, Agreed: len(coherence.Bounds(peers)) < 2,
		Lapses: stats.Lapses, Missed: stats.Missed,
	}
}

// pingTime is the longest that the store is waited for.
const pingTime = 3 * time.Second

// storeHealth reads a record that there is not, past everything that is remembered.
func (n *Node) storeHealth(ctx context.Context) oversight.Store {
	s := oversight.Store{Kind: "SQLite, in the data directory"}
	if _, is := n.Engine.(*postgres.DB); is {
		s.Kind = "PostgreSQL"
	} else {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(Database(n.Dir) + suffix); err == nil {
				s.Bytes += info.Size()
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	began := time.Now()
	_, err := n.Engine.Get(ctx, []byte("ready?"))
	s.Latency, s.Works = time.Since(began), err == nil
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.Error = "no answer within " + pingTime.String()
	case err != nil:
		s.Error = err.Error()
	}
	return s
}
