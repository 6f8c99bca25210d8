package server

import (
	"errors"
	"sync"

	"qkms/internal/audit"
	"qkms/internal/record"
	"qkms/internal/store"
)

// turns are taken by requests that replace the same record, once two of them have collided. Sixteen that all want a
// grant on one key would otherwise undo each other, and half of them give up. While one has its turn or waits for it, who
// comes to replace that record waits for a turn, too, before it commits what would overtake the others.
//
// A request that only relied on a record which others replace undoes nobody, and one edit of a user's policy must not make
// all that the user does go one after the other. It takes a turn when it has lost more than goodLoser times: against a stream of
// those that replace the record it would otherwise never come to pass, and it may be what takes access away.
//
// Requests that collide at other records wait elsewhere: what one account's do to each other does not hold up another's.
// Those that replace several records, and collide at one, can still be overtaken at the next.
type turns struct {
	mu    sync.Mutex
	lanes map[string]*lane // by the record's key; those that somebody is in
}

// A lane is a turn at one record, and who waits for it, in the order in which they came.
type lane struct {
	key  string
	turn chan struct{} // has room for the one whose turn it is
	in   int           // how many have it or wait, under mu
}

// A turn is that of a request which collided with another.
type turn struct {
	lost int    // how often
	at   []byte // the record at which it is to wait; nil: at none yet
	lane *lane  // nil: its turn has not come
}

// goodLoser is how often a request loses what it only relied on without taking a turn.
const goodLoser = 2

func newTurns() *turns { return &turns{lanes: map[string]*lane{}} }

// taken reports whether somebody has the turn at a record, or waits for it.
func (t *turns) taken(key []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lanes[string(key)] != nil
}

// take waits for the turn of x, where it is to have one and has none yet. It reports whether x still has time.
func (t *turns) take(x *exchange) bool {
	if x.turn == nil || x.turn.at == nil || x.turn.lane != nil {
		return true
	}
	l := t.enter(string(x.turn.at))
	select {
	case l.turn <- struct{}{}:
		x.turn.lane = l
		return true
	case <-x.Done():
		t.exit(l)
		return false
	}
}

// leave ends the turn of x, if it has one.
func (t *turns) leave(x *exchange) {
	if x.turn != nil && x.turn.lane != nil {
		<-x.turn.lane.turn
		t.exit(x.turn.lane)
	}
}

func (t *turns) enter(key string) *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lanes[key]
	if l == nil {
		l = &lane{key: key, turn: make(chan struct{}, 1)}
		t.lanes[key] = l
	}
	l.in++
	return l
}

func (t *turns) exit(l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.in--; l.in == 0 {
		delete(t.lanes, l.key)
	}
}

// lose notes that x lost the record with this key, which it was to replace or only relied on.
func (x *exchange) lose(key []byte, writes bool) {
	if x.turn == nil {
		x.turn = new(turn)
	}
	if x.turn.lost++; x.turn.at == nil && (writes || x.turn.lost > goodLoser) {
		x.turn.at = key
	}
}

// commit makes a change durable with the record of x and what else there is to tell, when it is the turn of x. Who has a
// turn waits for no other: two that waited for each other's would do so for ever.
func (s *Server) commit(x *exchange, change *record.Change, also ...*audit.Record) error {
	if x.turn == nil || x.turn.lane == nil {
		for key := range change.Written() {
			if s.turns.taken(key) {
				x.lose(key, true)
				return &store.Conflict{Key: key}
			}
		}
	}
	err := s.ledger.Commit(x, change, &x.rec, also...)
	x.from.changed = change.Positions()
	if conflict, ok := errors.AsType[*store.Conflict](err); ok {
		x.lose(conflict.Key, change.Writes(conflict.Key))
	}
	return err
}
