package postgres_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// A proxy stands between the engine and the server, and cuts connections where a test wants it.
type proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup

	// toServer and toClient see every piece that travels, and say what goes on. The connection is cut
	// after that if cut is true.
	toServer, toClient atomic.Pointer[func(piece []byte) (on []byte, cut bool)]

	mu    sync.Mutex
	conns []net.Conn // all there ever were; guarded by mu

	cancels atomic.Int32 // requests to cancel a query, which the engine must not make
}

// through starts a proxy for a store's URL, and returns the URL through it.
func through(t *testing.T, store string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.running.Wait()
	})
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.running.Go(func() { p.pump(server, client, &p.toServer) })
		p.running.Go(func() { p.pump(client, server, &p.toClient) })
	}
}

// cancelRequest is how a request to cancel begins, after its length: protocol 1234.5678.
var cancelRequest = []byte{0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e}

func (p *proxy) pump(to, from net.Conn, rule *atomic.Pointer[func([]byte) ([]byte, bool)]) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		piece, cut := buf[:n], false
		if bytes.HasPrefix(piece, cancelRequest) {
			p.cancels.Add(1)
		}
		if f := rule.Load(); f != nil {
			piece, cut = (*f)(piece)
		}
		if _, err := io.Copy(to, bytes.NewReader(piece)); err != nil || cut {
			return
		}
	}
}

// once is a rule for the first piece that contains word.
func once(word string, do func(piece []byte) (on []byte, cut bool)) *func([]byte) ([]byte, bool) {
	var used atomic.Bool
	rule := func(piece []byte) ([]byte, bool) {
		if bytes.Contains(piece, []byte(word)) && used.CompareAndSwap(false, true) {
			return do(piece)
		}
		return piece, false
	}
	return &rule
}

func cut([]byte) ([]byte, bool)            { return nil, true }
func cutAfter(piece []byte) ([]byte, bool) { return piece, true }

// sever ends every connection.
func (p *proxy) sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// direct is the URL without the proxy.
func (p *proxy) direct(t *testing.T, through string) string {
	t.Helper()
	u, err := url.Parse(through)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = p.server
	return u.String()
}
