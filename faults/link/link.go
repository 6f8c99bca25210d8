// Package link is a network between two processes that a test can cut, refuse or slow down.
//
// It is a TCP proxy in user space, which needs no privileges. What it cuts it cuts as a network does: nobody is
// told, connections stand, and what was sent arrives when the cut is mended.
package link

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Link carries connections to one address. Its methods may be called concurrently.
type Link struct {
	Address string // connect here

	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	cut     bool
	refuse  bool
	delay   time.Duration
	changed chan struct{}        // closed when one of the above changes, and replaced
	conns   map[*connection]bool // all that stand
	ended   bool
}

// New returns a link to an address until the end of the test.
func New(t testing.TB, to string) *Link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Address: ln.Addr().String(), to: to, listener: ln, changed: make(chan struct{}), conns: map[*connection]bool{}}
	l.running.Go(l.accept)
	t.Cleanup(func() {
		l.change(func() { l.ended = true })
		_ = ln.Close()
		l.reset()
		l.running.Wait()
	})
	return l
}

// Cut lets nothing travel any more. Nobody is told: connections stand, new ones seem to come about.
func (l *Link) Cut() { l.change(func() { l.cut = true }) }

// Refuse resets the connections and all that come, as a machine does on which nobody listens. What was under
// way is lost.
func (l *Link) Refuse() {
	l.change(func() { l.refuse = true })
	l.reset()
}

// Delay has everything arrive so much later.
func (l *Link) Delay(d time.Duration) { l.change(func() { l.delay = d }) }

// Mend undoes Cut and Refuse; what was cut off travels on.
func (l *Link) Mend() { l.change(func() { l.cut, l.refuse = false, false }) }

func (l *Link) change(set func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.reset()
	}
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.carry(client.(*net.TCPConn)) })
	}
}

// A connection is one that stands, of its two ends.
type connection struct {
	client, server *net.TCPConn
	over           chan struct{} // closed by reset
	once           sync.Once
}

// reset ends both ends without a word more than RST.
func (c *connection) reset() {
	c.once.Do(func() {
		close(c.over)
		for _, end := range []*net.TCPConn{c.client, c.server} {
			_ = end.SetLinger(0)
			_ = end.Close()
		}
	})
}

// carry is one connection from its beginning to its end.
func (l *Link) carry(client *net.TCPConn) {
	server, err := net.Dial("tcp", l.to)
	if err != nil { // nobody listens: nobody listens here either
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	c := &connection{client: client, server: server.(*net.TCPConn), over: make(chan struct{})}
	l.mu.Lock()
	l.conns[c] = true
	lost := l.refuse || l.ended
	l.mu.Unlock()
	if lost {
		c.reset()
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(c, c.server, c.client) })
	both.Go(func() { l.pump(c, c.client, c.server) })
	both.Wait()
	c.reset()
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// A piece is what was read at once, and when. An empty one is the end.
type piece struct {
	data []byte
	at   time.Time
}

// pump carries one direction.
func (l *Link) pump(c *connection, to, from *net.TCPConn) {
	under := make(chan piece, 4096) // way
	go read(c, from, under)
	for {
		var p piece
		select {
		case p = <-under:
		case <-c.over:
			return
		}
		if !l.pass(c, p.at) {
			return
		}
		if len(p.data) == 0 {
			_ = to.CloseWrite()
			return
		}
		if _, err := to.Write(p.data); err != nil {
			c.reset()
			return
		}
	}
}

// read puts what comes under way. It ends when the connection does.
func read(c *connection, from *net.TCPConn, under chan<- piece) {
	for {
		buf := make([]byte, 1<<15)
		n, err := from.Read(buf)
		if err != nil {
			n = 0
		}
		select {
		case under <- piece{buf[:n], time.Now()}:
		case <-c.over:
			return
		}
		if err != nil {
			return
		}
	}
}

// pass waits until what was sent at a time arrives. It returns false when the connection is over.
func (l *Link) pass(c *connection, sent time.Time) bool {
	for {
		l.mu.Lock()
		cut, wait, changed := l.cut, time.Until(sent.Add(l.delay)), l.changed
		l.mu.Unlock()
		var arrival <-chan time.Time
		if !cut {
			if wait <= 0 {
				return true
			}
			arrival = time.After(wait)
		}
		select {
		case <-c.over:
			return false
		case <-changed:
		case <-arrival:
		}
	}
}
