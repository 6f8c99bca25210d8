package stream

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"qkms/internal/store"
)

// A Writer writes one stream: its heads, then its records in byte order of their keys, then its end. Errors of the
// io.Writer come with any later call, with Close at the latest.
type Writer struct {
	out      *bufio.Writer
	digest   hash.Hash
	manifest store.Manifest
	buf      []byte
}

// NewWriter returns a writer of a stream to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: bufio.NewWriterSize(w, 1<<16), digest: sha256.New()}
}

// Heads writes the header and where the change log of each shard ends.
func (w *Writer) Heads(h store.Heads, links [store.Shards][]byte) error {
	w.manifest.Heads = h
	w.buf = append(w.buf, magic...)
	w.u32(version)
	w.u32(store.Shards)
	w.u64(h.Epoch)
	for shard, rev := range h.Revs {
		w.u64(rev)
		w.bytes(links[shard])
	}
	return w.emit()
}

// Record writes one record. What p holds is not kept.
func (w *Writer) Record(p store.Placed) error {
	w.buf = append(w.buf, 1)
	w.u32(p.Shard)
	w.u64(p.Ver)
	w.bytes(p.Key)
	w.bytes(p.Body)
	w.manifest.Records++
	return w.emit()
}

// Close writes the trailer, without which a stream counts for nothing. It does not close the io.Writer.
func (w *Writer) Close() (store.Manifest, error) {
	w.digest.Sum(w.manifest.SHA256[:0])
	w.buf = append(w.buf, 0)
	w.u64(uint64(w.manifest.Records))
	w.buf = append(w.buf, w.manifest.SHA256[:]...)
	if err := w.emit(); err != nil {
		return store.Manifest{}, err
	}
	return w.manifest, w.out.Flush()
}

// emit writes what is in buf.
func (w *Writer) emit() error {
	w.digest.Write(w.buf)
	w.manifest.Bytes += int64(len(w.buf))
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *Writer) u32(n int)    { w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(n)) }
func (w *Writer) u64(n uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, n) }

func (w *Writer) bytes(s []byte) {
	w.u32(len(s))
	w.buf = append(w.buf, s...)
}
