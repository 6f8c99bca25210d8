package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"

	"github.com/jackc/pgx/v5"
)

// listening returns a store that listens, and a way to count the connections by which it does.
func listening(t *testing.T, url string) (db *postgres.DB, ears func() (pid []int32)) {
	t.Helper()
	db = open(t, url, postgres.Options{})
	watch, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watch.Close(context.Background()) })
	ears = func() []int32 {
		rows, err := watch.Query(t.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%hints'`)
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			t.Fatal(err)
		}
		return pids
	}
	<-db.Hints() // it listens now; what was said before may have been missed
	return db, ears
}

func TestHintsAreHeard(t *testing.T) {
	url := pgtest.URL(t)
	db, _ := listening(t, url)
	other := open(t, url, postgres.Options{})
	for range 3 {
		other.Hint()
		<-db.Hints()
	}
	db.Hint() // its own too
	<-db.Hints()
}

// sslRequest is how a connection begins, after its length: protocol 1234.5679.
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

func TestListenerComesBack(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	db, ears := listening(t, url)
	other := open(t, p.direct(t, url), postgres.Options{})
	for _, lose := range []func(){
		func() {
			for _, pid := range ears() {
				pgtest.Do(t, p.direct(t, url), fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
			}
		},
		p.sever,
		func() { // a silent cut: the connection stands, and nothing arrives until there is a new one
			hang := func([]byte) ([]byte, bool) { return nil, false }
			dials := func(piece []byte) ([]byte, bool) {
				if bytes.HasPrefix(piece, sslRequest) {
					p.toClient.Store(nil)
				}
				return piece, false
			}
			p.toServer.Store(&dials)
			p.toClient.Store(&hang)
		},
	} {
		lose()
		<-db.Hints() // by a new connection
		other.Hint()
		<-db.Hints()
	}
}

// However many hints are asked for, what reaches the server is little.
func TestHintsAreFew(t *testing.T) {
	url := pgtest.URL(t)
	ear, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ear.Close(context.Background()) })
	if _, err := ear.Exec(t.Context(), `LISTEN qkms`); err != nil {
		t.Fatal(err)
	}
	db := open(t, url, postgres.Options{})
	begin, heard := time.Now(), 0
	hear := func() {
		if _, err := ear.WaitForNotification(t.Context()); err != nil {
			t.Fatal(err)
		}
		heard++
	}
	for range 5 {
		for range 1000 {
			db.Hint()
		}
		hear()
	}
	if err := db.Close(); err != nil { // what is still to come has come
		t.Fatal(err)
	}
	if _, err := ear.Exec(t.Context(), `NOTIFY qkms, 'last'`); err != nil {
		t.Fatal(err)
	}
	for last := false; !last; heard++ {
		n, err := ear.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last = n.Payload == "last"
	}
	heard--
	if most := int(time.Since(begin)/(50*time.Millisecond)) + 1; heard > most {
		t.Errorf("got %d notifications of 5000 hints, want at most %d in that time", heard, most)
	}
}

// A pooler that gives each transaction another connection tells the client of a process that the server does
// not have. There is no listening then, and no harm.
func TestNoListeningThroughAPooler(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	asked := make(chan struct{}, 100)
	pooler := func(piece []byte) ([]byte, bool) { return otherProcess(piece), false }
	spy := func(piece []byte) ([]byte, bool) {
		if bytes.Contains(piece, []byte("pg_backend_pid")) {
			asked <- struct{}{}
		}
		if bytes.Contains(piece, []byte("LISTEN")) {
			t.Error("it listens")
		}
		return piece, false
	}
	p.toClient.Store(&pooler)
	p.toServer.Store(&spy)
	db := open(t, url, postgres.Options{})
	hints := db.Hints()
	<-asked
	commit(t, db, increment)
	db.Hint()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-hints:
		t.Error("a hint was heard")
	default:
	}
}

// otherProcess changes BackendKeyData in what a server says: the letter K, a length of 12, the process, a secret.
func otherProcess(piece []byte) []byte {
	for i := 0; i+13 <= len(piece); i++ {
		if piece[i] == 'K' && binary.BigEndian.Uint32(piece[i+1:]) == 12 {
			piece[i+5] ^= 1
		}
	}
	return piece
}

// Close ends what listens and what speaks, and both may be asked for later.
func TestHintsEndWithTheStore(t *testing.T) {
	db, ears := listening(t, pgtest.URL(t))
	db.Hint()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for len(ears()) > 0 {
	}
	db.Hint()
	_ = db.Hints()
}
