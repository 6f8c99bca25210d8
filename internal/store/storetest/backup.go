package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"qkms/internal/store"
)

var backupTests = []subtest{
	{"HoldsEverything", func(f *fixture) {
		f.commit(store.Txn{Puts: []store.Put{put(1, "a", 1, "A"), put(store.Loose, "b", 2, "")}, Link: chain})
		f.touch(use("u", 9, "use"))
		heads := f.heads()
		got, m := f.backup()
		if want := []string{"a@1=A", "b@2=", "u@9=use"}; !slices.Equal(texts(got.records), want) {
			f.Errorf("got records %q, want %q", texts(got.records), want)
		}
		if want := []int{1, store.Loose, store.Loose}; !slices.Equal(got.shards, want) {
			f.Errorf("got shards %v, want %v", got.shards, want)
		}
		if got.heads != heads || m.Heads != heads {
			f.Errorf("got heads %v in the stream and %v in the manifest, want %v", got.heads, m.Heads, heads)
		}
		if want := chain(1, 1, nil, nil); !bytes.Equal(got.links[1], want) {
			f.Errorf("got link %x, want %x", got.links[1], want)
		}
	}},
	{"OfAnEmptyStore", func(f *fixture) {
		if got, m := f.backup(); len(got.records) != 0 || m.Records != 0 {
			f.Errorf("got %d records, want none", len(got.records))
		}
	}},
	{"IsOneSnapshotUnderWrites", func(f *fixture) {
		f.whileWriting(func() {
			got, _ := f.backup()
			// The version of both records of the pair is the revision of both of their shards.
			for _, r := range got.records {
				if r.Ver != got.heads.Revs[1] || r.Ver != got.heads.Revs[2] {
					f.Errorf("got %s@%d beside heads %d and %d", r.Key, r.Ver, got.heads.Revs[1], got.heads.Revs[2])
				}
			}
		})
	}},
	{"DoesNotStopWriters", func(f *fixture) {
		// More than any buffer holds, so that the backup is still reading when the commit happens.
		for i := range 4 {
			f.commit(puts(put(1, fmt.Sprint("large", i), 1, string(fill(1<<19)))))
		}
		var once atomic.Bool
		w := writerFunc(func(p []byte) (int, error) {
			if once.CompareAndSwap(false, true) {
				f.commit(puts(put(1, "meanwhile", 1, "")))
			}
			return len(p), nil
		})
		if m, err := f.Backup(f.ctx, w); err != nil || m.Records != 4 {
			f.Errorf("got %d records, %v, want 4", m.Records, err)
		}
		f.want("meanwhile", "meanwhile@1=")
	}},
	{"TellsOfAWriterThatFails", func(f *fixture) {
		broken := errors.New("tape torn")
		_, err := f.Backup(f.ctx, writerFunc(func([]byte) (int, error) { return 0, broken }))
		if !errors.Is(err, broken) {
			f.Errorf("got error %v, want %v", err, broken)
		}
	}},
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// backup takes a backup and reads it again, comparing stream and manifest.
func (f *fixture) backup() (snapshot, store.Manifest) {
	f.Helper()
	var b bytes.Buffer
	m, err := f.Backup(f.ctx, &b)
	if err != nil {
		f.Errorf("Backup: %v", err)
		return snapshot{}, m
	}
	stream := b.Bytes()
	if m.Bytes != int64(len(stream)) {
		f.Errorf("the manifest says %d bytes, the stream has %d", m.Bytes, len(stream))
	}
	s, err := readSnapshot(stream)
	if err != nil {
		f.Errorf("read the backup: %v", err)
		return s, m
	}
	if s.digest != m.SHA256 || len(s.records) != m.Records {
		f.Errorf("got %x and %d records, the manifest says %x and %d", s.digest, len(s.records), m.SHA256, m.Records)
	}
	return s, m
}

// A snapshot is what a backup stream says, read after the format's description and not with the
// code that writes it.
type snapshot struct {
	heads   store.Heads
	links   [store.Shards][]byte
	shards  []int
	records []store.Record
	digest  [32]byte
}

func readSnapshot(stream []byte) (s snapshot, err error) {
	defer func() { // a cut is an index out of range
		if r := recover(); r != nil {
			err = fmt.Errorf("the stream is cut short: %v", r)
		}
	}()
	in := cursor{rest: stream}
	if magic, version, shards := string(in.take(8)), in.u32(), in.u32(); magic != "QKMSBKUP" || version != 1 || shards != store.Shards {
		return s, fmt.Errorf("got header %q, version %d, %d shards", magic, version, shards)
	}
	s.heads.Epoch = in.u64()
	for shard := range store.Shards {
		s.heads.Revs[shard], s.links[shard] = in.u64(), in.string()
	}
	for in.rest[0] == 1 {
		in.take(1)
		s.shards = append(s.shards, int(int32(in.u32())))
		r := store.Record{Ver: in.u64(), Key: in.string(), Body: in.string()}
		s.records = append(s.records, r)
	}
	s.digest = sha256.Sum256(stream[:len(stream)-len(in.rest)])
	if end, n, sum := in.take(1)[0], in.u64(), in.take(32); end != 0 || n != uint64(len(s.records)) || !bytes.Equal(sum, s.digest[:]) || len(in.rest) != 0 {
		return s, fmt.Errorf("got trailer %d, %d records, digest %x, %d bytes beyond", end, n, sum, len(in.rest))
	}
	return s, nil
}

type cursor struct{ rest []byte }

func (c *cursor) take(n int) (b []byte) { b, c.rest = c.rest[:n], c.rest[n:]; return b }
func (c *cursor) u32() uint32           { return binary.BigEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64           { return binary.BigEndian.Uint64(c.take(8)) }
func (c *cursor) string() []byte        { return c.take(int(c.u32())) }
