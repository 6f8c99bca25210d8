package admin

import (
	"context"
	"fmt"
	"time"

	"qkms/internal/node"
	"qkms/internal/store/postgres"
)

// storeChecks look at the database: what it holds, whether what it acknowledges is safe, and who else uses it.
func (c *call) storeChecks(ctx context.Context) []Check {
	const what = "database"
	if err := c.Engine.Check(ctx); err != nil {
		return []Check{{what, Problem, err.Error()}}
	}
	if !c.Lease.Shared() {
		return []Check{{what, Fine, "integrity_check passed, the change log is complete"}}
	}
	p, err := c.Promise(ctx)
	if err != nil {
		return []Check{{what, Problem, err.Error()}}
	}
	return []Check{serverCheck(p.Server), promiseCheck(p), c.nodesCheck(ctx)}
}

const tested = 15 // the oldest release of PostgreSQL that our tests run

func serverCheck(s postgres.Server) Check {
	const what = "database"
	text := "PostgreSQL " + s.Version + ", the change log is complete"
	if s.Pooled {
		text += "; through a pooler"
	}
	if s.Ahead.Abs() > time.Second {
		text += fmt.Sprintf("; its clock differs from this machine's by %v, which nothing but claims goes by", s.Ahead.Abs().Round(time.Second))
	}
	switch {
	case s.Unsafe != "":
		return Check{what, Problem, text + "; with " + s.Unsafe + "=off a crash of its machine takes back what was acknowledged: turn it on"}
	case s.Number < tested*10_000:
		return Check{what, Notice, text + fmt.Sprintf("; it does not say that it is PostgreSQL %d or later: hold it to `qkms doctor --store-test`", tested)}
	}
	return Check{what, Fine, text}
}

// slow is how long a standby may sleep between looks for what it is to replay, by default 5 s, before a failover
// takes notably longer for it.
const slow = time.Second

func promiseCheck(p node.Promise) Check {
	const what = "staleness bound"
	text := p.String()
	if d, err := time.ParseDuration(p.Server.Retry); len(p.Server.Standbys) > 0 && err == nil && d > slow {
		text += "; wal_retrieve_retry_interval = " + p.Server.Retry + ", by which a failover may take so much longer: 200ms is better, on the standbys too"
	}
	switch p.Level {
	case postgres.Firm:
		return Check{what, Fine, text}
	case postgres.Longer:
		return Check{what, Notice, text}
	}
	return Check{what, Problem, text}
}
