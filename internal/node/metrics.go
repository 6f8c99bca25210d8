package node

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
	"qkms/internal/bulkhead"
	"qkms/internal/coherence"
	"qkms/internal/iam"
	"qkms/internal/memo"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/oversight"
	"qkms/internal/query"
	"qkms/internal/sts"
)

// Operations are the values of the label operation.
func Operations() []string {
	var names []string
	for _, row := range op.Table {
		names = append(names, row.Operation())
	}
	for _, service := range []*query.Service{iam.Service, sts.Service, oversight.New(oversight.Deps{})} { // on the same endpoint
		for _, row := range service.Table {
			names = append(names, row.Operation())
		}
	}
	return names
}

// readings are what the parts of the node count themselves.
func (n *Node) readings() []metrics.Reading {
	stats := n.Audit.Stats
	spool := remember(func() (bytes [2]int64) {
		var err error
		if bytes[0], bytes[1], err = n.Audit.Spool(); err != nil {
			bytes[0] = -1 // unknown
		}
		return bytes
	})
	return slices.Concat([]metrics.Reading{
		{
			Name: "qkms_audit_records_total", Total: true, Help: "Audit records written since the process began.",
			Read: func() float64 { return float64(stats().Records) },
		}, {
			Name: "qkms_audit_spool_bytes", Help: "Bytes of audit log in the data directory. At the limit every request is refused.",
			Read: func() float64 { return float64(spool()[0]) },
		}, {
			Name: "qkms_audit_spool_limit_bytes", Help: "Bytes of audit log that the data directory may hold: --audit-spool. Requests without a valid signature have half of it.",
			Read: func() float64 { return float64(spool()[1]) },
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
			Name: "qkms_backup_verified_timestamp_seconds", Help: "When a backup made here was last read back or restored on trial, in seconds since 1970; 0: never.",
			Read: func() float64 {
				if last := n.Backups.LastVerified(); !last.IsZero() {
					return float64(last.Unix())
				}
				return 0
			},
		}, {
			Name: "qkms_last_use_backlog", Help: "Last uses of keys that are in memory alone; written every minute, forgotten by a crash.",
			Read: func() float64 { return float64(n.LastUses.Backlog()) },
		}, {
			Name: "qkms_ready_pairs", Help: "RSA data key pairs that were made in advance and wait for somebody: --ready-pairs.",
			Read: func() float64 { now, _ := n.Custody.Ready(); return float64(now) },
		}, {
			Name: "qkms_ready_pairs_taken_total", Total: true, Help: "RSA data key pairs that were made in advance and handed out.",
			Read: func() float64 { _, taken := n.Custody.Ready(); return float64(taken) },
		}, {
			Name: "qkms_trace_spans_total", Total: true, Help: "Spans that ended; 0 while traces are off.",
			Read: func() float64 { ended, _ := n.Trace.Spans(); return float64(ended) },
		}, {
			Name: "qkms_trace_spans_sent_total", Total: true, Help: "Spans the collector has taken. Fewer than ended, by more and more: they are lost.",
			Read: func() float64 { _, sent := n.Trace.Spans(); return float64(sent) },
		},
	}, n.cacheReadings(), slowReadings("short", n.Custody.Slow().Short), slowReadings("long", n.Custody.Slow().Long), n.leaseReadings(), n.sinkReadings())
}

// cacheReadings tell what memory is used for, and whether there is enough of it.
func (n *Node) cacheReadings() []metrics.Reading {
	all := []metrics.Reading{{
		Name: "qkms_cache_limit_bytes", Help: "How many bytes the caches may take together: --cache-bytes.",
		Read: func() float64 { return float64(n.Book.Budget().Limit()) },
	}}
	for name, stats := range map[string]func() memo.Stats{"record": n.Book.CacheStats, "material": n.Custody.CacheStats, "session": n.Sessions.CacheStats} {
		add := func(metric, help string, total bool, of func(memo.Stats) float64) {
			all = append(all, metrics.Reading{Name: metric, Label: "cache", Value: name, Help: help, Total: total, Read: func() float64 { return of(stats()) }})
		}
		add("qkms_cache_hits_total", "Look-ups answered from memory.", true, func(s memo.Stats) float64 { return float64(s.Hits) })
		add("qkms_cache_misses_total", "Look-ups that had to ask the store.", true, func(s memo.Stats) float64 { return float64(s.Misses) })
		add("qkms_cache_evictions_total", "What was forgotten to make room. As many as misses: memory is too small for what is in use.", true, func(s memo.Stats) float64 { return float64(s.Evictions) })
		add("qkms_cache_entries", "What is kept in memory now.", false, func(s memo.Stats) float64 { return float64(s.Entries) })
		add("qkms_cache_bytes", "What it takes, of qkms_cache_limit_bytes.", false, func(s memo.Stats) float64 { return float64(s.Bytes) })
	}
	return all
}

// slowReadings tell how a lane of the computations that take long does.
func slowReadings(name string, l *bulkhead.Lane) []metrics.Reading {
	read := func(metric, help string, total bool, of func(bulkhead.Stats) float64) metrics.Reading {
		return metrics.Reading{Name: metric, Help: help, Total: total, Label: "lane", Value: name, Read: func() float64 { return of(l.Stats()) }}
	}
	return []metrics.Reading{
		read("qkms_slow_running", "Computations that take long, running now. The lane short uses keys, for milliseconds; long makes RSA keys, for seconds.", false, func(s bulkhead.Stats) float64 { return float64(s.Running) }),
		read("qkms_slow_waiting", "Computations that take long, waiting for their turn.", false, func(s bulkhead.Stats) float64 { return float64(s.Waiting) }),
		read("qkms_slow_begun_total", "Computations that take long and have begun.", true, func(s bulkhead.Stats) float64 { return float64(s.Begun) }),
		read("qkms_slow_waited_total", "Computations that take long and have waited for their turn, or in vain.", true, func(s bulkhead.Stats) float64 { return float64(s.Waited) }),
		read("qkms_slow_wait_seconds_total", "Time that they have waited.", true, func(s bulkhead.Stats) float64 { return s.Wait.Seconds() }),
		read("qkms_slow_refused_total", "Computations that take long and were refused with ThrottlingException, because too many waited.", true, func(s bulkhead.Stats) float64 { return float64(s.Refused) }),
	}
}

// leaseReadings tell how a node keeps up with a store that others change too.
func (n *Node) leaseReadings() []metrics.Reading {
	if !n.Lease.Shared() {
		return nil
	}
	count := func(name, help string, of func(coherence.Stats) float64) metrics.Reading {
		return metrics.Reading{Name: name, Total: true, Help: help, Read: func() float64 { return of(n.Lease.Stats()) }}
	}
	return []metrics.Reading{
		{
			Name: "qkms_lease_age_seconds", Help: "How old what the node remembers may be: the time since the newest renewal that succeeded was sent. At qkms_lease_length_seconds nothing is answered any more.",
			Read: func() float64 { return n.Lease.Age().Seconds() },
		}, {
			Name: "qkms_lease_length_seconds", Help: "How long the node answers without reaching the store: the staleness bound less what clocks may be off.",
			Read: func() float64 { return n.Lease.Length().Seconds() },
		},
		count("qkms_lease_renewals_total", "Renewals of the lease that succeeded.", func(s coherence.Stats) float64 { return float64(s.Beats) }),
		count("qkms_lease_failures_total", "Renewals of the lease that failed.", func(s coherence.Stats) float64 { return float64(s.Missed) }),
		count("qkms_lease_lapses_total", "Times that the lease was over: requests were refused.", func(s coherence.Stats) float64 { return float64(s.Lapses) }),
		count("qkms_changes_applied_total", "Entries of the change log that the node has dropped from its memory.", func(s coherence.Stats) float64 { return float64(s.Notes) }),
		count("qkms_memory_resets_total", "Times that everything in memory was dropped because the node was too far behind.", func(s coherence.Stats) float64 { return float64(s.Gone) }),
		count("qkms_history_alarms_total", "Times that the store's history was not what the node had seen: restored, cut, or tampered with.", func(s coherence.Stats) float64 { return float64(s.Alarms) }),
		count("qkms_hints_total", "Times that others told the node to look for changes at once. 0: it hears nothing, and changes take half a second longer.", func(s coherence.Stats) float64 { return float64(s.Hints) }),
		count("qkms_barriers_fenced_total", "Changes that were in force on every node when they were answered.", func(s coherence.Stats) float64 { return float64(s.Fenced) }),
		count("qkms_barriers_pending_total", "Changes that were answered before they were in force on every node.", func(s coherence.Stats) float64 { return float64(s.Pending) }),
		count("qkms_barriers_wait_seconds_total", "Time that changes have waited to be in force on every node.", func(s coherence.Stats) float64 { return s.Waited.Seconds() }),
	}
}

// sinkReadings tell how far behind each audit sink is. A sink is known by its place among the targets: their
// names say where an operator keeps things.
func (n *Node) sinkReadings() (all []metrics.Reading) {
	status := remember(n.Sinks.Status)
	for i := range n.AuditSinks {
		add := func(name, help string, total bool, read func(sink.Status) float64) {
			all = append(all, metrics.Reading{
				Name: name, Help: help, Total: total, Label: "sink", Value: strconv.Itoa(i + 1),
				Read: func() float64 { return read(status()[i]) },
			})
		}
		add("qkms_audit_sink_behind_records", "Records that the sink has not taken yet.", false, func(s sink.Status) float64 { return float64(s.Behind) })
		add("qkms_audit_sink_lag_seconds", "Age of the oldest record that the sink has not taken yet.", false, func(s sink.Status) float64 {
			if s.Oldest.IsZero() {
				return 0
			}
			return max(n.Now().Sub(s.Oldest).Seconds(), 0)
		})
		add("qkms_audit_sink_failures_total", "Deliveries to the sink that failed and are tried again; the log says why.", true, func(s sink.Status) float64 { return float64(s.Failures) })
	}
	return all
}

// remember keeps what look found for a second: who scrapes in a loop must not make the node read
// directories in a loop.
func remember[T any](look func() T) func() T {
	var mu sync.Mutex
	var at time.Time
	var found T
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) > time.Second {
			found, at = look(), time.Now()
		}
		return found
	}
}

// What a probe is told, which may be anybody's: no path, no cause.
var (
	errNoStore = errors.New("the store does not answer")
	errNoRoom  = errors.New("the audit log has no room")
	errNoAudit = errors.New("the audit log cannot be read")
)

// check returns nil when a request would be answered now: the store was reached, and a record can be written.
func (n *Node) check(ctx context.Context) error {
	if err := n.reached(ctx); err != nil {
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

// reached says whether the store was. Of a shared one that is the lease's to say, from half of it on: a database that
// fails over is away for every node at once, and were they all to be avoided at once, nobody would be served
// from what they remember and may still use.
func (n *Node) reached(ctx context.Context) error {
	if n.Lease.Shared() {
		return n.Lease.Ready()
	}
	_, err := n.Engine.Get(ctx, []byte("ready?")) // a key there is not, of a store that is held
	return err
}
