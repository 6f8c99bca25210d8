package gate_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"testing"
	"time"

	"qkms/internal/gate"
)

// Frames of HTTP/2 (RFC 9113 §6), their flags, and what ends a connection.
const (
	frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameContinuation = 1, 3, 4, 6, 7, 9

	endStream, endHeaders = 1, 4

	enhanceYourCalm = 11
)

// A peer speaks HTTP/2 as it likes.
type peer struct {
	*tls.Conn
	t *testing.T
}

// hello opens a connection and says what a client says first.
func (f *front) hello(t *testing.T) *peer {
	t.Helper()
	c := tls.Client(f.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	p := &peer{c, t}
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.send(frameSettings, 0, 0, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	return append(binary.BigEndian.AppendUint32([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, stream), payload...)
}

func (p *peer) send(kind, flags byte, stream uint32, payload []byte) error {
	_, err := p.Write(frame(kind, flags, stream, payload))
	return err
}

// h2Request is the header of a POST to / as HPACK has it from its static table (RFC 7541 Appendix A).
var h2Request = []byte{0x83, 0x84, 0x87, 0x01, 3, 'k', 'm', 's'}

// next reads a frame.
func (p *peer) next() (kind byte, stream uint32, payload []byte, err error) {
	var h [9]byte
	if _, err = io.ReadFull(p, h[:]); err != nil {
		return 0, 0, nil, err
	}
	payload = make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
	_, err = io.ReadFull(p, payload)
	return h[3], binary.BigEndian.Uint32(h[5:]), payload, err
}

// ends reads until the server ends the connection, and returns the reason that it gives: 0 when it gives none.
func (p *peer) ends() (reason uint32) {
	p.t.Helper()
	for {
		kind, _, payload, err := p.next()
		if e, is := errors.AsType[interface {
			error
			Timeout() bool
		}](err); is && e.Timeout() {
			p.t.Fatal("got a connection that stays, want it ended")
		}
		if err != nil {
			return reason
		}
		if kind == frameGoAway {
			reason = binary.BigEndian.Uint32(payload[4:])
		}
	}
}

// modern is a client that speaks HTTP/2 as it should.
func modern() *http.Client {
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP2(true)
	return &http.Client{Transport: t, Timeout: 10 * time.Second}
}

func (f *front) answersModern(t *testing.T) {
	t.Helper()
	c := modern()
	defer c.CloseIdleConnections()
	res, err := c.Post("https://"+f.address, "application/x-amz-json-1.1", bytes.NewReader([]byte("{}")))
	if err != nil {
		t.Fatalf("a client beside the attacker: %v", err)
	}
	_ = res.Body.Close()
}

// A client hears what it may do before it does anything.
func TestHTTP2Settings(t *testing.T) {
	f := behind(t, small{tls: true})
	p := f.hello(t)
	kind, _, payload, err := p.next()
	if err != nil || kind != frameSettings {
		t.Fatalf("got frame %d, %v, want SETTINGS", kind, err)
	}
	got := map[uint16]uint32{}
	for ; len(payload) >= 6; payload = payload[6:] {
		got[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
	}
	want := map[uint16]uint32{3: 100, 4: 64 << 10, 5: 16 << 10, 6: got[6]} // streams, window, frame, header list
	if got[6] == 0 || got[6] > 80<<10 {
		t.Errorf("got headers of %d bytes allowed, want about 64 KiB", got[6])
	}
	delete(got, 1) // the header table, left out when it is as large as at first
	if delete(got, 9); !maps.Equal(got, want) {
		t.Errorf("got settings %v, want %v", got, want)
	}
}

// Streams that are opened and reset at once (CVE-2023-44487) start no more handlers than may run, and a client that goes on
// so loses its connection.
func TestRapidReset(t *testing.T) {
	g := newBarrier()
	f := behind(t, small{tls: true, admit: gate.AdmissionConfig{Next: g}, limits: gate.Limits{Connections: 1000, PerAddress: 1000}})
	p := f.hello(t)
	go func() {
		for stream := uint32(1); stream < 20_000; stream += 2 {
			flood := append(frame(frameHeaders, endStream|endHeaders, stream, h2Request), frame(frameReset, 0, stream, []byte{0, 0, 0, 8})...)
			if _, err := p.Write(flood); err != nil {
				return
			}
		}
	}()
	if got := p.ends(); got != enhanceYourCalm {
		t.Errorf("got the connection ended for reason %d, want %d", got, enhanceYourCalm)
	}
	if got := len(g.arrived); got > 100 {
		t.Errorf("got %d requests of one connection under way, want no more than 100", got)
	}
	close(g.opened)
	f.answersModern(t)
}

// A header that goes on in CONTINUATION frames for ever (CVE-2023-45288) ends the connection.
func TestContinuationFlood(t *testing.T) {
	f := behind(t, small{tls: true})
	p := f.hello(t)
	sent := make(chan int)
	go func() {
		n := 0
		defer func() { sent <- n }()
		if p.send(frameHeaders, 0, 1, h2Request) != nil {
			return
		}
		one := append([]byte{0x00, 1, 'a', 100}, bytes.Repeat([]byte("b"), 100)...)
		for ; n < 100_000; n++ {
			if p.send(frameContinuation, 0, 1, bytes.Repeat(one, 100)) != nil {
				return
			}
		}
	}()
	p.ends()
	_ = p.Close()
	if n := <-sent; n == 100_000 {
		t.Errorf("got %d frames of one header taken, want the connection ended", n)
	}
	f.answersModern(t)
}

// Pings whose answers nobody reads (CVE-2019-9512) end the connection.
func TestPingFlood(t *testing.T) {
	f := behind(t, small{tls: true, listen: func(ln net.Listener) net.Listener { return narrow{ln} }})
	p := f.hello(t)
	many := bytes.Repeat(frame(framePing, 0, 0, make([]byte, 8)), 1000)
	for range 10_000 {
		if _, err := p.Write(many); err != nil {
			f.answersModern(t)
			return
		}
	}
	t.Error("got ten million pings taken without an answer read, want the connection ended")
}

// A stream is as good as a connection to who wants to keep the server busy: it counts as one, in its address's share.
func TestStreamsCountAsConnections(t *testing.T) {
	g := newBarrier()
	f := behind(t, small{tls: true, admit: gate.AdmissionConfig{Next: g}, limits: gate.Limits{Connections: 40, PerAddress: 10}})
	p := f.hello(t)
	for i := range 30 {
		if err := p.send(frameHeaders, endStream|endHeaders, uint32(2*i+1), h2Request); err != nil {
			t.Fatal(err)
		}
	}
	for reset := 0; reset < 20; {
		kind, _, _, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == frameReset {
			reset++
		}
	}
	for range 10 {
		<-g.arrived
	}
	if got := read(t, f.admission.Readings(), "qkms_streams_dropped_total"); got != 20 {
		t.Errorf("got %v streams dropped, want 20 of 30", got)
	}
	close(g.opened)
	for answered := 0; answered < 10; {
		kind, _, _, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == frameHeaders {
			answered++
		}
	}
	f.answersModern(t)
}
