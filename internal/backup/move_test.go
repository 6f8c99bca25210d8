package backup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"qkms/internal/backup"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

func empty(t *testing.T) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "moved.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestMovedIsTheSameUnderALaterEpoch(t *testing.T) {
	s := kmstest.New(t)
	s.As(kmstest.Account).Must("CreateKey", "{}")
	to := empty(t)
	now := time.Now()
	out, err := backup.Move(t.Context(), s.Book.Engine(), to, now, nil)
	if err != nil || out.Epoch != uint64(now.Unix()) {
		t.Fatalf("got %+v, %v, want epoch %d", out, err, now.Unix())
	}
	var was, is bytes.Buffer
	before, err := s.Book.Engine().Backup(t.Context(), &was)
	if err != nil {
		t.Fatal(err)
	}
	after, err := to.Backup(t.Context(), &is)
	if err != nil || after.Records != before.Records || after.Heads.Revs != before.Heads.Revs {
		t.Errorf("got %+v, %v, want what was there: %+v", after, err, before)
	}
	if w, i := was.Bytes(), is.Bytes(); len(w) != len(i) || !bytes.Equal(w[24:len(w)-32], i[24:len(i)-32]) { // all but epoch and digest
		t.Error("the streams differ in more than the epoch")
	}
	if _, err := backup.Move(t.Context(), s.Book.Engine(), to, now, nil); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("got error %v, want %v", err, store.ErrNotEmpty)
	}
}

func TestAMoveThatIsCutLeavesNothing(t *testing.T) {
	s := kmstest.New(t)
	s.As(kmstest.Account).Must("CreateKey", "{}")
	to := empty(t)
	if _, err := backup.Move(t.Context(), torn{s.Book.Engine()}, to, time.Now(), nil); !errors.Is(err, errTorn) {
		t.Errorf("got error %v, want %v", err, errTorn)
	}
	if _, err := record.ReadState(t.Context(), to); !errors.Is(err, record.ErrEmpty) {
		t.Errorf("got error %v, want %v", err, record.ErrEmpty)
	}
}

func TestAStoreThatWasNeverMadeIsNotMoved(t *testing.T) {
	if _, err := backup.Move(t.Context(), empty(t), empty(t), time.Now(), nil); !errors.Is(err, record.ErrEmpty) {
		t.Errorf("got error %v, want %v", err, record.ErrEmpty)
	}
}

var errTorn = errors.New("cable torn")

// torn is an engine whose backup ends after 2000 bytes.
type torn struct{ store.Engine }

func (e torn) Backup(ctx context.Context, w io.Writer) (store.Manifest, error) {
	return e.Engine.Backup(ctx, &limited{w, 2000})
}

type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n, err := l.w.Write(b[:min(len(b), l.left)])
	if l.left -= n; err == nil && n < len(b) {
		err = errTorn
	}
	return n, err
}
