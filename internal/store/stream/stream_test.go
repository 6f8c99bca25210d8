package stream_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"qkms/internal/store"
	"qkms/internal/store/stream"
)

// written is a stream as docs/formats/backup.md §1 has it, made by hand.
func written(records ...string) []byte {
	b := append([]byte("QKMSBKUP"), 0, 0, 0, 1, 0, 0, 0, store.Shards, 0, 0, 0, 0, 0, 0, 0, 7)
	for shard := range store.Shards {
		b = binary.BigEndian.AppendUint64(b, uint64(shard))
		link := strings.Repeat("l", shard%3)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(link))), link...)
	}
	for _, r := range records {
		b = append(b, r...)
	}
	sum := sha256.Sum256(b)
	b = binary.BigEndian.AppendUint64(append(b, 0), uint64(len(records)))
	return append(b, sum[:]...)
}

func record(shard uint32, ver uint64, key, body string) string {
	b := binary.BigEndian.AppendUint32([]byte{1}, shard)
	b = binary.BigEndian.AppendUint64(b, ver)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(key))), key...)
	return string(append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...))
}

var good = written(record(0, 1, "a", "A"), record(1<<32-1, 9, "b", ""), record(63, 1<<63-1, "c", "C"))

// read returns the records as text.
func read(in io.Reader) ([]string, *stream.Reader, error) {
	r, err := stream.New(in)
	if err != nil {
		return nil, nil, err
	}
	var all []string
	for p, err := range r.Snapshot().Records {
		if err != nil {
			return all, r, err
		}
		all = append(all, fmt.Sprintf("%d/%s@%d=%s", p.Shard, p.Key, p.Ver, p.Body))
	}
	return all, r, nil
}

func TestReadsWhatIsThere(t *testing.T) {
	got, r, err := read(iotest.OneByteReader(bytes.NewReader(good)))
	if want := []string{"0/a@1=A", "-1/b@9=", "63/c@9223372036854775807=C"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	m, whole := r.Manifest()
	if !whole || m.Records != 3 || m.Bytes != int64(len(good)) || m.Heads.Epoch != 7 || m.Heads.Revs[63] != 63 {
		t.Errorf("got %+v, %v", m, whole)
	}
	if s := r.Snapshot(); string(s.Links[2]) != "ll" || s.Links[3] != nil {
		t.Errorf("got links %q and %q, want two letters and none", s.Links[2], s.Links[3])
	}
}

func TestRefusesWhatIsNot(t *testing.T) {
	long := strings.Repeat("k", store.MaxKey+1)
	for name, tc := range map[string]struct {
		stream []byte
		want   string
	}{
		"another file":      {[]byte("SQLite format 3\x00 and more of it"), "at byte 0: this is no backup"},
		"nothing":           {nil, "at byte 0: the file is cut short"},
		"a newer format":    {slices.Replace(slices.Clone(good), 11, 12, 2), "at byte 8: format 2"},
		"other shards":      {slices.Replace(slices.Clone(good), 15, 16, 65), "at byte 12: the store had 65 shards"},
		"epoch 0":           {slices.Replace(slices.Clone(good), 23, 24, 0), "at byte 16: an epoch"},
		"a long link":       {slices.Replace(slices.Clone(good), 32, 33, 1), "at byte 32: a link of"},
		"a strange tag":     {written("\x02"), "neither a record"},
		"shard 64":          {written(record(64, 1, "a", "")), "a record of shard 64"},
		"version 0":         {written(record(0, 0, "a", "")), "a version that none has"},
		"version of 64 bit": {written(record(0, 1<<63, "a", "")), "a version that none has"},
		"no key":            {written(record(0, 1, "", "")), "a key of 0 bytes"},
		"a long key":        {written(record(0, 1, long, "")), "a key of 1001 bytes"},
		"a long body":       {written(record(0, 1, "a", strings.Repeat("b", store.MaxTxn+1))), "a body of 1048577 bytes"},
		"out of order":      {written(record(0, 1, "b", ""), record(0, 1, "a", "")), "out of order"},
		"twice":             {written(record(0, 1, "a", ""), record(0, 1, "a", "")), "out of order"},
		"a wrong count":     {slices.Replace(slices.Clone(good), len(good)-33, len(good)-32, 2), "3 records are there, the trailer says 2"},
		"a flipped bit":     {slices.Replace(slices.Clone(good), len(good)-42, len(good)-41, 'D'), "its SHA-256 is another"},
	} {
		t.Run(name, func(t *testing.T) {
			_, r, err := read(bytes.NewReader(tc.stream))
			var where *stream.Error
			if !errors.As(err, &where) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got error %v, want one that says %q", err, tc.want)
			}
			if r != nil {
				if _, whole := r.Manifest(); whole {
					t.Error("what is damaged has a manifest")
				}
			}
		})
	}
}

func TestEveryCutIsFound(t *testing.T) {
	for n := range good {
		_, _, err := read(bytes.NewReader(good[:n]))
		var where *stream.Error
		if !errors.As(err, &where) || where.At != int64(n) {
			t.Fatalf("cut at byte %d: got error %v", n, err)
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	for bit := range 8 * len(good) {
		b := slices.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, _, err := read(bytes.NewReader(b)); err == nil {
			t.Fatalf("bit %d of byte %d was flipped and nobody noticed", bit%8, bit/8)
		}
	}
}

func TestFailureOfTheDiskIsNoDamage(t *testing.T) {
	broken := errors.New("disk on fire")
	_, _, err := read(io.MultiReader(bytes.NewReader(good[:100]), iotest.ErrReader(broken)))
	var where *stream.Error
	if !errors.Is(err, broken) || errors.As(err, &where) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}

// Whatever the bytes are: no panic, no record beyond the limits, and what has a manifest is what it says.
func FuzzReader(f *testing.F) {
	f.Add(good)
	f.Add(written())
	f.Add(good[:len(good)/2])
	f.Add(written(record(5, 3, "k\x00\x01", "body")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := stream.New(bytes.NewReader(b))
		if err != nil {
			return
		}
		n, failed := 0, false
		for p, err := range r.Snapshot().Records {
			if failed = err != nil; failed {
				break
			}
			if n++; len(p.Key) == 0 || len(p.Key) > store.MaxKey || len(p.Body) > store.MaxTxn || p.Ver == 0 || p.Shard < store.Loose || p.Shard >= store.Shards {
				t.Fatalf("got a record that no store takes: shard %d, %d bytes of key, version %d", p.Shard, len(p.Key), p.Ver)
			}
		}
		if m, whole := r.Manifest(); whole == failed || whole && (m.Records != n || m.Bytes > int64(len(b))) {
			t.Fatalf("got manifest %+v (%v) of %d records, failed: %v", m, whole, n, failed)
		}
	})
}
