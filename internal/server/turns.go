package server

import (
	"errors"
	"hash/maphash"

	"qkms/internal/audit"
	"qkms/internal/record"
	"qkms/internal/store"
)

// turns are taken by requests that replace the same record, once two of them have collided. Sixteen that all want a
// grant on one key would otherwise undo each other, and half of them give up. While one has its turn, who comes to
// replace that record waits for a turn, too, before it commits what would overtake the other.
//
// Requests that only relied on a record which another one replaced take no turn. They do not undo each other, and one edit
// of a user's policy must not make all that the user does go one after the other. Requests that collide elsewhere wait
// elsewhere: what one account's do to each other does not hold up another's.
//
// Records that share a lane wait for each other without need, which is all that it does.
type turns struct {
	seed  maphash.Seed // chosen by nobody, so that nobody finds ids that share a lane with somebody else's
	lanes [256]chan struct{}
}

func newTurns() *turns {
	t := &turns{seed: maphash.MakeSeed()}
	for i := range t.lanes {
		t.lanes[i] = make(chan struct{}, 1)
	}
	return t
}

func (t *turns) lane(key []byte) chan struct{} {
	return t.lanes[maphash.Bytes(t.seed, key)%uint64(len(t.lanes))]
}

// A turn is that of a request which collided with another.
type turn struct {
	at   []byte        // the record that both were to replace
	lane chan struct{} // nil: it has not come yet
}

// take waits for the turn of x, if it has collided and this is the first time. It reports whether x still has time.
func (t *turns) take(x *exchange) bool {
	if x.turn == nil || x.turn.lane != nil {
		return true
	}
	lane := t.lane(x.turn.at)
	select {
	case lane <- struct{}{}:
		x.turn.lane = lane
		return true
	case <-x.Done():
		return false
	}
}

// leave ends the turn of x, if it has one.
func (x *exchange) leave() {
	if x.turn != nil && x.turn.lane != nil {
		<-x.turn.lane
	}
}

// commit makes a change durable with the record of x and what else there is to tell, when it is the turn of x. Who has a
// turn waits for no other: two that waited for each other's would do so for ever.
func (s *Server) commit(x *exchange, change *record.Change, also ...*audit.Record) error {
	first := x.turn == nil
	if first {
		for _, key := range change.Replaced() {
			if len(s.turns.lane(key)) > 0 {
				x.turn = &turn{at: key}
				return &store.Conflict{Key: key}
			}
		}
	}
	err := s.ledger.Commit(x, change, &x.rec, also...)
	x.from.changed = change.Positions()
	if conflict, ok := errors.AsType[*store.Conflict](err); ok && first && change.Replaces(conflict.Key) {
		x.turn = &turn{at: conflict.Key}
	}
	return err
}
