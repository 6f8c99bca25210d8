package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connections    = 16              // of one process at most, unless the URL says pool_max_conns
	connectTimeout = 5 * time.Second // unless the URL says connect_timeout; less where there are several hosts
	pingTimeout    = 2 * time.Second // for a connection that was idle, before it is trusted
)

// errURL does not quote what was given: there may be a password in it.
var errURL = errors.New("not a PostgreSQL URL that can be used; it is written like postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, several hosts separated by commas, " +
	"anything but letters and digits in a password as %XX")

// IsURL reports whether a store's address is one for Open.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// HasPassword reports whether a URL has a password in it, which a list of processes would show.
func HasPassword(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return true // who knows
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sslpassword")
}

// parse makes the configuration of the pool.
func parse(s string) (*pgxpool.Config, error) {
	u, err := url.Parse(s)
	if err != nil || !IsURL(s) {
		return nil, errURL
	}
	q := u.Query()
	for name, value := range map[string]string{
		"sslmode":                 sslmode(u),
		"pool_max_conns":          fmt.Sprint(connections),
		"connect_timeout":         fmt.Sprint(int(patience(hostsOf(u)).Seconds())),
		"default_query_exec_mode": "cache_describe", // no statement is prepared by name: a pooler's next connection would not know it
		"application_name":        "qkms",
	} {
		if !q.Has(name) && value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	c, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, errURL
	}
	c.PingTimeout = pingTimeout
	c.BeforeConnect = neverCancel
	c.ConnConfig.OnNotice = heed
	c.ConnConfig.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {}      // else the driver keeps what a pooler's connection still listens to
	c.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite // a standby's answers prove nothing
	return c, nil
}

// sslmode is verify-full where somebody could stand between, unless the operator has decided. The
// default of libpq, prefer, gives way to whoever cuts the handshake off.
func sslmode(u *url.URL) string {
	if os.Getenv("PGSSLMODE") != "" {
		return ""
	}
	for _, host := range hostsOf(u) {
		if !local(host) {
			return "verify-full"
		}
	}
	return ""
}

func hostsOf(u *url.URL) []string {
	if u.Host == "" {
		return strings.Split(u.Query().Get("host"), ",")
	}
	return strings.Split(u.Host, ",")
}

// patience is for how long one host is waited for. Where there are others, one that has fallen silent must not hold
// up every attempt: it may be the primary that was.
func patience(hosts []string) time.Duration {
	if len(hosts) > 1 {
		return connectTimeout * 2 / 5
	}
	return connectTimeout
}

// local reports whether a host is this machine, told from its spelling alone.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasPrefix(host, "/") { // a directory of Unix sockets
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// describe names a store without user or password.
func describe(c *pgxpool.Config) string {
	hosts := []string{net.JoinHostPort(c.ConnConfig.Host, fmt.Sprint(c.ConnConfig.Port))}
	for _, f := range c.ConnConfig.Fallbacks {
		if h := net.JoinHostPort(f.Host, fmt.Sprint(f.Port)); h != hosts[len(hosts)-1] { // sslmode=prefer has each twice
			hosts = append(hosts, h)
		}
	}
	return strings.Join(hosts, ",") + "/" + c.ConnConfig.Database
}

var errCancel = errors.New("queries are not cancelled")

// neverCancel keeps the driver from cancelling what it gives up waiting for. A commit that is waiting
// for its standby and is cancelled becomes visible without being safe, and the server calls that a
// success (PostgreSQL, "Synchronous Replication": the wait is cancelled, not the commit). The driver
// dials again to cancel; once a connection stands, there is nothing else to dial for.
func neverCancel(_ context.Context, c *pgx.ConnConfig) error {
	var connected atomic.Bool
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			return nil, errCancel
		}
		return dial(ctx, network, address)
	}
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		connected.Store(true)
		return nil
	}
	return nil
}

const warned = "qkms warned" // in a connection's CustomData, the text of a WARNING

// heed notes warnings for commit.
func heed(conn *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		conn.CustomData()[warned] = n.Message
	}
}
