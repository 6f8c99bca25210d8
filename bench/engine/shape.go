// Package engine puts the store engine of the product under load without the service above it: what a change may cost at best.
package engine

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	_ "qkms/internal/store/sqlite" // the driver
)

// A Rows is what a store holds, without the bodies.
type Rows struct {
	records map[string]row
	notes   map[[2]int64]int // by shard and revision, their lengths
}

type row struct {
	shard, size int
	ver         uint64
}

// Read reads the store at path, which a server may have open.
func Read(path string) (_ *Rows, err error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=ro"}).String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := &Rows{records: map[string]row{}, notes: map[[2]int64]int{}}
	err = each(db, `SELECT k, shard, ver, length(body) FROM rec`, func(rows *sql.Rows) error {
		var k []byte
		var one row
		err := rows.Scan(&k, &one.shard, &one.ver, &one.size)
		r.records[string(k)] = one
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, each(db, `SELECT shard, rev, length(note) FROM chg`, func(rows *sql.Rows) error {
		var at [2]int64
		var size int
		err := rows.Scan(&at[0], &at[1], &size)
		r.notes[at] = size
		return err
	})
}

func each(db *sql.DB, query string, do func(*sql.Rows) error) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A Shape is what one change writes.
type Shape struct {
	puts []put
	note int // bytes said in the change log
}

type put struct {
	key, body int  // bytes
	loose     bool // outside all shards: an audit record that is on its way to the log, whose row the next change takes away
	fresh     bool // else it replaces a record
}

// Since is the shape of the one change between before and r: an error unless it touched a single shard.
func (r *Rows) Since(before *Rows) (s Shape, err error) {
	for k, now := range r.records {
		was, known := before.records[k]
		if known && was.ver == now.ver && was.size == now.size {
			continue
		}
		s.puts = append(s.puts, put{len(k), now.size, now.shard < 0, !known})
	}
	told := 0
	for at, size := range r.notes {
		if _, known := before.notes[at]; !known {
			s.note, told = size, told+1
		}
	}
	if len(s.puts) == 0 || told != 1 {
		return s, fmt.Errorf("%d records written and %d shards told, want some and one", len(s.puts), told)
	}
	return s, nil
}

// Bytes is how many the records and the note have together.
func (s Shape) Bytes() int {
	n := s.note
	for _, p := range s.puts {
		n += p.key + p.body
	}
	return n
}

// filled is n bytes that begin with some.
func filled(n int, some []byte) []byte {
	return append(bytes.Clone(some), make([]byte, max(n-len(some), 0))...)
}
