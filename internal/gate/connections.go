package gate

import (
	"cmp"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"qkms/internal/metrics"
)

// Limits say how many connections there may be. The zero value works.
type Limits struct {
	Connections int         // open at once; 0: 8192. Never more than the process may have files open
	PerAddress  int         // of them from one IPv4 address, or one IPv6 /64, which is what one customer gets; 0: a quarter
	Busy        func() bool // asked of each new one: whether to close it at once; nil: none is
}

// DefaultConnections is how many connections there may be unless something else is said: some 300 MB of TLS states, buffers and
// stacks if there are as many.
const DefaultConnections = 8192

// ownFiles are the file descriptors that are not for clients: the store and its log, or a pool of database
// connections, segments of the audit log, the admin socket, monitoring, receivers of records.
const ownFiles = 256

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, DefaultConnections)
	if files := openFiles(); files > 0 {
		l.Connections = max(min(l.Connections, max(files-ownFiles, files/2)), 1)
	}
	l.PerAddress = min(cmp.Or(l.PerAddress, (l.Connections+3)/4), l.Connections)
	return l
}

// Connections count what a listener has accepted, and keep it within its Limits. What is too many is closed before a byte
// of it was read, and before the handshake of TLS.
//
// When there are as many as there may be, or as many of one address, a new one takes the place of one that is not in use: rather of one on which
// no request ever came as a whole, such as a handshake that somebody left half open, or whose request waits for its body, than
// of one between requests. So who only holds connections holds them until somebody needs them, however many addresses they come from.
type Connections struct {
	limits Limits

	mu      sync.Mutex // guards what follows: held for moments, when connections come and go
	open    map[*conn]struct{}
	fresh   int // of open, without a whole request so far
	senders map[netip.Prefix]*sender

	streams atomic.Int64 // HTTP/2 requests under way
	large   atomic.Int64 // requests under way with large bodies

	tooMany, share, busy, evicted atomic.Uint64
}

// A sender is an address that connections come from.
type sender struct {
	open    map[*conn]struct{} // guarded by Connections.mu; none: it is forgotten
	streams atomic.Int64       // HTTP/2 requests under way
	large   atomic.Int64       // requests under way with large bodies
}

// NewConnections returns limits for one listener.
func NewConnections(l Limits) *Connections {
	return &Connections{limits: l.withDefaults(), open: map[*conn]struct{}{}, senders: map[netip.Prefix]*sender{}}
}

// Limits are the limits in force.
func (cs *Connections) Limits() Limits { return cs.limits }

// Listen returns ln with the limits. Its connections are for an http.Server made by HTTP, which tells them apart by whether
// they are in use.
func (cs *Connections) Listen(ln net.Listener) net.Listener { return &listener{ln, cs} }

type listener struct {
	net.Listener
	connections *Connections
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := l.connections.admit(c); admitted != nil {
			return admitted, nil
		}
		drop(c)
	}
}

// drop closes a connection without a farewell: nothing that waits to be sent, and no TIME_WAIT, is kept for it.
func drop(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// admit counts c and returns it as a conn; nil when there is no place for it.
func (cs *Connections) admit(c net.Conn) net.Conn {
	if cs.limits.Busy != nil && cs.limits.Busy() {
		cs.busy.Add(1)
		return nil
	}
	cs.mu.Lock()
	from := prefix(c.RemoteAddr())
	s := cs.senders[from]
	if s == nil {
		s = &sender{open: map[*conn]struct{}{}}
	}
	victim, refused := cs.makeRoom(s)
	if refused != nil {
		cs.mu.Unlock()
		refused.Add(1)
		return nil
	}
	admitted := newConn(c, cs, from, s)
	cs.senders[from] = s
	s.open[admitted], cs.open[admitted] = struct{}{}, struct{}{}
	cs.fresh++
	cs.mu.Unlock()
	if victim != nil {
		cs.evicted.Add(1)
		drop(victim.Conn)
	}
	return admitted
}

// makeRoom takes a connection out of the count, if another of s is one too many, and returns it to be closed. When none
// can be it returns the count of those refused for that reason. Connections without a request have a quarter of
// all places at most, so that handshakes left open do not take those of clients between requests.
func (cs *Connections) makeRoom(s *sender) (victim *conn, refused *atomic.Uint64) {
	switch {
	case len(s.open) >= cs.limits.PerAddress:
		victim, refused = unused(s.open, true), &cs.share
	case len(cs.open) >= cs.limits.Connections:
		victim, refused = unused(cs.open, true), &cs.tooMany
	case cs.fresh >= (cs.limits.Connections+3)/4:
		victim = unused(cs.open, false)
	}
	if victim == nil {
		return nil, refused
	}
	cs.forget(victim)
	return victim, nil
}

// Of how many connections one is chosen to be closed, of those that the map happens to begin with: a list in order of use would
// need a lock with each request.
const (
	compared = 16
	looked   = 256 // if those are all in use
)

// unused is a connection that may be closed: of some of all the one that waits longest without having had a request,
// or if between, between requests; nil if there is none.
func unused(all map[*conn]struct{}, between bool) (victim *conn) {
	longest, n := int64(math.MaxInt64), 0
	for c := range all {
		if since := c.unused(); since < longest && (between || !c.used.Load()) {
			victim, longest = c, since
		}
		if n++; n >= looked || n >= compared && victim != nil {
			break
		}
	}
	return victim
}

// dropStalled closes a connection with HTTP/2 requests that all wait for their bodies: of those it looks at the one that waits longest.
// It returns false when it finds none.
func (cs *Connections) dropStalled() bool {
	var victim *conn
	longest, n := int64(math.MaxInt64), 0
	cs.mu.Lock()
	for c := range cs.open {
		if since := c.stalled.Load(); c.streams.Load() > 0 && c.stalls() && since < longest {
			victim, longest = c, since
		}
		if n++; n >= looked {
			break
		}
	}
	if victim != nil {
		cs.forget(victim)
	}
	cs.mu.Unlock()
	if victim == nil {
		return false
	}
	cs.evicted.Add(1)
	drop(victim.Conn)
	return true
}

// forget takes c out of the count; cs.mu is held.
func (cs *Connections) forget(c *conn) {
	if _, counted := cs.open[c]; !counted {
		return
	}
	delete(cs.open, c)
	if !c.used.Load() {
		cs.fresh--
	}
	if delete(c.sender.open, c); len(c.sender.open) == 0 {
		delete(cs.senders, c.from)
	}
}

// prefix is who an address is taken to be: an IPv6 host has 2⁶⁴ addresses (RFC 4291 §2.5.4). What is no IP address
// is all one.
func prefix(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip, bits := tcp.AddrPort().Addr().Unmap().WithZone(""), 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // fails of no IP address only
	return p
}

// Readings are what monitoring is told.
func (cs *Connections) Readings() []metrics.Reading {
	closed := func(reason string, n *atomic.Uint64) metrics.Reading {
		return metrics.Reading{
			Name: "qkms_connections_closed_total", Label: "reason", Value: reason, Total: true, Help: "Connections closed by a limit: new ones for being too many (limit), too many of one address (address) or coming to a busy machine (busy), and unused ones to make room (unused).",
			Read: func() float64 { return float64(n.Load()) },
		}
	}
	return []metrics.Reading{
		closed("limit", &cs.tooMany), closed("address", &cs.share), closed("busy", &cs.busy), closed("unused", &cs.evicted),
		{
			Name: "qkms_connections_open", Help: "Connections to the API.",
			Read: func() float64 { cs.mu.Lock(); defer cs.mu.Unlock(); return float64(len(cs.open)) },
		}, {
			Name: "qkms_connections_limit", Help: "Connections to the API that there may be: --max-connections, or what the limit of open files leaves.",
			Read: func() float64 { return float64(cs.limits.Connections) },
		},
	}
}
