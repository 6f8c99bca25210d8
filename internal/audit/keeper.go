package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxSeq = 1 << 62

	// drainBytes of lines wake the keeper, and are a buffer; drainLimit of them, when it cannot keep up, make the
	// request hash them itself.
	drainBytes = 256 << 10
	drainLimit = 8 << 20
)

// A keeper grows the tree over the records and signs it, behind the requests' backs: all that an append
// does for it is to copy its lines.
//
// A checkpoint covers only what is on stable storage. One that covered more would, after a power cut,
// make of a record that nobody was promised a record that somebody removed.
type keeper struct {
	log     *Log
	signer  *Signer
	kick    chan struct{}
	stopped chan struct{}

	waiting atomic.Int64 // bytes in queue

	mu      sync.Mutex // guards queue; taken after Log.mu, held for no I/O
	queue   []batch    // what was written and not hashed yet, in order
	spare   [][]byte   // buffers for the next batches
	written uint64     // the segment of the last line

	unsigned atomic.Int64 // when the first record in since was written, nanoseconds since 1970; 0: there is none

	growing sync.Mutex // guards what follows
	segment uint64     // the segment of the last record hashed
	all     span       // the tree at the newest checkpoint
	last    Checkpoint // the newest
	retired uint64     // for the next one
	since   span       // of the records that no checkpoint covers
	sha     hash.Hash  // SHA-256
	hashes  []byte     // of one batch
	leaves  *segment   // nil: the hashes of this segment could not be kept
	history *segment
}

// A batch is lines of one segment, or their hashes.
type batch struct {
	segment uint64
	begun   time.Time // when the first was written; zero: before this process
	lines   []byte
	hashes  []tlog.Hash
}

// add takes over lines that have been written; Log.mu is held.
func (k *keeper) add(segment uint64, lines []byte) {
	k.mu.Lock()
	begun := segment != k.written // so one was sealed, and whoever moves it away takes what is not signed yet
	k.written = segment
	if n := len(k.queue); n == 0 || k.queue[n-1].segment != segment || len(k.queue[n-1].lines)+len(lines) > drainBytes {
		k.queue = append(k.queue, batch{segment: segment, begun: time.Now(), lines: k.buffer()})
	}
	last := &k.queue[len(k.queue)-1]
	last.lines = append(last.lines, lines...)
	k.mu.Unlock()
	if waiting := k.waiting.Add(int64(len(lines))); begun || waiting >= drainBytes {
		k.wake()
	}
}

// buffer returns an empty one; k.mu is held.
func (k *keeper) buffer() []byte {
	n := len(k.spare) - 1
	if n < 0 {
		return make([]byte, 0, drainBytes)
	}
	b := k.spare[n]
	k.spare = k.spare[:n]
	return b
}

// reuse keeps a buffer for later: as many as fill up while a disk takes its time over a checkpoint.
func (k *keeper) reuse(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.spare) < 8 && cap(b) == drainBytes {
		k.spare = append(k.spare, b[:0])
	}
}

func (k *keeper) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// behind reports whether lines come faster than they are hashed.
func (k *keeper) behind() bool { return k.waiting.Load() > drainLimit }

// run hashes and signs until the log is closed; at once, if due, what a crash left unsigned.
func (k *keeper) run(due bool) {
	defer close(k.stopped)
	tick := time.NewTicker(k.log.cfg.SignEvery)
	defer tick.Stop()
	for {
		k.grow(k.log.settle)
		k.growing.Lock()
		if due || k.since.size() >= k.log.cfg.SignRecords {
			_ = k.checkpoint(k.log.settle) // tells the operator
		}
		k.growing.Unlock()
		select {
		case <-k.kick:
			due = false
		case <-tick.C:
			due = true
		case <-k.log.stopKeeper:
			return
		}
	}
}

// grow hashes what is queued. A segment's last record gets a checkpoint of its own, so that nothing but
// whole segments is between two: one that is moved away takes no hash of another with it.
func (k *keeper) grow(settle func() error) {
	k.growing.Lock()
	defer k.growing.Unlock()
	k.mu.Lock()
	queue := k.queue
	k.queue = nil
	k.mu.Unlock()
	for _, b := range queue {
		if b.segment != k.segment || k.leaves == nil {
			if k.since.size() > 0 && b.segment != k.segment {
				_ = k.checkpoint(settle) // likewise
			}
			k.turn(b.segment)
		}
		k.hash(b)
		k.waiting.Add(-int64(len(b.lines)))
		k.reuse(b.lines)
	}
}

func (k *keeper) hash(b batch) {
	if k.since.size() == 0 {
		k.unsigned.Store(cmp.Or(b.begun, time.Now()).UnixNano())
	}
	k.hashes = appendHashes(k.hashes[:0], b.hashes)
	for line := range bytes.Lines(b.lines) {
		k.hashes = k.appendLeaf(k.hashes, line[:len(line)-1])
	}
	for h := k.hashes; len(h) > 0; h = h[tlog.HashSize:] {
		k.since.leaf(tlog.Hash(h))
	}
	if k.leaves == nil {
		return
	}
	if err := k.leaves.write(k.hashes); err != nil {
		k.complain("hashes of audit records could not be kept; altered ones would be found, but not told one from another", err)
		k.leaves.f.Close()
		k.leaves = nil
	}
}

var leafPrefix = []byte{0}

// appendLeaf is tlog.RecordHash (RFC 6962 §2.1) without what that allocates.
func (k *keeper) appendLeaf(b, line []byte) []byte {
	k.sha.Reset()
	k.sha.Write(leafPrefix)
	k.sha.Write(line)
	return k.sha.Sum(b)
}

// turn begins the file of hashes of the segment that the next record is in.
func (k *keeper) turn(segment uint64) {
	if k.leaves != nil {
		k.leaves.f.Close()
		k.leaves = nil
	}
	k.segment = segment
	if k.since.end != segment {
		return // the middle of a segment whose first hashes could not be kept
	}
	var err error
	if k.leaves, err = openLeaves(k.log.dir, segment, 0); err != nil {
		k.leaves = nil
		k.complain("hashes of audit records could not be kept; altered ones would be found, but not told one from another", err)
	}
}

// checkpoint signs the tree once settle has said that all of it is on stable storage. What fails is made
// up for by the next: that covers the same records and more. k.growing is held.
func (k *keeper) checkpoint(settle func() error) error {
	if k.since.size() == 0 {
		return nil
	}
	err := settle()
	if err == nil {
		err = k.sign()
	}
	if err != nil {
		k.complain("audit log could not be signed; its records are safe, and the next checkpoint covers them", err)
		return fmt.Errorf("sign audit log: %w", err)
	}
	return nil
}

func (k *keeper) sign() error {
	all := k.all.join(k.since)
	m := &mark{all: all, since: k.since, Checkpoint: Checkpoint{
		Origin: k.signer.Name(), Size: all.end, Root: all.root(), Time: k.log.cfg.Now(), Retired: k.retired,
	}}
	var err error
	if m.note, err = k.signer.sign(m.Checkpoint); err != nil {
		return err
	}
	line, err := m.encode()
	if err != nil {
		return err
	}
	if k.leaves != nil {
		if err := k.leaves.f.Sync(); err != nil {
			return err
		}
	}
	if err := k.history.write(line); err != nil {
		return err
	}
	if err := k.history.f.Sync(); err != nil { // written again by the next attempt, over this one
		k.history.size -= int64(len(line))
		k.history.torn = true
		return err
	}
	k.all, k.since, k.last = all, emptySpan(all.end), m.Checkpoint
	k.unsigned.Store(0)
	return replaceFile(filepath.Join(k.log.dir, checkpointName), m.note)
}

func (k *keeper) complain(text string, err error) {
	k.log.cfg.Logger.ErrorContext(context.Background(), text, "error", err, "signed_before_seq", k.since.begin)
}

// Sign makes a checkpoint of all records appended before the call, now. It returns when the checkpoint
// is on stable storage, and is nothing without a Signer or a new record.
func (l *Log) Sign() error {
	if l.keeper == nil {
		return nil
	}
	l.keeper.grow(l.settle)
	l.keeper.growing.Lock()
	defer l.keeper.growing.Unlock()
	return l.keeper.checkpoint(l.settle)
}

// VerifierKey is what Verify needs to check this log; empty without a Signer.
func (l *Log) VerifierKey() string {
	if l.keeper == nil {
		return ""
	}
	return l.keeper.signer.VerifierKey()
}

// Name is what the log signs under, which no other log's is; empty without a Signer.
func (l *Log) Name() string {
	if l.keeper == nil {
		return ""
	}
	return l.keeper.signer.Name()
}

// close signs what is left; the log is flushed and takes no more.
func (k *keeper) close() error {
	k.grow(nothing)
	k.growing.Lock()
	defer k.growing.Unlock()
	err := errors.Join(k.checkpoint(nothing), k.history.f.Close())
	if k.leaves != nil {
		err = errors.Join(err, k.leaves.f.Close())
	}
	return err
}

func nothing() error { return nil }

// settle returns once everything written before the call is on stable storage. It asks for a flush of its
// own even if none is due: one may be under way that somebody else waits for.
func (l *Log) settle() error {
	l.mu.Lock()
	l.markDirty()
	r := l.round
	l.mu.Unlock()
	select {
	case l.kick <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-l.stopped:
		return os.ErrClosed
	}
}

// replaceFile puts text at path, whole. It is not synced: what matters is in the history.
func replaceFile(path string, text []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
