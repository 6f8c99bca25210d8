package front

import (
	"errors"
	"os"
	"time"
)

// await returns true when something of a request is there.
//
// The deadline that is set may be an older one, which comes sooner, of a request or of the wait for it: then it is set
// anew. So a connection that is in use costs one such call in as long as it might be idle, and not one for each request.
func (c *conn) await() bool {
	for c.n == 0 {
		err := c.fill()
		if err == nil {
			break
		}
		if !late(err) || !c.until.IsZero() && !time.Now().Before(c.until) {
			return false
		}
		_ = c.net.SetReadDeadline(c.until)
	}
	return c.is.CompareAndSwap(idle, busy)
}

func late(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// fill reads what is there.
func (c *conn) fill() error {
	n, err := c.net.Read(c.buf[c.n:])
	c.n += n
	if n > 0 {
		return nil
	}
	return err
}

// maxPieces is in how many pieces a request may come here: who sends it drop by drop does not have it looked at with each.
const maxPieces = 16

// errEnough is that no more of a request is read here.
var errEnough = errors.New("front: large, or in many pieces")

// more waits for another piece of a request that has begun, for a second in all. What there is of it when there is no
// more is net/http's.
func (c *conn) more() error {
	if c.pieces == maxPieces || c.n == len(c.buf) && !c.enlarge() {
		return errEnough
	}
	if c.pieces++; c.pieces == 1 {
		_ = c.net.SetReadDeadline(time.Now().Add(c.front.rest))
	}
	return c.fill()
}

// next reads the request that has begun.
func (c *conn) next() verdict {
	c.pieces = 0
	if c.served {
		if v := c.settle(); v != whole {
			return v
		}
	}
	for {
		switch c.head.read(c.buf[:c.n]) {
		case foreign:
			return foreign
		case whole:
			return c.content()
		}
		if c.more() != nil {
			return foreign
		}
	}
}

// settle does what net/http does between requests, and would not do for one that it takes to be the first: it waits for four
// bytes, and ends the connection without a word if there are no more to come; of line ends among them it says nothing
// (RFC 9112 §2.2), but leaves what follows to net/http.
func (c *conn) settle() verdict {
	for c.n < 4 {
		switch err := c.more(); {
		case late(err):
			return foreign
		case err != nil:
			return none
		}
	}
	ends := 0
	for ends < 4 && (c.buf[ends] == '\r' || c.buf[ends] == '\n') {
		ends++
	}
	if ends == 0 {
		return whole
	}
	c.discard(ends)
	return foreign
}

// content reads the body, when the header is there.
func (c *conn) content() verdict {
	if !c.request.fill(&c.head, c.buf[:c.n]) {
		return foreign
	}
	size := c.head.size + c.request.length
	if size > large {
		return foreign
	}
	for c.n < size {
		if c.more() != nil {
			return foreign
		}
	}
	return whole
}

// enlarge takes a large buffer in place of the small one. It returns false if that is what there is.
func (c *conn) enlarge() bool {
	if len(c.buf) == large {
		return false
	}
	buf := larges.Get().(*[large]byte)
	copy(buf[:], c.buf[:c.n])
	clear(c.buf[:c.n])
	c.buf = buf[:]
	return true
}

// discard wipes the first n bytes, and takes what follows for the beginning of the next request.
func (c *conn) discard(n int) {
	old := c.buf
	if c.n-n <= small {
		c.buf = c.own[:]
	}
	rest := copy(c.buf, old[n:c.n])
	if len(old) == large && len(c.buf) == small {
		clear(old[:c.n])
		larges.Put((*[large]byte)(old))
	} else {
		clear(old[rest:c.n])
	}
	c.n = rest
}

// wipe is the end of the buffer.
func (c *conn) wipe() { c.discard(c.n) }
