package audit

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Stats are numbers about a log, for monitoring.
type Stats struct {
	Records   uint64        // appended since Open
	Failed    uint64        // flushes that failed since Open
	Unflushed time.Duration // for how long the oldest record has waited that is not on stable storage; 0: there is none
	Unsigned  time.Duration // likewise the oldest that no checkpoint covers
}

// Stats returns the present numbers. It reads memory only.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	s := Stats{Records: l.next - l.begun, Failed: l.failed, Unflushed: l.unflushed()}
	l.mu.Unlock()
	if l.keeper != nil {
		s.Unsigned = l.keeper.lag()
	}
	return s
}

func (l *Log) unflushed() time.Duration {
	switch {
	case !l.failing.IsZero():
		return time.Since(l.failing)
	case l.dirty:
		return time.Since(l.since)
	}
	return 0
}

func (k *keeper) lag() time.Duration {
	if at := k.unsigned.Load(); at != 0 {
		return time.Since(time.Unix(0, at))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.queue) == 0 || k.queue[0].begun.IsZero() {
		return 0
	}
	return time.Since(k.queue[0].begun)
}

// Spool returns how many bytes segments and hashes have and may have. It looks at the directory, since an
// operator makes room there behind the log's back.
func (l *Log) Spool() (used, limit int64, err error) {
	used, err = measure(l.dir)
	return used, l.cfg.SpoolBytes, err
}

// least is what a spool and its disk must have left to count as having room: some dozens of records.
const least = 64 << 10

// ErrNoDisk is returned by Room when the disk is full, whatever the spool may hold.
var ErrNoDisk = errors.New("the file system of the audit log is full")

// Room returns nil while more records can be expected to go in, and an error that wraps ErrFull or says
// that the disk has no room.
func (l *Log) Room() error {
	used, limit, err := l.Spool()
	if err != nil {
		return err
	}
	if limit-used < least {
		return fmt.Errorf("%w (%s holds %d of %d bytes)", ErrFull, l.dir, used, limit)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(l.dir, &fs); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if uint64(fs.Bavail) < least/uint64(fs.Bsize)+1 { // divided, not multiplied: either may be huge
		return ErrNoDisk
	}
	return nil
}
