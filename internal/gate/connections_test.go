package gate_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/gate"
)

// abroad is a listener whose connections come from the addresses it is given, one after the other, and then from
// the last.
type abroad struct {
	net.Listener
	mu   sync.Mutex
	from []string
}

type emigrant struct {
	net.Conn
	from net.Addr
}

func (e emigrant) RemoteAddr() net.Addr { return e.from }

func (e *abroad) Accept() (net.Conn, error) {
	c, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	from := e.from[0]
	if len(e.from) > 1 {
		e.from = e.from[1:]
	}
	return emigrant{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}, nil
}

func from(addresses ...string) func(net.Listener) net.Listener {
	return func(ln net.Listener) net.Listener { return &abroad{Listener: ln, from: addresses} }
}

// An address has its share of connections, in use or not, and others have theirs. An IPv6 address is its /64: its owner
// has 2⁶⁴ of them.
func TestShareOfAnAddress(t *testing.T) {
	for _, row := range []struct {
		name, one, again, other string
	}{
		{"IPv4", "192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.2:1000"},
		{"IPv6", "[2001:db8:0:1::1]:1000", "[2001:db8:0:1:ffff::2]:1000", "[2001:db8:0:2::1]:1000"},
		{"IPv4 in IPv6", "192.0.2.1:1000", "[::ffff:192.0.2.1]:1000", "[::ffff:192.0.2.2]:1000"},
		{"link-local", "[fe80::1%eth0]:1", "[fe80::2%eth1]:1", "[2001:db8::1]:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newBarrier()
			f := behind(t, small{
				limits: gate.Limits{Connections: 100, PerAddress: 2}, admit: gate.AdmissionConfig{Next: g},
				listen: from(row.one, row.again, row.again, row.other, row.one),
			})
			var held []net.Conn
			hold := func() {
				c := f.dial(t)
				held = append(held, c)
				if _, err := io.WriteString(c, nameless); err != nil {
					t.Fatal(err)
				}
				<-g.arrived
			}
			hold()
			hold()
			f.refuses(t, "a third of the address")
			hold() // of the other address
			if open, closed := read(t, f.connections.Readings(), "qkms_connections_open"), read(t, f.connections.Readings(), "qkms_connections_closed_total/address"); open != 3 || closed != 1 {
				t.Errorf("got %v connections open, %v closed; want 3 and 1", open, closed)
			}
			close(g.opened)
			for _, c := range held {
				_ = c.(*net.TCPConn).CloseWrite()
				gone(t, "one that says goodbye", c)
			}
			if _, err := ask(f.dial(t), nameless); err != nil {
				t.Errorf("once the others were gone: %v", err)
			}
		})
	}
}

// Whoever opens connections and sends nothing, from however many addresses, has them closed as others come; a client that
// keeps one between requests keeps it.
func TestIdleFlood(t *testing.T) {
	const room = 8
	f := behind(t, small{limits: gate.Limits{Connections: room, PerAddress: room}})
	client := f.dial(t)
	for range 10 {
		if _, err := ask(client, nameless); err != nil {
			t.Fatalf("a client in good standing: %v", err)
		}
		for range 2 * room {
			_, _ = f.knock(t) // and may be closed before it knows
		}
		f.answers(t)
	}
	if open := read(t, f.connections.Readings(), "qkms_connections_open"); open > room {
		t.Errorf("got %v connections open, want no more than %d", open, room)
	}
}

// Connections with a request under way are nobody's to close: what is too many is the new one. When requests end there
// is room again.
func TestRequestsUnderWayAreKept(t *testing.T) {
	const room = 4
	g := newBarrier()
	f := behind(t, small{limits: gate.Limits{Connections: room, PerAddress: room}, admit: gate.AdmissionConfig{Next: g}})
	var answers sync.WaitGroup
	for range room {
		c := f.dial(t)
		answers.Go(func() {
			if got, err := ask(c, nameless); got != http.StatusNoContent {
				t.Errorf("got %d, %v, want an answer", got, err)
			}
		})
		<-g.arrived
	}
	for range 3 * room {
		f.refuses(t, "one too many")
	}
	close(g.opened)
	answers.Wait()
	for answered := 0; answered < 3*room; { // in the places of those that are idle now
		if c, err := f.knock(t); err == nil {
			if got, _ := ask(c, nameless); got == http.StatusNoContent {
				answered++
			}
		}
	}
}

// Handshakes that nobody finishes hold a quarter of the connections at most, and end by themselves.
func TestHalfOpenTLS(t *testing.T) {
	const room = 16
	f := behind(t, small{
		tls: true, limits: gate.Limits{Connections: room, PerAddress: room},
		http: func(s *http.Server) { s.ReadHeaderTimeout = 2 * time.Second },
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" // of a record of 512 bytes
	for i := range 3 * room {
		if c, err := f.knock(t); err == nil && i%2 == 0 {
			_, _ = io.WriteString(c, hello) // unless it is closed already
		}
		if i%room == 0 {
			res, err := client.Post("https://"+f.address, "application/x-amz-json-1.1", strings.NewReader("{}"))
			if err != nil {
				t.Fatalf("a client beside half-open handshakes: %v", err)
			}
			_ = res.Body.Close()
		}
	}
	if open := read(t, f.connections.Readings(), "qkms_connections_open"); open > room/4+1 {
		t.Errorf("got %v connections held by handshakes, want a quarter of %d", open, room)
	}
	c := f.dial(t)
	if _, err := io.WriteString(c, hello); err != nil {
		t.Fatal(err)
	}
	gone(t, "a handshake left open", c)
}

// A process that may have few files open has few connections.
func TestConnectionsLeaveFilesForOthers(t *testing.T) {
	if got := gate.NewConnections(gate.Limits{Connections: 1 << 30}).Limits(); got.Connections >= 1<<30 || got.PerAddress > got.Connections {
		t.Errorf("got limits %+v, want some of what the process may have open", got)
	}
	if got := gate.NewConnections(gate.Limits{Connections: 10}).Limits(); got.PerAddress != 3 {
		t.Errorf("got a share of %d of 10, want a quarter, 3", got.PerAddress)
	}
}
