package server

import "time"

// Hold takes the turn at the record with this key, as a request would that has collided there, until release is called.
// waiting is how many others wait for it.
func (s *Server) Hold(key []byte) (waiting func() int, release func()) {
	x := &exchange{began: time.Now(), turn: &turn{at: key}}
	s.turns.take(x)
	waiting = func() int {
		s.turns.mu.Lock()
		defer s.turns.mu.Unlock()
		return s.turns.lanes[string(key)].in - 1
	}
	return waiting, func() { s.turns.leave(x) }
}

// Turns is at how many records there is somebody who has a turn or waits for one.
func (s *Server) Turns() int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return len(s.turns.lanes)
}
