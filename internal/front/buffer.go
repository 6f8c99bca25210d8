package front

import "sync"

// Bytes that come and go may be plaintexts and data keys. A buffer is wiped before another connection may have it, and when
// it is outgrown. What crypto/tls and the kernel keep is out of our reach.

const (
	small = 4 << 10  // of each connection, as net/http has it
	large = 16 << 10 // the largest request that is served here, header and body
)

var larges = sync.Pool{New: func() any { return new([large]byte) }}

// An output is an answer while it is made.
type output struct {
	head []byte
	body []byte // from room on
}

// room is what is left free for the head in front of the body, so that both leave in one write.
const room = 1 << 10

const (
	bodySize = 8 << 10  // to begin with: any answer with a key but that of GenerateDataKeyPair
	keptSize = 64 << 10 // of larger ones the memory is given back
)

var outputs = sync.Pool{New: func() any { return &output{make([]byte, 0, room), make([]byte, room, bodySize)} }}

// write appends p to the body.
func (o *output) write(p []byte) {
	if need := len(o.body) + len(p); need > cap(o.body) {
		grown := append(make([]byte, 0, max(need, 2*cap(o.body))), o.body...)
		clear(o.body)
		o.body = grown
	}
	o.body = append(o.body, p...)
}

func (o *output) release() {
	clear(o.body)
	clear(o.head)
	if cap(o.body) > keptSize || cap(o.head) > room {
		return
	}
	o.head, o.body = o.head[:0], o.body[:room]
	outputs.Put(o)
}
