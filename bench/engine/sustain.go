package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// spread is how many shards the changes are about, in turn.
const spread = 16

// A Store is an engine under load. One goroutine at a time may use it.
type Store struct {
	db     *sqlite.DB
	serial atomic.Uint64
}

// Open makes a store in dir, with the durability of production.
func Open(dir string) (*Store, error) {
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "engine.db"), sqlite.Options{})
	s := &Store{db: db}
	s.serial.Store(uint64(time.Now().UnixNano())) // a store that was used before has other keys
	return s, err
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// Sustain has so many clients commit changes of this shape, one after the other, for a time, and tells took how long
// each was. It returns how many changes were committed.
func (s *Store) Sustain(shape Shape, clients int, during time.Duration, took func(client int, d time.Duration)) (int, error) {
	end := time.Now().Add(during)
	errs := make([]error, clients)
	var done atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			var sent []store.Delete // the row of the former change that is outside all shards
			for began := time.Now(); began.Before(end) && errs[i] == nil; began = time.Now() {
				t := s.txn(shape, sent)
				if _, errs[i] = s.db.Commit(context.Background(), t); errs[i] == nil {
					done.Add(1)
					took(i, time.Since(began))
				}
				sent = loose(t)
			}
		})
	}
	wg.Wait()
	return int(done.Load()), cmp.Or(errs...)
}

// txn is a change of the shape. What it replaces are records of the shard that every such change replaces.
func (s *Store) txn(shape Shape, deletes []store.Delete) store.Txn {
	n := s.serial.Add(1)
	shard := int(n % spread)
	serial := binary.BigEndian.AppendUint64(nil, n*0x9e3779b97f4a7c15) // spread over the tree, as ids are
	t := store.Txn{Notes: map[int][]byte{shard: make([]byte, shape.note)}, Deletes: deletes, Link: link}
	for i, p := range shape.puts {
		at, key, ver := shard, []byte{byte(i), byte(shard)}, n
		if p.loose {
			at = store.Loose
		}
		if p.fresh {
			key, ver = append(key, serial...), 1
			if !p.loose {
				t.Checks = append(t.Checks, store.Check{Shard: at, Key: filled(p.key, key)})
			}
		}
		t.Puts = append(t.Puts, store.Put{Shard: at, Key: filled(p.key, key), Ver: ver, Body: filled(p.body, serial)})
	}
	return t
}

func loose(t store.Txn) (out []store.Delete) {
	for _, p := range t.Puts {
		if p.Shard == store.Loose {
			out = append(out, store.Delete{Shard: store.Loose, Key: p.Key})
		}
	}
	return out
}

func link(int, uint64, []byte, []byte) []byte { return make([]byte, 32) }
