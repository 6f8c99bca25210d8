package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Tail returns the last n whole lines of the log in dir, oldest first, as they stand there.
func Tail(dir string, n int) ([][]byte, error) {
	segs, err := segments(dir)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	var out [][]byte
	for _, s := range slices.Backward(segs) {
		if len(out) >= n {
			break
		}
		var lines [][]byte
		err := eachLine(s.path, func(ln []byte, _ int64, ended bool) bool {
			if ended {
				lines = append(lines, bytes.Clone(ln))
				if len(lines) > 2*n {
					lines = slices.Clone(lines[len(lines)-n:])
				}
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		out = slices.Concat(lines[max(0, len(lines)-(n-len(out))):], out)
	}
	return out, nil
}

// Follow calls do with each whole line from record next on, as it is added to the log in dir, until ctx
// is done or do fails.
func Follow(ctx context.Context, dir string, next uint64, do func(line []byte) error) error {
	segs, err := segments(dir)
	if err != nil {
		return fmt.Errorf("follow audit log: %w", err)
	}
	var at segmentFile // size: how far it was read
	if len(segs) > 0 {
		at = segmentHolding(segs, next)
		at.size = 0
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		at, err = follow(dir, at, func(line []byte) error {
			if seq, ok := seqOf(line); ok && seq < next {
				return nil
			}
			return do(line)
		})
		if err != nil {
			return fmt.Errorf("follow audit log: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// follow reads on from at, through segments that were begun since.
func follow(dir string, at segmentFile, do func([]byte) error) (segmentFile, error) {
	segs, err := segments(dir) // before the present one is read: what it got later comes next time
	if err != nil {
		return at, err
	}
	segs = slices.DeleteFunc(segs, func(s segmentFile) bool { return s.first <= at.first && at.path != "" })
	for {
		if at.path != "" {
			if at.size, err = readOn(at, do); err != nil && !errors.Is(err, fs.ErrNotExist) { // moved away since
				return at, err
			}
		}
		if len(segs) == 0 {
			return at, nil
		}
		at, segs = segs[0], segs[1:]
		at.size = 0
	}
}

func readOn(at segmentFile, do func([]byte) error) (int64, error) {
	f, err := os.Open(at.path)
	if err != nil {
		return at.size, err
	}
	defer f.Close()
	if _, err := f.Seek(at.size, io.SeekStart); err != nil {
		return at.size, err
	}
	var failed error
	err = eachLineOf(f, func(ln []byte, _ int64, ended bool) bool {
		if ended {
			at.size += int64(len(ln)) + 1
			failed = do(ln)
		}
		return failed == nil
	})
	return at.size, errors.Join(failed, ignoreStop(err))
}
