package sink_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
)

// Messages are what a syslog receiver of the test took.
type messages struct {
	mu  sync.Mutex
	got []string
}

func (m *messages) add(s string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, s)
}

func (m *messages) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

func (m *messages) packets(conn net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		m.add(string(buf[:n]))
	}
}

// streams reads frames with their lengths in front; each connection ends after some, and the listener
// goes on.
func (m *messages) streams(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for r := bufio.NewReader(conn); ; {
				digits, err := r.ReadString(' ')
				if err != nil {
					return
				}
				n, err := strconv.Atoi(strings.TrimSuffix(digits, " "))
				if err != nil {
					m.add("not a length: " + digits)
					return
				}
				b := make([]byte, n)
				if _, err := io.ReadFull(r, b); err != nil {
					return
				}
				m.add(string(b))
			}
		}()
	}
}

// message is RFC 5424 §6 as far as it is used here.
var message = regexp.MustCompile(`^<(109|110)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) [!-~]+ qkms \d+ ([!-~]{1,32}) - (\{.*\})$`)

func TestSyslogOverEverySocket(t *testing.T) {
	pair := httptest.NewTLSServer(nil)
	defer pair.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	packets := func(t *testing.T, m *messages, network, address string) string {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		go m.packets(conn)
		return conn.LocalAddr().String()
	}
	stream := func(t *testing.T, m *messages, network, address string, config *tls.Config) string {
		ln, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		if config != nil {
			ln = tls.NewListener(ln, config)
		}
		go m.streams(ln)
		return ln.Addr().String()
	}
	socket := func(t *testing.T) string { // short: a socket's path has 108 bytes
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return filepath.Join(dir, "log")
	}
	for name, url := range map[string]func(*testing.T, *messages) string{
		"unix datagrams": func(t *testing.T, m *messages) string { return "syslog://" + packets(t, m, "unixgram", socket(t)) },
		"unix stream":    func(t *testing.T, m *messages) string { return "syslog://" + stream(t, m, "unix", socket(t), nil) },
		"UDP":            func(t *testing.T, m *messages) string { return "syslog+udp://" + packets(t, m, "udp", "127.0.0.1:0") },
		"TCP": func(t *testing.T, m *messages) string {
			return "syslog+tcp://" + stream(t, m, "tcp", "127.0.0.1:0", nil)
		},
		"TLS": func(t *testing.T, m *messages) string {
			return "syslog+tls://" + stream(t, m, "tcp", "127.0.0.1:0", pair.TLS) + "?ca-file=" + ca
		},
	} {
		t.Run(name, func(t *testing.T) {
			var m messages
			l := openLog(t, t.TempDir(), audit.Config{})
			want := add(t, l, 9)
			start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, url(t, &m), nil)}})
			until(t, "all messages are there", func() bool { return len(m.all()) == len(want) })
			for i, got := range m.all() {
				parts := message.FindStringSubmatch(got)
				if parts == nil {
					t.Fatalf("got %q, want a message of RFC 5424", got)
				}
				priority := "110"
				if i%3 == 1 {
					priority = "109"
				}
				var e struct{ EventID, EventName, EventTime string }
				if err := json.Unmarshal([]byte(parts[4]), &e); err != nil {
					t.Fatal(err)
				}
				if parts[1] != priority || parts[2] != e.EventTime || parts[3] != e.EventName || e.EventID != want[i] {
					t.Errorf("got %q, want priority %s, record %s and its time and name", got, priority, want[i])
				}
			}
		})
	}
}

// A receiver that cuts a message makes of a record something that is no JSON.
func TestSyslogLeavesOutWhatIsTooLong(t *testing.T) {
	var m messages
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go m.packets(conn)
	l := openLog(t, t.TempDir(), audit.Config{})
	r := &audit.Record{EventName: "CreateKey", ErrorCode: "LimitExceededException", Request: audit.Detail{audit.String("description", strings.Repeat("x", 8192))}}
	if err := l.AppendDurable(r); err != nil {
		t.Fatal(err)
	}
	start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, "syslog+udp://"+conn.LocalAddr().String()+"?max=2048", nil)}})
	until(t, "the message is there", func() bool { return len(m.all()) == 1 })
	parts := message.FindStringSubmatch(m.all()[0])
	if parts == nil || len(parts[0]) > 2048 {
		t.Fatalf("got %q", m.all()[0])
	}
	var e struct{ EventID, EventName, ErrorCode, Omitted string }
	if err := json.Unmarshal([]byte(parts[4]), &e); err != nil || e.EventID != r.EventID || e.EventName != "CreateKey" || e.ErrorCode != r.ErrorCode || !strings.HasSuffix(e.Omitted, " bytes") {
		t.Errorf("got %s, %v, want the frame of the record", parts[4], err)
	}
}

// After the other side hung up a new connection is made, before anything is written into the dead one.
func TestSyslogConnectsAgain(t *testing.T) {
	var m messages
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	conns := make(chan net.Conn, 8)
	accept := func(ln net.Listener) {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}
	go accept(ln)
	l := openLog(t, t.TempDir(), audit.Config{})
	s, _ := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, "syslog+tcp://"+address, nil)}})
	add(t, l, 1)
	until(t, "the first is sent", func() bool { return s.Status()[0].Behind == 0 && !s.Status()[0].LastSuccess.IsZero() })
	ln.Close()
	(<-conns).Close()
	failures := s.Status()[0].Failures
	until(t, "the receiver is missed", func() bool {
		add(t, l, 1)
		return s.Status()[0].Failures > failures
	})
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	go m.streams(again)
	want := add(t, l, 5)
	until(t, "the last are there", func() bool {
		got := m.all()
		return len(got) >= 5 && strings.Contains(got[len(got)-1], want[4])
	})
}
