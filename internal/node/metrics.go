package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"qkms/internal/audit"
	"qkms/internal/iam"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/query"
	"qkms/internal/sts"
)

// operations are the values of the label operation.
func operations() []string {
	var names []string
	for _, row := range op.Table {
		names = append(names, row.Operation())
	}
	for _, service := range []*query.Service{iam.Service, sts.Service} { // on the same endpoint
		for _, row := range service.Table {
			names = append(names, row.Operation())
		}
	}
	return names
}

// readings are what the parts of the node count themselves.
func (n *Node) readings() []metrics.Reading {
	stats := n.Audit.Stats
	spool := remember(n.Audit.Spool)
	return append([]metrics.Reading{
		{
			Name: "qkms_audit_records_total", Total: true, Help: "Audit records written since the process began.",
			Read: func() float64 { return float64(stats().Records) },
		}, {
			Name: "qkms_audit_spool_bytes", Help: "Bytes of audit log in the data directory. At the limit every request is refused.",
			Read: func() float64 { used, _ := spool(); return float64(used) },
		}, {
			Name: "qkms_audit_spool_limit_bytes", Help: "Bytes of audit log that the data directory may hold: --audit-spool. Requests without a valid signature have half of it.",
			Read: func() float64 { _, limit := spool(); return float64(limit) },
		}, {
			Name: "qkms_audit_flush_lag_seconds", Help: "Age of the oldest audit record that is not on stable storage. More than a second: the disk is slow, or its flush has failed.",
			Read: func() float64 { return stats().Unflushed.Seconds() },
		}, {
			Name: "qkms_audit_flush_failures_total", Total: true, Help: "Flushes of the audit log that failed: records may not survive a loss of power.",
			Read: func() float64 { return float64(stats().Failed) },
		}, {
			Name: "qkms_audit_checkpoint_lag_seconds", Help: "Age of the oldest audit record that no signed checkpoint covers. Signed every minute.",
			Read: func() float64 { return stats().Unsigned.Seconds() },
		}, {
			Name: "qkms_audit_owed_records", Help: "Records of changes that the audit log had no room for. They are safe in the store and written as soon as there is.",
			Read: func() float64 { return float64(n.Ledger.Owed()) },
		}, {
			Name: "qkms_last_use_backlog", Help: "Last uses of keys that are in memory alone; written every minute, forgotten by a crash.",
			Read: func() float64 { return float64(n.LastUses.Backlog()) },
		},
	}, append(cacheReadings("record", n.Book.CacheStats), cacheReadings("material", n.Custody.CacheStats)...)...)
}

func cacheReadings(name string, stats func() (hits, misses uint64, entries int)) []metrics.Reading {
	return []metrics.Reading{
		{
			Name: "qkms_cache_hits_total", Label: "cache", Value: name, Total: true, Help: "Look-ups answered from memory.",
			Read: func() float64 { hits, _, _ := stats(); return float64(hits) },
		}, {
			Name: "qkms_cache_misses_total", Label: "cache", Value: name, Total: true, Help: "Look-ups that had to ask the store.",
			Read: func() float64 { _, misses, _ := stats(); return float64(misses) },
		}, {
			Name: "qkms_cache_entries", Label: "cache", Value: name, Help: "What is kept in memory now.",
			Read: func() float64 { _, _, entries := stats(); return float64(entries) },
		},
	}
}

// remember keeps what look found for a second: who scrapes in a loop must not make the node read a
// directory in a loop. What could not be found is -1.
func remember(look func() (used, limit int64, err error)) func() (used, limit int64) {
	var mu sync.Mutex
	var at time.Time
	var used, limit int64
	return func() (int64, int64) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) > time.Second {
			var err error
			if used, limit, err = look(); err != nil {
				used = -1
			}
			at = time.Now()
		}
		return used, limit
	}
}

// What a probe is told, which may be anybody's: no path, no cause.
var (
	errNoStore = errors.New("the store does not answer")
	errNoRoom  = errors.New("the audit log has no room")
	errNoAudit = errors.New("the audit log cannot be read")
)

// check returns nil when a request would be answered now: the store can be read, and a record written.
func (n *Node) check(ctx context.Context) error {
	if _, err := n.Engine.Get(ctx, []byte("ready?")); err != nil { // a key there is not
		return errNoStore
	}
	err := n.Audit.Room()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, audit.ErrFull), errors.Is(err, audit.ErrNoDisk):
		return errNoRoom
	}
	return errNoAudit
}
