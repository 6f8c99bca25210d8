package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
)

// A Site is where requests go: HOST:PORT, in TLS unless TLS is nil.
type Site struct {
	Address string
	TLS     *tls.Config
}

// An Answer is what came back for a request.
type Answer struct {
	Status    int
	RequestID string
	Body      []byte // good until the next request on the same connection
}

// A conn sends requests over one HTTP/1.1 connection, and does as little as it can with the answers: what the client takes
// of the machine, the server cannot have. It dials when it has to: a server may close after each answer.
type conn struct {
	site Site
	net  net.Conn
	in   *bufio.Reader
	body []byte
}

func (c *conn) dial() error {
	n, err := net.Dial("tcp", c.site.Address)
	if err != nil {
		return err
	}
	if c.site.TLS != nil {
		n = tls.Client(n, c.site.TLS)
	}
	c.net, c.in = n, bufio.NewReaderSize(n, 32<<10)
	return nil
}

// do sends r and reads its answer. After an error the connection is closed.
func (c *conn) do(r *Request) (Answer, error) {
	if c.net == nil {
		if err := c.dial(); err != nil {
			return Answer{}, err
		}
	}
	_, err := c.net.Write(r.raw)
	if err != nil {
		c.close()
		return Answer{}, err
	}
	a, err := c.read()
	if err != nil {
		c.close()
	}
	return a, err
}

func (c *conn) close() {
	if c.net != nil {
		c.net.Close()
		c.net = nil
	}
}

// A head is what matters of the head of an answer.
type head struct {
	Answer
	length  int // -1: until the end of the connection
	chunked bool
	last    bool // on this connection
}

func (c *conn) read() (Answer, error) {
	h, err := c.readHead()
	if err != nil {
		return Answer{}, err
	}
	switch {
	case h.chunked:
		err = c.readChunks()
	case h.length < 0:
		h.last = true
		c.body, err = io.ReadAll(c.in)
	default:
		c.body = grow(c.body[:0], h.length)
		_, err = io.ReadFull(c.in, c.body)
	}
	if h.last {
		c.close()
	}
	h.Body = c.body
	return h.Answer, err
}

func (c *conn) readHead() (head, error) {
	h := head{length: -1}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return h, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return h, fmt.Errorf("no answer of HTTP/1: %q", line)
	}
	h.last = line[7] == '0'
	if h.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return h, err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return h, err
		}
		name, value, more := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		if !more {
			return h, nil
		}
		if err := h.field(name, value); err != nil {
			return h, err
		}
	}
}

func (h *head) field(name, value []byte) (err error) {
	switch {
	case is(name, "content-length"):
		h.length, err = strconv.Atoi(string(value))
	case is(name, "transfer-encoding"):
		h.chunked = is(value, "chunked")
	case is(name, "connection"):
		h.last = h.last || is(value, "close")
	case is(name, "x-amzn-requestid"):
		h.RequestID = string(value)
	}
	return err
}

// is compares without regard to case. The length decides nearly always.
func is(got []byte, want string) bool {
	return len(got) == len(want) && bytes.EqualFold(got, []byte(want))
}

func (c *conn) readChunks() error {
	for c.body = c.body[:0]; ; {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 24)
		if err != nil {
			return err
		}
		at := len(c.body)
		c.body = grow(c.body, int(n))
		if _, err := io.ReadFull(c.in, c.body[at:]); err != nil {
			return err
		}
		if _, err := c.in.Discard(2); err != nil || n == 0 {
			return err
		}
	}
}

// grow is b with n more bytes of whatever.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, 2*(len(b)+n)), b...)
	}
	return b[:len(b)+n]
}
