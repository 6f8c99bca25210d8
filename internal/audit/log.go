package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// ErrFull is returned when the spool has no room for another record. Nothing may be answered until
// it has.
var ErrFull = errors.New("audit spool is full; move its oldest segments away or raise its limit: until then every request is refused")

// ErrLocked is returned by Open when another process has the log open.
var ErrLocked = errors.New("in use by another process")

// errDamaged marks a place in the log that is not as the log was written.
var errDamaged = errors.New("audit log is damaged")

// Config of a Log. The zero value works.
type Config struct {
	SegmentBytes int64            // a segment that would grow beyond is sealed; 0: 64 MiB
	SegmentAge   time.Duration    // a segment open for as long is sealed at the next record; 0: 5 minutes
	SpoolBytes   int64            // all segments and hashes together; 0: 1 GiB. Requests of strangers have half of it
	FlushEvery   time.Duration    // the longest that Append leaves a record to the OS alone; 0: 100 ms
	Signer       *Signer          // signs the tree over the records; nil: there is no tree
	SignEvery    time.Duration    // the longest that a record waits for a checkpoint; 0: 1 minute
	SignRecords  uint64           // the most records that wait for one, about; 0: 10,000
	Now          func() time.Time // ages segments; nil: time.Now
	Logger       *slog.Logger     // hears of repairs and of failing disks; nil: slog.Default
}

func (c Config) withDefaults() Config {
	c.SegmentBytes = cmp.Or(c.SegmentBytes, 64<<20)
	c.SegmentAge = cmp.Or(c.SegmentAge, 5*time.Minute)
	c.SpoolBytes = cmp.Or(c.SpoolBytes, 1<<30)
	c.FlushEvery = cmp.Or(c.FlushEvery, 100*time.Millisecond)
	c.SignEvery = cmp.Or(c.SignEvery, time.Minute)
	c.SignRecords = cmp.Or(c.SignRecords, 10_000)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Log is the audit log of one node: a directory of segment files, of which the last is appended
// to. All methods may be called concurrently.
//
// A record gets its sequence number when it is appended, counting from 0 without gaps across
// segments and restarts; its bytes are final from then on. A failed append uses up no number.
type Log struct {
	dir string
	cfg Config

	lock *os.File             // the directory: locked against a second process, synced when it gains a file
	sync func(*os.File) error // fsync

	kick    chan struct{} // someone waits for a flush
	timer   *time.Timer   // someone was promised one
	stop    chan struct{}
	stopped chan struct{}

	keeper     *keeper // of the tree; nil without a Signer
	stopKeeper chan struct{}

	queue queue // of those who want to append

	mu      sync.Mutex // guards what follows, and so orders the records
	buf     []byte     // for the lines of one system call
	next    uint64     // the number of the next record
	size    int64      // of all segments and hashes
	alarm   alarm      // about size
	counted time.Time  // when size was last taken from the directory
	seg     *segment   // appended to; nil until the next record needs one
	retired *segment   // full, but not flushed yet
	flushed Position   // the place up to which everything is on stable storage
	dirty   bool       // something was written since the last flush began
	since   time.Time  // when the first of it was
	failing time.Time  // when the first was that a flush is busy with, or failed to keep; zero: none
	failed  uint64     // flushes
	begun   uint64     // the number of the first record of this process
	round   *round     // the flush that will cover what is written now
	closed  bool
}

// Open opens the log in dir, making it if necessary, and repairs what a crash left behind: a last
// line without its end is a record nobody was answered for, and is cut off.
//
// When Open returns, everything in the log is on stable storage. It fails if another process has
// the log open, and with ErrTampered if what the last checkpoint covers is not what it signed.
func Open(dir string, cfg Config) (*Log, error) {
	l := &Log{
		dir: dir, cfg: cfg.withDefaults(), sync: (*os.File).Sync,
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
		round: newRound(), stopKeeper: make(chan struct{}),
	}
	var err error
	if l.lock, err = lockDir(dir); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	if err := l.recover(); err != nil {
		if l.keeper != nil {
			l.keeper.history.f.Close()
		}
		l.lock.Close()
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	l.begun = l.next
	l.timer = time.NewTimer(l.cfg.FlushEvery)
	go l.flusher()
	if l.keeper != nil {
		go l.keeper.run(len(l.keeper.queue) > 0)
	}
	return l, nil
}

// Append adds a record. On a nil return its bytes were handed to the operating system, so they
// survive this process however it ends; they are on stable storage within Config.FlushEvery.
// On an error the record is not in the log. ErrFull is returned when the spool has no room.
//
// Copies, which other accounts get of the same record, are written in the same system call: all are in
// the log, or none is.
func (l *Log) Append(r *Record, copies ...*Record) error { return l.appendRecords(r, copies, false) }

// AppendDurable is Append that returns once the record is on stable storage. Concurrent calls share
// one flush. When the flush fails, the record is in the log but may not survive a loss of power.
func (l *Log) AppendDurable(r *Record, copies ...*Record) error {
	return l.appendRecords(r, copies, true)
}

// AppendEncoded is Append of a record that Encode rendered earlier, such as one found in an outbox. It also returns
// the flush that will cover it.
func (l *Log) AppendEncoded(encoded []byte) (Flush, error) {
	if !bytes.HasPrefix(encoded, []byte(`{"`)) || bytes.IndexByte(encoded, '\n') >= 0 || !json.Valid(encoded) {
		return Flush{}, errors.New("append audit record: not an encoded record")
	}
	e := newEntry(l.cfg.SpoolBytes)
	e.b = append(e.b, encoded...)
	e.ends = append(e.ends, len(e.b))
	return l.append(e)
}

// room is how much of the spool may be full for r to go in. Half of it is closed to strangers: else
// anybody could fill the log with refusals, and so stop the service for those it knows.
func (l *Log) room(r *Record) int64 {
	if r.stranger() {
		return l.cfg.SpoolBytes / 2
	}
	return l.cfg.SpoolBytes
}

func (l *Log) appendRecords(r *Record, copies []*Record, durable bool) error {
	e := newEntry(l.room(r))
	e.render(r)
	for _, c := range copies {
		e.render(c)
	}
	f, err := l.append(e)
	if err == nil && durable {
		err = f.Wait()
	}
	return err
}

// append writes e, and releases it.
func (l *Log) append(e *entry) (Flush, error) {
	if l.keeper != nil && l.keeper.behind() {
		l.keeper.grow(l.settle)
	}
	l.write(e)
	f, err := Flush{l, e.flush}, e.err
	e.release()
	if err != nil {
		return Flush{}, fmt.Errorf("append audit record: %w", err)
	}
	return f, nil
}

// due reports whether the segment is to be sealed rather than get n bytes, when before of them are sure of it. It is
// not while the one before it waits for its flush. So at most two have anything to lose, which is how many Open
// flushes.
func (l *Log) due(before int, n int64, now time.Time) bool {
	s := l.seg
	return s != nil && (s.size > 0 || before > 0) && l.retired == nil &&
		(s.size+n > l.cfg.SegmentBytes || now.Sub(s.opened) >= l.cfg.SegmentAge)
}

// makeRoom makes l.seg a segment that may grow by n bytes, and the spool one that has room for them and
// their hashes.
func (l *Log) makeRoom(n, hashes, room int64, now time.Time) error {
	if err := l.checkSpool(n+hashes, room, now); err != nil {
		return err
	}
	if l.due(0, n, now) {
		l.retired, l.seg = l.seg, nil
		l.markDirty()
	}
	if l.seg != nil {
		return nil
	}
	seg, err := l.create(now)
	l.seg = seg
	if err == nil {
		err = l.recount() // segments may have been moved away since
	}
	return err
}

// checkSpool refuses what does not fit. Operators make room by moving segments away, so the
// directory is counted again, but not for each of a storm of refused requests.
func (l *Log) checkSpool(n, room int64, now time.Time) error {
	if l.size+n <= room {
		return nil
	}
	if since := now.Sub(l.counted); since >= 0 && since < time.Second {
		return l.full(room)
	}
	l.counted = now
	if err := l.recount(); err != nil {
		return err
	}
	if l.size+n > room {
		return l.full(room)
	}
	return nil
}

func (l *Log) recount() error {
	size, err := measure(l.dir)
	if err == nil {
		l.size = size
	}
	return err
}

func (l *Log) full(room int64) error {
	return fmt.Errorf("%w (%s holds %d of %d bytes)", ErrFull, l.dir, l.size, room)
}

// Close flushes and closes the log. Records appended later are refused with os.ErrClosed.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	if l.keeper != nil {
		close(l.stopKeeper) // first: it may wait for a flush
		<-l.keeper.stopped
	}
	close(l.stop)
	<-l.stopped
	err := l.flush()
	if l.keeper != nil {
		err = errors.Join(err, l.keeper.close())
	}
	if l.seg != nil {
		err = errors.Join(err, l.seg.f.Close())
	}
	if err = errors.Join(err, l.lock.Close()); err != nil {
		return fmt.Errorf("close audit log: %w", err)
	}
	return nil
}
