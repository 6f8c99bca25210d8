package wire

import (
	"io"
	"sync"
)

// A buffer holds a body while it is read, or an answer while it is written. Both may hold plaintext, so it is wiped
// before the next one may see it, and so is what it leaves behind when it grows. The copies that net/http and TLS make
// are out of our reach.
type buffer struct{ bytes []byte }

// Sizes of buffers, in bytes. A large one is larger than any answer with a secret (GenerateDataKeyPair, 35 KiB with all
// members at the model's maxima), so that only long policies and lists outgrow it while they are written. A small one takes nearly
// every request; a larger body gets more when so much of it has come.
const (
	smallSize  = 4 << 10
	bufferSize = 64 << 10
)

var (
	small   = sync.Pool{New: func() any { return &buffer{make([]byte, 0, smallSize)} }}
	buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, bufferSize)} }}
)

// bufferOf returns an empty buffer of that size or more.
func bufferOf(size int) *buffer {
	switch {
	case size <= smallSize:
		return small.Get().(*buffer)
	case size <= bufferSize:
		return buffers.Get().(*buffer)
	}
	return &buffer{make([]byte, 0, size)}
}

// release wipes b; nobody may have it any more.
func (b *buffer) release() {
	clear(b.bytes)
	b.bytes = b.bytes[:0]
	switch cap(b.bytes) {
	case smallSize:
		small.Put(b)
	case bufferSize:
		buffers.Put(b)
	}
}

// fill reads r to its end, of size bytes, or as many as there are when size is negative.
func (b *buffer) fill(r io.Reader, size int64) error {
	for int64(len(b.bytes)) != size {
		if len(b.bytes) == cap(b.bytes) {
			b.grow()
		}
		room := b.bytes[len(b.bytes):cap(b.bytes)]
		if size >= 0 {
			room = room[:min(int64(len(room)), size-int64(len(b.bytes)))]
		}
		n, err := r.Read(room)
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case err == io.EOF && (size < 0 || int64(len(b.bytes)) == size):
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return nil
}

// grow gives b more room: 64 KiB, and from there on four times as much.
func (b *buffer) grow() {
	larger := bufferOf(max(bufferSize, 4*cap(b.bytes)))
	larger.bytes = append(larger.bytes, b.bytes...)
	b.bytes, larger.bytes = larger.bytes, b.bytes
	larger.release()
}
