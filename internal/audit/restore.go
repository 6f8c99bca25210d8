package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrTampered is returned by Open when the log is not the one that was signed: records that a checkpoint
// covers were changed or removed, or the checkpoints were.
var ErrTampered = errors.New("audit log is not as it was signed, so somebody or a failing disk changed it: " +
	"`qkms audit verify` tells what; keep the directory as evidence, and move it away to begin a new log")

func tampered(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrTampered)
}

// lostRecord is the leaf of a number that no record has: what a failed disk made of records that no checkpoint
// covered yet. No line is empty, so nothing else has this hash.
var lostRecord = tlog.RecordHash(nil)

// openTree reads the tree of the log back: from its last checkpoint, and from the records that came after.
// It changes nothing before it has compared all it can with what was signed. A record beyond the last
// checkpoint may be torn or missing, after a crash; one that it covers was on stable storage.
func (l *Log) openTree(segs []segmentFile, next uint64) error {
	k := &keeper{log: l, signer: l.cfg.Signer, sha: sha256.New(), kick: make(chan struct{}, 1), stopped: make(chan struct{})}
	history, err := os.OpenFile(filepath.Join(l.dir, historyName), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	k.history = &segment{f: history}
	if err := k.restore(segs, next); err != nil {
		history.Close()
		return err
	}
	l.keeper = k
	return nil
}

func (k *keeper) restore(segs []segmentFile, next uint64) error {
	if err := k.ownKey(); err != nil {
		return err
	}
	marks, end, err := recentMarks(k.history.f, k.signer)
	if err != nil {
		return err
	}
	if err := k.history.f.Truncate(end); err != nil {
		return err
	}
	k.history.size = end
	last := &mark{}
	if len(marks) > 0 {
		last = marks[len(marks)-1]
	} else {
		marks = []*mark{last}
		if next > 0 {
			k.log.cfg.Logger.WarnContext(context.Background(), "audit log has records and no checkpoint; signing begins now", "records", next)
		}
	}
	k.all, k.since = last.all.clone(), emptySpan(last.Size)
	k.last, k.retired = last.Checkpoint, last.Retired
	if next < last.Size {
		return tampered("it ends before record %d, the checkpoint of %s covers those up to %d", next, last.Time.UTC().Format("2006-01-02 15:04:05 MST"), last.Size-1)
	}
	if len(segs) == 0 {
		return nil
	}
	if first := segs[0].first; last.Retired > 0 && first > last.Retired {
		k.log.cfg.Logger.ErrorContext(context.Background(), "audit segments are missing that the service did not retire", "first_seq", last.Retired, "before_seq", first)
	}
	return k.reread(segs, next, marks)
}

// reread hashes the segments from the one on that holds the first record of the last checkpoint's span.
func (k *keeper) reread(segs []segmentFile, next uint64, marks []*mark) error {
	i, last := 0, marks[len(marks)-1]
	for i+1 < len(segs) && segs[i+1].first <= last.since.begin {
		i++
	}
	base := segs[i].first
	if base > last.Size {
		return tampered("records %d to %d are not there and no checkpoint covers them", last.Size, base-1)
	}
	if n := uint64(total(segs[i:])); next-base > n {
		return tampered("%d bytes cannot hold the records %d to %d", n, base, next-1)
	}
	leaves := slices.Repeat([]tlog.Hash{lostRecord}, int(next-base))
	for _, s := range segs[i:] {
		if err := hashSegment(s, base, leaves); err != nil {
			return err
		}
	}
	for _, m := range marks {
		if err := k.compare(segs[i:], base, leaves, m); err != nil {
			return err
		}
	}
	return k.requeue(segs[i:], base, leaves, last.Size)
}

// hashSegment puts the hash of each whole record at its number.
func hashSegment(s segmentFile, base uint64, leaves []tlog.Hash) error {
	return eachLine(s.path, func(ln []byte, _ int64, ended bool) bool {
		if seq, ok := seqOf(ln); ended && ok && seq >= base && seq-base < uint64(len(leaves)) && leaves[seq-base] == lostRecord {
			leaves[seq-base] = tlog.RecordHash(ln)
		}
		return true
	})
}

// compare holds the records of a checkpoint's span against it, if they were all read.
func (k *keeper) compare(segs []segmentFile, base uint64, leaves []tlog.Hash, m *mark) error {
	if m.since.begin < base || m.Size > base+uint64(len(leaves)) {
		return nil
	}
	got := emptySpan(m.since.begin)
	for _, h := range leaves[got.begin-base : m.Size-base] {
		got.leaf(h)
	}
	if slices.Equal(got.hashes(), m.since.hashes()) {
		return nil
	}
	for seq := got.begin; seq < m.Size; seq++ {
		s := segmentHolding(segs, seq)
		if kept := readLeaves(k.log.dir, s.first, seq, seq+1); len(kept) == 1 && kept[0] != leaves[seq-base] {
			return tampered("%s: record %d", filepath.Base(s.path), seq)
		}
	}
	return tampered("%s: one of the records %d to %d", filepath.Base(segs[0].path), got.begin, m.Size-1)
}

// segmentHolding finds the segment that a record belongs to; segs[0] begins at or before it.
func segmentHolding(segs []segmentFile, seq uint64) segmentFile {
	i, _ := slices.BinarySearchFunc(segs, seq, func(s segmentFile, seq uint64) int {
		if s.first <= seq {
			return -1
		}
		return 1
	})
	return segs[max(0, i-1)]
}

// requeue brings the files of hashes up to what the last checkpoint covers, and queues the rest.
func (k *keeper) requeue(segs []segmentFile, base uint64, leaves []tlog.Hash, signed uint64) error {
	end := base + uint64(len(leaves))
	for i, s := range segs {
		until := end
		if i+1 < len(segs) {
			until = min(segs[i+1].first, end)
		}
		covered := min(max(signed, s.first), until)
		if covered > s.first || i == 0 {
			if err := k.fillLeaves(s, base, leaves, covered); err != nil {
				return err
			}
		}
		if covered < until {
			k.queue = append(k.queue, batch{segment: s.first, hashes: leaves[covered-base : until-base]})
		}
	}
	return nil
}

// fillLeaves keeps of the hashes of a segment those of records below covered, and adds what is missing.
// Later ones may be of records that a power cut took.
func (k *keeper) fillLeaves(s segmentFile, base uint64, leaves []tlog.Hash, covered uint64) error {
	have := readLeaves(k.log.dir, s.first, s.first, covered)
	f, err := openLeaves(k.log.dir, s.first, int64(len(have)))
	if err != nil {
		return err
	}
	if k.leaves != nil {
		k.leaves.f.Close()
	}
	k.segment, k.leaves = s.first, f
	return f.write(bytesOf(leaves[s.first+uint64(len(have))-base : covered-base]))
}

// ownKey keeps the verifier key beside the log. One that is another was put there by somebody else, or
// the log is another store's.
func (k *keeper) ownKey() error {
	path := filepath.Join(k.log.dir, keyName)
	text, err := os.ReadFile(path)
	switch own := k.signer.VerifierKey(); {
	case err == nil && strings.TrimSpace(string(text)) == own:
		return nil
	case err == nil:
		return tampered("%s is not %s, the key of this store", path, own)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		return replaceFile(path, []byte(own+"\n"))
	}
}
