// Package reseal exchanges the key that the records of a store are sealed under.
//
// Start with Rotate, which makes a new KEK, seals every record again under it, then drops the former ones.
// Interrupted anywhere, it is gone on with by Rotate or Finish, on whatever node.
package reseal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/record"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// Config is what a Job stands on; every field is needed.
type Config struct {
	Book  *record.Book
	Lease *coherence.Lease
	Now   func() time.Time
}

// A Job is the part that one process has in rotations of the KEK. Its methods may be called concurrently.
//
// Whoever seals records again holds a claim, and whatever it writes is committed under the fence of that: any node may
// do it, and none goes on when another has begun. Claims cannot be given back and end by themselves. So each
// rotation is a job of its own, named for its KEK: the next one need not wait for the end of a claim that is of no more use.
type Job struct {
	Config

	turn chan struct{} // holds a token while this process is at it: a fence does not keep it from itself
	claim
	walk  record.Resealing
	total int // records sealed again, before walk
}

// A claim is what this process holds, or held.
type claim struct {
	kek   uint32
	fence store.Fence // the zero Fence: none yet
	until time.Time   // from then on others may take it
}

// held is for how long a claim keeps others out, should its holder die.
const held = time.Minute

// New returns the job of a process.
func New(c Config) *Job { return &Job{Config: c, turn: make(chan struct{}, 1)} }

// A Result is what was done to end a rotation.
type Result struct {
	Current   uint32   // the KEK in force
	Dropped   []uint32 // former ones; none: the rotation goes on
	Resealed  int      // records, by this process
	Continued bool     // a rotation that had begun was gone on with
}

// ErrElsewhere is returned by Rotate when another process is sealing records again, or was a moment ago.
var ErrElsewhere = errors.New("another node is sealing records again; if it is interrupted, any node goes on with that by itself, a minute or two later")

// Rotate makes a new KEK, unless a rotation goes on, and returns when everything is under it and it is the only one.
// Requests are served meanwhile. progress is told how many records were looked at and sealed again.
func (j *Job) Rotate(ctx context.Context, progress func(seen, done int)) (out Result, err error) {
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return out, ctx.Err()
	}
	if out.Continued = len(j.Book.Ring().KEKs()) > 1; out.Continued {
		j.begin(j.Book.Ring().Current())
	} else if err := j.introduce(ctx); err != nil {
		return out, elsewhere(err)
	}
	err = j.run(ctx, &out, progress, func() bool { return false })
	return out, elsewhere(err)
}

// Finish goes on with a rotation that was interrupted, if there is one that nobody is at, and stops when it took about
// that long; called again it goes on from there.
func (j *Job) Finish(ctx context.Context, most time.Duration) (out Result, err error) {
	if len(j.Book.Ring().KEKs()) == 1 {
		return out, nil
	}
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	default:
		return out, nil
	}
	if err := j.Book.Follow(ctx); err != nil || len(j.Book.Ring().KEKs()) == 1 { // another node has finished it
		return out, err
	}
	began := j.Now()
	out.Continued = true
	j.begin(j.Book.Ring().Current())
	err = j.run(ctx, &out, func(int, int) {}, func() bool { return j.Now().Sub(began) >= most })
	if errors.Is(elsewhere(err), ErrElsewhere) {
		return out, nil
	}
	return out, err
}

func elsewhere(err error) error {
	if errors.Is(err, store.ErrClaimed) || errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("%w (%w)", ErrElsewhere, err)
	}
	return err
}

// begin makes the rotation to a KEK the one this process is at.
func (j *Job) begin(kek uint32) {
	if j.kek != kek {
		j.claim, j.walk, j.total = claim{kek: kek}, record.Resealing{}, 0
	}
}

// hold returns the fence. One whose time is over it claims anew, to keep others out; if they were first, or the time
// is not over by the clock of the store, the former fence is as good as a commit finds it.
func (j *Job) hold(ctx context.Context) (store.Fence, error) {
	mine := j.fence.Job != ""
	if mine && j.Now().Before(j.until) {
		return j.fence, nil
	}
	asked := j.Now()
	fence, err := j.Book.Engine().Claim(ctx, fmt.Sprintf("reseal %d", j.kek), held)
	if errors.Is(err, store.ErrClaimed) && mine {
		return j.fence, nil
	}
	if err == nil {
		j.fence, j.until = fence, asked.Add(held)
	}
	return fence, err
}

// introduce puts a new KEK in force beside the present one.
func (j *Job) introduce(ctx context.Context) error {
	next, err := j.Book.Ring().RotateKEK(j.Now())
	if err != nil {
		return err
	}
	j.begin(next.Current())
	return j.exchange(ctx, next)
}

// run seals everything again and drops the former KEKs, unless enough says that it is time to stop.
func (j *Job) run(ctx context.Context, out *Result, progress func(seen, done int), enough func() bool) (err error) {
	defer func() {
		if errors.Is(err, store.ErrFenced) {
			j.claim = claim{}
		}
	}()
	out.Current = j.kek
	if _, err := j.hold(ctx); err != nil {
		return err
	}
	done, err := j.sealAll(ctx, progress, enough)
	out.Resealed = j.total + j.walk.Done
	if err != nil || !done {
		return err
	}
	return j.dropFormer(ctx, out)
}

// dropFormer drops every KEK but the one in force. Somebody who exchanges the root key meanwhile is in the way of that,
// and harmless.
func (j *Job) dropFormer(ctx context.Context, out *Result) error {
	for {
		ring := j.Book.Ring()
		if err := j.overtaken(ring); err != nil || len(ring.KEKs()) == 1 {
			return err
		}
		former := ring.KEKs()[0].ID
		if former == j.kek {
			former = ring.KEKs()[1].ID
		}
		next, err := ring.DropKEK(former)
		if err != nil {
			return err
		}
		err = j.exchange(ctx, next)
		if conflict := (*store.Conflict)(nil); errors.As(err, &conflict) {
			err = j.Book.Follow(ctx)
		} else if err == nil {
			out.Dropped = append(out.Dropped, former)
		}
		if err != nil {
			return err
		}
	}
}

// overtaken is an error when the rotation was finished elsewhere and another one has begun since.
func (j *Job) overtaken(ring *seal.Ring) error {
	if ring.Current() != j.kek {
		return ErrElsewhere
	}
	return nil
}

// sealAll walks until one whole walk finds nothing to do. Nothing new is sealed under a former KEK since it was
// replaced, but a walk in pages may miss a record that moved behind it.
func (j *Job) sealAll(ctx context.Context, progress func(seen, done int), enough func() bool) (all bool, err error) {
	for !enough() {
		if err := j.overtaken(j.Book.Ring()); err != nil {
			return false, err
		}
		if err := j.Book.Reseal(ctx, &j.walk, j.hold); err != nil {
			return false, err
		}
		progress(j.walk.Seen, j.total+j.walk.Done)
		if !j.walk.Ended {
			continue
		}
		all := j.walk.Done == 0
		j.total, j.walk = j.total+j.walk.Done, record.Resealing{}
		if all {
			return true, nil
		}
	}
	return false, nil
}

func (j *Job) exchange(ctx context.Context, next *seal.Ring) error {
	fence, err := j.hold(ctx)
	if err != nil {
		return err
	}
	return j.Swap(ctx, next, &fence, nil)
}

// Swap puts next in force, and returns when every node has it or answers nothing any more. It depends on the fence, if
// one is given. *store.Conflict: the keys in the store are others than next was made of. then, which may be nil, is called
// once they are stored, before the others are waited for.
func (j *Job) Swap(ctx context.Context, next *seal.Ring, under *store.Fence, then func() error) error {
	at, err := j.Book.SwapRing(ctx, next, under)
	if err != nil {
		return fmt.Errorf("store the rotated keys: %w", err)
	}
	if then != nil {
		err = then()
	}
	for r := j.Lease.Barrier(ctx, at); !r.Fenced(); r = j.Lease.Barrier(ctx, at) {
		if ended := ctx.Err(); ended != nil {
			return errors.Join(err, fmt.Errorf("the rotated keys are stored, and not known to be in use on every node: %w", ended))
		}
	}
	return err
}
