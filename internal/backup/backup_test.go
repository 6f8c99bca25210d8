package backup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/backup"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
	"qkms/internal/store/stream"
)

func source(s *kmstest.Server) backup.Source {
	return backup.Source{Book: s.Book, Audit: s.Audit, Now: s.Clock.Now}
}

// rootKey opens what the server's root key opens.
func rootKey(s *kmstest.Server) backup.Terms {
	return backup.Terms{Open: func(state []byte) (*seal.Ring, error) {
		return seal.Open(context.Background(), state, seal.KeyFile(filepath.Join(s.Dir(), "root.key")))
	}}
}

func create(t *testing.T, s *kmstest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.backup")
	if _, err := backup.Create(t.Context(), source(s), path, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// read reads a backup into a new store that ends with the test.
func read(t *testing.T, path string, terms backup.Terms) (*backup.Copy, error) {
	t.Helper()
	c, err := backup.Read(t.Context(), path, filepath.Join(t.TempDir(), "scratch.db"), terms)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func TestHoldsWhatWasAcknowledgedBefore(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	var mu sync.Mutex
	var acknowledged []string
	ctx, stop := context.WithCancel(t.Context())
	begun := make(chan struct{}, 100_000)
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for ctx.Err() == nil {
				id := root.Must("CreateKey", "{}").String("KeyMetadata.KeyId")
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
				begun <- struct{}{}
			}
		})
	}
	for range 20 {
		<-begun
	}
	mu.Lock()
	before := slices.Clone(acknowledged)
	mu.Unlock()
	path := create(t, s)
	stop()
	writers.Wait()

	c, err := read(t, path, rootKey(s))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range before {
		k, _, err := record.Load[recordpb.Key](t.Context(), c.Book, record.OfKey(kmstest.Account, kmstest.Region, id))
		if err != nil || k == nil {
			t.Errorf("key %s, acknowledged before the backup began, is not in it: %v", id, err)
		}
	}
	if len(c.Report.Orphans) > 0 {
		t.Errorf("got materials without keys: %q", c.Report.Orphans)
	}
	if heads, err := c.Book.Engine().Renew(t.Context(), store.Node{ID: "test"}); err != nil || heads.Epoch != c.Manifest.Heads.Epoch+1 {
		t.Errorf("got epoch %d, %v, want one more than %d", heads.Epoch, err, c.Manifest.Heads.Epoch)
	}
}

func TestStatesItsPlaceInTheAuditLog(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	root.Must("CreateKey", "{}")
	all := s.Records()
	c, err := read(t, create(t, s), rootKey(s))
	if err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	if got := c.Statement; got.AuditNext != last.Seq+1 || got.AuditLast != sha256.Sum256(last.Line) || got.Store != s.Book.Ring().StoreID() || !got.At.Equal(s.Clock.Now().Truncate(time.Millisecond)) {
		t.Errorf("got statement %+v, want it after record %d", got, last.Seq)
	}
}

func TestNeverOverwrites(t *testing.T) {
	s := kmstest.New(t)
	path := filepath.Join(t.TempDir(), "mine")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Create(t.Context(), source(s), path, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want %v", err, fs.ErrExist)
	}
	if b, err := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("got %q, %v, want what was there", b, err)
	}
}

func TestDamageIsRefusedWithItsPlace(t *testing.T) {
	s := kmstest.New(t)
	s.As(kmstest.Account).Must("CreateKey", "{}")
	good, err := os.ReadFile(create(t, s))
	if err != nil {
		t.Fatal(err)
	}
	stranger := kmstest.New(t)
	for name, tc := range map[string]struct {
		file  []byte
		terms backup.Terms
		want  string
	}{
		"cut in a record":           {good[:2000], rootKey(s), "at byte 2000: the file is cut short"},
		"cut in the statement":      {good[:len(good)-1], rootKey(s), fmt.Sprintf("at byte %d: the file is cut short", len(good)-1)},
		"without its statement":     {good[:len(good)-108], rootKey(s), "in the statement at its end"},
		"longer":                    {append(slices.Clone(good), 0), rootKey(s), fmt.Sprintf("at byte %d: something stands behind", len(good))},
		"a flipped bit in a body":   {flip(good, 3000), rootKey(s), "SHA-256"},
		"a flipped bit in the time": {flip(good, len(good)-75), rootKey(s), "not written by the store"},
		"a flipped bit in the MAC":  {flip(good, len(good)-1), rootKey(s), "not written by the store"},
		"somebody else's root key":  {good, rootKey(stranger), "another root key"},
		"no backup":                 {[]byte(strings.Repeat("x", 100)), rootKey(s), "at byte 0: this is no backup"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "b")
			if err := os.WriteFile(path, tc.file, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := read(t, path, tc.terms); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 4
	return b
}

// Who may write where backups are kept can make the stream's digest. They leave out the record that says
// that an access key is disabled, or put it back from an older backup.
func TestAStreamPutTogetherByOthersIsRefused(t *testing.T) {
	s := kmstest.New(t)
	s.As(kmstest.Account).Must("CreateKey", "{}")
	path := create(t, s)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, without(t, good, "uk\x00\x01"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, path, rootKey(s)); !errors.Is(err, backup.ErrForged) {
		t.Errorf("got error %v, want %v", err, backup.ErrForged)
	}
}

// without leaves the records of a space out of a file, and makes count and digest anew.
func without(t *testing.T, file []byte, space string) []byte {
	t.Helper()
	r, err := stream.New(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(file[:r.At()])
	n, left := uint64(0), 0
	for p, err := range r.Snapshot().Records {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(p.Key, []byte(space)) {
			left++
			continue
		}
		out = binary.BigEndian.AppendUint32(append(out, 1), uint32(p.Shard))
		out = binary.BigEndian.AppendUint64(out, p.Ver)
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(p.Key))), p.Key...)
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(p.Body))), p.Body...)
		n++
	}
	if left == 0 {
		t.Fatalf("no record begins with %q", space)
	}
	sum := sha256.Sum256(out)
	out = binary.BigEndian.AppendUint64(append(out, 0), n)
	return append(append(out, sum[:]...), file[r.At():]...)
}

func TestKeepsTheNewest(t *testing.T) {
	s, other := kmstest.New(t), kmstest.New(t)
	dir := t.TempDir()
	if _, _, err := backup.CreateIn(t.Context(), source(other), dir, 1, nil); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, fmt.Sprintf("qkms-%x-20200102T030405Z.backup", first4(s)))
	if err := os.WriteFile(mine, []byte("named like one, and none"), 0o600); err != nil {
		t.Fatal(err)
	}
	var made []string
	for range 3 {
		m, removed, err := backup.CreateIn(t.Context(), source(s), dir, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		if made = append(made, m.Path); len(made) > 2 && !slices.Equal(removed, made[:1]) {
			t.Errorf("got %q removed, want %q", removed, made[:1])
		}
		s.Clock.Advance(time.Hour)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if want := 4; err != nil || len(names) != want || slices.Contains(names, made[0]) || !slices.Contains(names, mine) {
		t.Errorf("got %q, %v, want the newest two, the other store's and what is no backup", names, err)
	}
}

func first4(s *kmstest.Server) []byte {
	id := s.Book.Ring().StoreID()
	return id[:4]
}
