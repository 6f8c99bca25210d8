package admin

import (
	"context"

	"qkms/internal/store/postgres"
)

// storeCheck looks at the database: what it holds, and whether what it acknowledges is safe.
func (c *call) storeCheck(ctx context.Context) Check {
	const what = "database"
	shared, is := c.Engine.(*postgres.DB)
	if !is {
		return verdict(what, "integrity_check passed, the change log is complete", c.Engine.Check(ctx))
	}
	if err := shared.Check(ctx); err != nil {
		return Check{what, Problem, err.Error()}
	}
	server, err := shared.Server(ctx)
	text := "PostgreSQL " + server.Version + ", the change log is complete"
	switch {
	case err != nil:
		return Check{what, Problem, err.Error()}
	case server.Unsafe != "":
		return Check{what, Problem, text + "; with " + server.Unsafe + "=off a crash of its machine takes back what was acknowledged: turn it on"}
	case server.Standbys == "":
		return Check{what, Notice, text + "; synchronous_standby_names is empty: unless its storage is replicated, what is lost with its disk was on no other"}
	}
	return Check{what, Fine, text + ", synchronous standbys " + server.Standbys}
}
