package link_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"qkms/faults/link"
)

// echo is a server that says back every line.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

type caller struct {
	*testing.T
	conn  net.Conn
	lines chan string // what came back; closed at the end of the connection
}

func call(t *testing.T, address string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &caller{t, conn, make(chan string)}
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	return c
}

func (c *caller) say(line string) {
	c.Helper()
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		c.Fatal(err)
	}
}

func (c *caller) hear(want string) {
	c.Helper()
	if got := <-c.lines; got != want {
		c.Errorf("got %q, want %q", got, want)
	}
}

// A cut is not noticed by who is cut off, and nothing is lost by it.
func TestCut(t *testing.T) {
	l := link.New(t, echo(t))
	c := call(t, l.Address)
	c.say("before")
	c.hear("before")
	l.Cut()
	c.say("meanwhile")
	second := call(t, l.Address) // seems to come about
	second.say("later")
	select {
	case got, open := <-c.lines:
		t.Errorf("got %q, %v through a cut", got, open)
	case got, open := <-second.lines:
		t.Errorf("got %q, %v through a cut", got, open)
	case <-time.After(50 * time.Millisecond): // long enough for one that does not cut to fail now and then
	}
	l.Mend()
	c.hear("meanwhile")
	second.hear("later")
}

// Refused are those that are connected, and those that come.
func TestRefuse(t *testing.T) {
	l := link.New(t, echo(t))
	c := call(t, l.Address)
	l.Delay(time.Hour)
	c.say("under way")
	l.Refuse()
	l.Delay(0)
	c.hear("")
	if conn, err := net.Dial("tcp", l.Address); err == nil { // or was reset at once
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("somebody answers on a link that refuses")
		}
	}
	l.Mend()
	again := call(t, l.Address)
	again.say("again")
	again.hear("again")
}

func TestDelay(t *testing.T) {
	l := link.New(t, echo(t))
	c := call(t, l.Address)
	const delay = 100 * time.Millisecond
	l.Delay(delay)
	sent := time.Now()
	c.say("slow")
	c.hear("slow")
	if took := time.Since(sent); took < 2*delay {
		t.Errorf("there and back took %v, want %v at least", took, 2*delay)
	}
}

// The end of a connection travels like what was sent before it.
func TestEnd(t *testing.T) {
	l := link.New(t, echo(t))
	c := call(t, l.Address)
	c.say("last")
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.hear("last")
	c.hear("")
}
