// Package stream is the engine-neutral backup of a store (docs/formats/backup.md §1): any engine can be filled from it.
//
// A Writer writes one, a Reader reads it. A stream that is read comes from a disk that anybody may have written to. Nothing is believed before its limits
// were checked, and nothing is kept but the record at hand, so a hostile stream costs its own length.
package stream

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"math"

	"qkms/internal/store"
)

const (
	magic, version = "QKMSBKUP", 1

	maxLink = 1024 // bytes; ours have 32
)

// An Error says where a stream is not as its format wants it.
type Error struct {
	At   int64 // bytes from the beginning
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.At, e.What) }

// A Reader reads one stream: its heads when it is made, its records as they are asked for.
type Reader struct {
	in       *bufio.Reader
	digest   hash.Hash
	at       int64 // of the next byte
	manifest store.Manifest
	links    [store.Shards][]byte
	last     []byte // key
	whole    bool
}

// New reads the beginning of a stream. If in is a *bufio.Reader of 64 KiB or more, it stands right behind
// the stream once the records were read. Damage is an *Error, and so is an early end; other errors are in's.
func New(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 1<<16), digest: sha256.New()}
	head, err := r.take(nil, 24, "the header")
	if err != nil {
		return nil, err
	}
	switch v, shards := binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:]); {
	case string(head[:8]) != magic:
		return nil, &Error{0, "this is no backup of a QKMS store"}
	case v != version:
		return nil, &Error{8, fmt.Sprintf("format %d is not known to this program, which knows %d: use a newer one", v, version)}
	case shards != store.Shards:
		return nil, &Error{12, fmt.Sprintf("the store had %d shards, this program needs %d", shards, store.Shards)}
	}
	if r.manifest.Heads.Epoch = binary.BigEndian.Uint64(head[16:]); r.manifest.Heads.Epoch-1 >= math.MaxInt64-1 {
		return nil, &Error{16, "an epoch that no store has"}
	}
	for shard := range store.Shards {
		if err := r.head(shard); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Reader) head(shard int) error {
	at := r.at
	b, err := r.take(nil, 12, "a head")
	if err != nil {
		return err
	}
	rev, size := binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])
	switch {
	case rev > math.MaxInt64:
		return &Error{at, "a revision of more than 63 bits"}
	case size > maxLink:
		return &Error{at + 8, fmt.Sprintf("a link of %d bytes", size)}
	}
	r.manifest.Heads.Revs[shard] = rev
	if size > 0 {
		r.links[shard], err = r.take(nil, int(size), "a link")
	}
	return err
}

// Snapshot is the stream as an engine loads it; its records can be read once. They end without an error
// only behind a whole trailer that says what was read.
func (r *Reader) Snapshot() store.Snapshot {
	return store.Snapshot{Heads: r.manifest.Heads, Links: r.links, Records: r.records()}
}

// Manifest says what the stream held, once all records were read without an error; false until then.
func (r *Reader) Manifest() (store.Manifest, bool) { return r.manifest, r.whole }

// At is how many bytes were read.
func (r *Reader) At() int64 { return r.at }

func (r *Reader) records() iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		var p store.Placed
		for {
			more, err := r.next(&p)
			if err != nil {
				yield(store.Placed{}, err)
				return
			}
			if !more || !yield(p, nil) {
				return
			}
		}
	}
}

// next reads a record into p, or the trailer: more is false then.
func (r *Reader) next(p *store.Placed) (more bool, err error) {
	at := r.at
	tag, err := r.in.ReadByte()
	if err != nil {
		return false, r.cut(at, err, "a record or the trailer")
	}
	switch tag {
	case 0:
		return false, r.trailer()
	case 1:
		r.digest.Write([]byte{tag})
		r.at++
		return true, r.record(at, p)
	}
	return false, &Error{at, fmt.Sprintf("neither a record nor the trailer begins with %d", tag)}
}

func (r *Reader) record(at int64, p *store.Placed) error {
	b, err := r.take(nil, 16, "a record")
	if err != nil {
		return err
	}
	shard, ver, size := binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint32(b[12:])
	switch {
	case shard >= store.Shards && shard != math.MaxUint32:
		return &Error{at, fmt.Sprintf("a record of shard %d", shard)}
	case ver == 0 || ver > math.MaxInt64:
		return &Error{at, "a record of a version that none has"}
	case size == 0 || size > store.MaxKey:
		return &Error{at, fmt.Sprintf("a key of %d bytes", size)}
	}
	p.Shard, p.Ver = int(int32(shard)), ver
	if p.Key, err = r.take(p.Key[:0], int(size), "a key"); err != nil {
		return err
	}
	if r.last != nil && bytes.Compare(r.last, p.Key) >= 0 {
		return &Error{at, "a record out of order"}
	}
	r.last = append(r.last[:0], p.Key...)
	if b, err = r.take(b[:0], 4, "a record"); err != nil {
		return err
	}
	if size = binary.BigEndian.Uint32(b); size > store.MaxTxn {
		return &Error{at, fmt.Sprintf("a body of %d bytes", size)}
	}
	r.manifest.Records++
	p.Body, err = r.take(p.Body[:0], int(size), "a body")
	return err
}

// trailer is read without being hashed: it says what the hash must be. Its own tag is before r.at.
func (r *Reader) trailer() error {
	at := r.at
	sum := r.digest.Sum(nil)
	b := make([]byte, 40)
	if n, err := io.ReadFull(r.in, b); err != nil {
		return r.cut(at+1+int64(n), err, "the trailer")
	}
	r.at += 41
	if n := binary.BigEndian.Uint64(b); n != uint64(r.manifest.Records) {
		return &Error{at, fmt.Sprintf("%d records are there, the trailer says %d", r.manifest.Records, n)}
	}
	if !bytes.Equal(b[8:], sum) {
		return &Error{at, "what was read is not what was written: its SHA-256 is another than the trailer's"}
	}
	r.manifest.SHA256, r.manifest.Bytes, r.whole = [32]byte(sum), r.at, true
	return nil
}

// take reads n bytes that count, into dst if it has room. A length is at most 1 MiB here.
func (r *Reader) take(dst []byte, n int, what string) ([]byte, error) {
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	dst = dst[:n]
	got, err := io.ReadFull(r.in, dst)
	if err != nil {
		return nil, r.cut(r.at+int64(got), err, what)
	}
	r.digest.Write(dst)
	r.at += int64(n)
	return dst, nil
}

func (r *Reader) cut(at int64, err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{at, "the file is cut short, in " + what}
	}
	return fmt.Errorf("read at byte %d: %w", at, err)
}
