package postgres_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

// A verdict is what should come of a server: its level, and what the text says.
type verdict struct {
	level postgres.Level
	says  string
}

func (v verdict) check(t *testing.T, what string, got postgres.Footing) {
	t.Helper()
	if got.Level != v.level || !strings.Contains(got.Text, v.says) {
		t.Errorf("%s: got level %d, %q, want level %d, %q", what, got.Level, got.Text, v.level, v.says)
	}
}

func TestFooting(t *testing.T) {
	db1, db2, late := postgres.Standby{Name: "db1", Sync: "sync"}, postgres.Standby{Name: "db2", Sync: "potential"}, postgres.Standby{Name: "late", Sync: "async"}
	hidden := postgres.Standby{}
	with := func(names string, standbys ...postgres.Standby) postgres.Server {
		return postgres.Server{Names: names, Commit: "on", Standbys: standbys, Blind: slices.Contains(standbys, hidden)}
	}
	for what, row := range map[string]struct {
		server postgres.Server
		said   postgres.Replication
		want   verdict
	}{
		"one server, nothing said":            {with(""), postgres.Unsaid, verdict{postgres.Void, "may bring back what was revoked"}},
		"one server, which is enough":         {with(""), postgres.None, verdict{postgres.Firm, "--store-replication=none"}},
		"one server, where standbys must be":  {with(""), postgres.Sync, verdict{postgres.Void, "no standby is connected"}},
		"copies below":                        {with(""), postgres.Storage, verdict{postgres.Firm, "below PostgreSQL"}},
		"copies below and a replica":          {with("", late), postgres.Storage, verdict{postgres.Firm, "promote none that replicates asynchronously: late"}},
		"an asynchronous standby":             {with("", late), postgres.Unsaid, verdict{postgres.Void, "a standby (late) connected that commits do not wait for: acknowledged revocations can be lost at failover"}},
		"an asynchronous standby, denied":     {with("", late), postgres.None, verdict{postgres.Void, "acknowledged revocations can be lost at failover"}},
		"a named standby, denied":             {with("db1", db1), postgres.None, verdict{postgres.Firm, "commits wait for db1"}},
		"asynchronous standbys of no name":    {with("", hidden, hidden), postgres.Unsaid, verdict{postgres.Void, "with standbys connected that"}},
		"a named standby":                     {with("db1", db1), postgres.Unsaid, verdict{postgres.Firm, "commits wait for db1"}},
		"a named standby and another":         {with("db1", db1, late), postgres.Sync, verdict{postgres.Firm, "commits wait for db1; promote none that replicates asynchronously: late"}},
		"a named standby that is gone":        {with("db1"), postgres.Unsaid, verdict{postgres.Void, "none of them is connected"}},
		"a named standby, others connected":   {with("db1", late), postgres.Unsaid, verdict{postgres.Void, "none of them is connected"}},
		"a named standby, unseen":             {with("db1", hidden), postgres.Unsaid, verdict{postgres.Firm, "GRANT pg_monitor"}},
		"two that must both":                  {with("FIRST 2 (db1, db2)", db1, db1), postgres.Unsaid, verdict{postgres.Firm, "commits wait for db1, db1"}},
		"any two of two":                      {with("ANY 2 (db1, db2)", db1, db1), postgres.Unsaid, verdict{postgres.Firm, "commits wait for"}},
		"any one of two":                      {with("ANY 1 (db1, db2)", db1, db1), postgres.Unsaid, verdict{postgres.Longer, "until that is fenced"}},
		"the first of two":                    {with("db1, db2", db1, db2), postgres.Unsaid, verdict{postgres.Longer, "wait for 1 of several"}},
		"the first of two, the other is away": {with("db1, db2", db1), postgres.Unsaid, verdict{postgres.Longer, "wait for 1 of several"}},
		"two of one name":                     {with("db1", db1, db2), postgres.Unsaid, verdict{postgres.Longer, "wait for 1 of several"}},
		"whoever connects":                    {with("*", db1), postgres.Unsaid, verdict{postgres.Longer, "wait for 1 of several"}},
		"a setting of the future":             {with("MOST (db1)", db1), postgres.Unsaid, verdict{postgres.Void, "cannot be understood"}},
		"no fsync":                            {postgres.Server{Unsafe: "fsync", Names: "db1", Standbys: []postgres.Standby{db1}}, postgres.Storage, verdict{postgres.Void, "fsync=off"}},
		"commits that do not wait":            {postgres.Server{Commit: "local", Names: "db1", Standbys: []postgres.Standby{db1}}, postgres.Sync, verdict{postgres.Void, "synchronous_commit=local"}},
	} {
		row.want.check(t, what, row.server.Footing(row.said))
	}
}

// What a real primary shows, to a user who may see everything and to one who may not.
func TestServerShowsItsStandbys(t *testing.T) {
	pair := pgtest.NewPair(t, nil, "fsync=on", "full_page_writes=on")
	guest := open(t, asOwner(t, pair.URL(), "guest"), postgres.Options{})
	db := open(t, pair.URL(), postgres.Options{})
	shows := func(db *postgres.DB) postgres.Server {
		t.Helper()
		s, err := db.Server(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Number < 150000 || !strings.HasPrefix(s.Version, "1") || s.Unsafe != "" || s.Commit != "on" || s.Retry != "200ms" || s.Pooled || s.Ahead.Abs().Hours() > 1 {
			t.Errorf("got %+v", s)
		}
		return s
	}
	verdict{postgres.Firm, "commits wait for standby"}.check(t, "synchronous", shows(db).Footing(postgres.Sync))
	verdict{postgres.Firm, "GRANT pg_monitor"}.check(t, "synchronous, for a guest", shows(guest).Footing(postgres.Sync))
	pair.Asynchronous(t)
	verdict{postgres.Void, "(standby)"}.check(t, "asynchronous", shows(db).Footing(postgres.Unsaid))
	verdict{postgres.Void, "(standby)"}.check(t, "asynchronous, for a guest", shows(guest).Footing(postgres.Unsaid))
}

func TestServerSaysWhatIsUnsafe(t *testing.T) {
	for want, url := range map[string]string{"fsync": pgtest.URL(t), "full_page_writes": pgtest.New(t, "full_page_writes=off").Database(t)} {
		if s, err := open(t, url, postgres.Options{}).Server(t.Context()); err != nil || s.Unsafe != want {
			t.Errorf("got %q, %v, want %q", s.Unsafe, err, want)
		}
	}
}

// A pooler tells its clients process numbers of its own making (BackendKeyData).
func TestServerBehindAPooler(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	renumber := func(piece []byte) ([]byte, bool) {
		if i := bytes.Index(piece, []byte{'K', 0, 0, 0, 12}); i >= 0 {
			piece[i+8] ^= 1
		}
		return piece, false
	}
	p.toClient.Store(&renumber)
	if s, err := open(t, url, postgres.Options{}).Server(t.Context()); err != nil || !s.Pooled {
		t.Errorf("got %+v, %v, want a pooler", s, err)
	}
}
