package soft

import (
	"context"
	"fmt"
	"sync"
	"time"

	"qkms/internal/custody"
)

// wantedFor is for how long a spec is kept ready after somebody has asked for it.
const wantedFor = time.Hour

// A stock has RSA key pairs ready before anybody asks for them, which else takes seconds. They are for data key pairs
// alone: the material of a KMS key is made when its record says so, and nobody waits for that often.
//
// They rest sealed, under a key that is made when the stock is opened and is nowhere but in this process, so that what
// finds stray memory finds no private keys; whoever can read all of it has them, like every other key in it. A pair leaves
// the stock before it is opened, so that nobody else gets it. It does not survive the process, but two machines that were
// resumed from one snapshot of memory would give away the same pairs: the stock is closed unless an operator opens it.
type stock struct {
	more chan struct{} // of 1: something was taken, or would have been

	mu    sync.Mutex
	most  int // of each spec; 0: closed
	key   material
	boxes map[string][][]byte
	asked map[string]time.Time
	taken uint64
}

func newStock() *stock { return &stock{more: make(chan struct{}, 1)} }

// KeepReady keeps up to most key pairs ready of each RSA spec that MakePair was asked for within the last hour, making them
// while no other computation that takes long runs or waits. It returns when ctx ends, having wiped them. It is not to be
// called while another call has not returned.
func (s *Soft) KeepReady(ctx context.Context, most int) {
	st := s.stock
	st.open(most)
	defer st.close()
	for ctx.Err() == nil {
		spec, wait := st.wanted()
		if spec != "" {
			_ = s.slow.Long.DoIdle(ctx, func() { st.put(spec, recipes[spec].generate) })
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-st.more:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Ready says how many key pairs are ready now, and how many were handed out.
func (s *Soft) Ready() (now int, taken uint64) {
	s.stock.mu.Lock()
	defer s.stock.mu.Unlock()
	for _, boxes := range s.stock.boxes {
		now += len(boxes)
	}
	return now, s.stock.taken
}

// pair returns the stored form of a key of spec for a data key pair: one that is ready, or else a new one.
func (s *Soft) pair(ctx context.Context, key custody.Ref, spec string) ([]byte, error) {
	if stored := s.stock.take(spec); stored != nil {
		return stored, nil
	}
	return s.stored(ctx, key, spec, nil)
}

func (st *stock) open(most int) {
	key := randomBytes(encKeySize)()
	defer clear(key)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.most, st.key = most, copyMaterial("", key)
	st.boxes, st.asked = make(map[string][][]byte), make(map[string]time.Time)
}

func (st *stock) close() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for spec := range st.boxes {
		st.dropLocked(spec)
	}
	st.most = 0
	st.key.wipe()
}

// dropLocked wipes what there is of spec.
func (st *stock) dropLocked(spec string) {
	for _, box := range st.boxes[spec] {
		clear(box)
	}
	delete(st.boxes, spec)
	delete(st.asked, spec)
}

// take takes out a key of spec, the caller's to wipe; nil when none is ready.
func (st *stock) take(spec string) []byte {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.most == 0 || !recipes[spec].slowMake {
		return nil
	}
	st.asked[spec] = time.Now()
	select {
	case st.more <- struct{}{}:
	default:
	}
	boxes := st.boxes[spec]
	if len(boxes) == 0 {
		return nil
	}
	box := boxes[0]
	st.boxes[spec] = append(boxes[:0:0], boxes[1:]...)
	st.taken++
	defer clear(box)
	stored, err := newBox(st.key.bytes()).Open(nil, nil, box, []byte(spec))
	if err != nil {
		panic(fmt.Sprintf("soft: internal error: a ready %s key does not open", spec)) // it was sealed here, under this key
	}
	return stored
}

// put adds a key of spec. What cannot be made is not tried again before somebody asks for it.
func (st *stock) put(spec string, generate func() ([]byte, error)) {
	stored, err := generate()
	defer clear(stored)
	st.mu.Lock()
	defer st.mu.Unlock()
	if err != nil {
		st.dropLocked(spec)
		return
	}
	st.boxes[spec] = append(st.boxes[spec], newBox(st.key.bytes()).Seal(nil, nil, stored, []byte(spec)))
}

// wanted returns the spec of which there are too few that was asked for last; or none, and for how long that stays so
// if nobody asks. It drops what nobody has asked for for too long.
func (st *stock) wanted() (spec string, wait time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	wait = wantedFor
	for each, at := range st.asked {
		left := wantedFor - time.Since(at)
		if left <= 0 {
			st.dropLocked(each)
			continue
		}
		wait = min(wait, left)
		if len(st.boxes[each]) < st.most && (spec == "" || at.After(st.asked[spec])) {
			spec = each
		}
	}
	return spec, wait
}
