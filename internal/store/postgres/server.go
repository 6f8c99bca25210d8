package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Server is what the database server says of itself, as far as acknowledged changes depend on it.
type Server struct {
	Version string // "15.18 (Debian 15.18-0+deb12u1)"
	Number  int    // 150018; 0: not said
	Unsafe  string // the setting under which a crash takes acknowledged changes back; empty: none

	Names  string // synchronous_standby_names; empty: a commit is on one machine when it is acknowledged
	Commit string // synchronous_commit as it is in force for commits here
	Retry  string // wal_retrieve_retry_interval: for how long a standby may sleep before it can be promoted

	Standbys []Standby // those connected now
	Blind    bool      // whether Standbys cannot be told, or not what they are: the user lacks pg_monitor

	Pooled bool          // whether a pooler stands between
	Ahead  time.Duration // how far its clock is ahead of this machine's, by the middle of a round trip
}

// A Standby is a server that receives what the primary writes.
type Standby struct {
	Name string // application_name
	Sync string // sync_state: "async", "potential", "sync" or "quorum"; empty: this user may not see it
}

// waited reports whether commits are waiting for the standby, now.
func (s Standby) waited() bool { return s.Sync == "sync" || s.Sync == "quorum" }

// Server asks the server about itself.
func (d *DB) Server(ctx context.Context) (s Server, err error) {
	err = d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		s = Server{}
		if err := s.settings(ctx, conn); err != nil {
			return err
		}
		if err := s.commits(ctx, conn); err != nil {
			return err
		}
		return s.standbys(ctx, conn)
	})
	return s, err
}

// settings asks for what relatives of PostgreSQL may not have.
func (s *Server) settings(ctx context.Context, conn *pgx.Conn) error {
	var number, fsync, pages string
	var now, pid int64
	b := &pgx.Batch{}
	for name, value := range map[string]*string{
		"server_version": &s.Version, "server_version_num": &number, "synchronous_standby_names": &s.Names,
		"wal_retrieve_retry_interval": &s.Retry, "fsync": &fsync, "full_page_writes": &pages,
	} {
		b.Queue(`SELECT coalesce(current_setting($1::text, true), '')`, name).QueryRow(func(row pgx.Row) error { return row.Scan(value) })
	}
	b.Queue(`SELECT `+clockSQL+`, pg_backend_pid()::bigint`, (*int64)(nil)).QueryRow(func(row pgx.Row) error { return row.Scan(&now, &pid) })
	begin := time.Now()
	if _, _, err := send(ctx, conn, b); err != nil {
		return err
	}
	s.Ahead = time.Unix(0, now).Sub(begin.Add(time.Since(begin) / 2))
	s.Pooled = pid != int64(conn.PgConn().PID()) // a pooler makes up its own
	s.Number, _ = strconv.Atoi(number)
	switch {
	case fsync != "on" && fsync != "":
		s.Unsafe = "fsync"
	case pages != "on" && pages != "":
		s.Unsafe = "full_page_writes"
	}
	return nil
}

// commits asks within a transaction that begins as all do that write.
func (s *Server) commits(ctx context.Context, conn *pgx.Conn) error {
	b := begin()
	b.Queue(`SELECT coalesce(current_setting('synchronous_commit', true), '')`).QueryRow(func(row pgx.Row) error { return row.Scan(&s.Commit) })
	b.Queue(`ROLLBACK`)
	_, _, err := send(ctx, conn, b)
	return err
}

// standbys asks who is connected. That anybody is, everybody may see; what they are takes pg_monitor. Who
// takes a base backup, or decodes changes for other systems, is no standby.
func (s *Server) standbys(ctx context.Context, conn *pgx.Conn) error {
	rows, _ := conn.Query(ctx, `SELECT coalesce(r.application_name, ''), coalesce(r.sync_state, '') FROM pg_catalog.pg_stat_replication r
		WHERE r.state IS DISTINCT FROM 'backup'
		AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_replication_slots l WHERE l.active_pid = r.pid AND l.slot_type = 'logical')
		ORDER BY r.application_name ASC`)
	var one Standby
	_, err := pgx.ForEachRow(rows, []any{&one.Name, &one.Sync}, func() error {
		s.Standbys = append(s.Standbys, one)
		s.Blind = s.Blind || one.Sync == ""
		return nil
	})
	if code(err) != "" { // a relative of PostgreSQL without these views
		s.Standbys, s.Blind, err = nil, true, nil
	}
	return err
}
