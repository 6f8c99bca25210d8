package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

// A file is a copy of the log in one file, which is renamed when it is large: PATH, PATH.1 and so on, the
// oldest last. It is for programs that follow a file and know nothing of segments.
type file struct {
	path string
	size int64 // beyond, the file is renamed
	keep int   // how many renamed ones are left
	f    *os.File
	end  int64
}

func newFile(u *url.URL, o *options) (sender, error) {
	if err := onlyPath(u); err != nil {
		return nil, err
	}
	s := &file{path: u.Path, size: int64(o.number("size", 100, 1, 1<<20)) << 20, keep: o.number("keep", 9, 1, 9999)}
	return s, s.open() // so that a directory that is not there is found at the start
}

// open opens the file for more. Part of a line at its end was never finished, and comes again.
func (s *file) open() error {
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.f = f
	if s.end, err = wholeLines(f); err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

// wholeLines is where the last whole line of f ends.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no file", f.Name())
	}
	from := max(0, info.Size()-2*batchBytes)
	b, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	return from + int64(bytes.LastIndexByte(b, '\n')+1), err
}

func (s *file) send(_ context.Context, lines [][]byte) error {
	if s.f == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	text := joined(lines)
	if s.end > 0 && s.end+int64(len(text)) > s.size {
		if err := s.turn(); err != nil {
			return err
		}
	}
	_, err := s.f.WriteAt(text, s.end) // over what a failed attempt left
	if err == nil {
		err = s.f.Truncate(s.end + int64(len(text)))
	}
	if err == nil {
		err = s.f.Sync()
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	s.end += int64(len(text))
	return nil
}

// turn renames the file and the ones before, and begins another.
func (s *file) turn() error {
	if err := s.close(); err != nil {
		return err
	}
	for n := s.keep; n > 0; n-- {
		from := fmt.Sprint(s.path, ".", n-1)
		if n == 1 {
			from = s.path
		}
		if err := os.Rename(from, fmt.Sprint(s.path, ".", n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return s.open()
}

func (s *file) close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}
