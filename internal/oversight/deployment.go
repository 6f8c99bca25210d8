package oversight

import (
	"context"
	"time"

	"qkms/internal/query"
	"qkms/internal/record"
)

// A Deployment is how the service as a whole is, as the node sees it that is asked.
type Deployment struct {
	Version string
	Started time.Time // the process of this node
	Log     string    // the name of this node's audit log

	Shared bool   // several nodes may use the store
	Nodes  []Node // those that share it, or were seen to; none of a store that is this node's alone
	Lease  Lease  // of this node, where the store is shared

	Store Store
	KEKs  []KEK // oldest first; the last one seals
	Sinks []Sink

	// Backups are those that this node has made, the newest first; of BackupsUnknown it is not known which.
	Backups        []Backup
	BackupsUnknown string // why; "" they are known
	LastVerified   time.Time
}

// A Node is one that shares the store.
type Node struct {
	ID      string
	Self    bool
	Host    string
	Version string
	Log     string        // the name of its audit log
	Bound   time.Duration // its staleness bound, the same on all
	Alive   bool
	Silent  time.Duration // for how long at least it has not renewed its lease
}

// A Lease is the right of a node to use what it remembers of a shared store.
type Lease struct {
	Valid  bool
	Age    time.Duration // how old what it remembers may be
	Length time.Duration // at which it answers nothing any more
	Bound  time.Duration // by when at the latest a change is in force on every node
	Agreed bool          // every node has this bound
	Lapses uint64        // times that it was over
	Missed uint64        // renewals that failed
}

// A Store is where keys and everything else are kept.
type Store struct {
	Kind    string
	Works   bool
	Error   string        // "" if it works
	Latency time.Duration // of reading one record
	Bytes   int64         // of its files; 0: not known
}

// A KEK is a version of the key encryption key.
type KEK struct {
	Version uint32
	Created time.Time
}

// A Sink is one of the receivers of audit records.
type Sink struct {
	Name        string // without its secrets
	Behind      uint64 // records it has not taken yet
	Bytes       int64
	Oldest      time.Time // of them; zero: it has all
	LastSuccess time.Time
	LastError   string
	Failures    uint64
}

// A Backup is one that was made.
type Backup struct {
	Path     string
	At       time.Time // everything acknowledged before is in it
	Bytes    int64
	Records  int
	Verified time.Time // when it was read back
	Proved   time.Time // when it was last restored on trial; zero: not that it is known here
}

// describeDeployment says how the service as a whole is.
func (d *Deps) describeDeployment() query.Row {
	return &query.Op[nothing, Deployment]{
		Name:  "DescribeDeployment",
		Check: func(c *query.Call, _ *nothing) error { return d.operates(c) },
		Needs: needs[nothing]("DescribeDeployment"),
		Run: func(ctx context.Context, _ *query.Call, _ *nothing) (*Deployment, *record.Change, error) {
			return d.Deployment(ctx), nil, nil
		},
		ReadOnly: true,
	}
}
