package sink

import (
	"context"
	"errors"
	"io"
	"net/url"
)

// A stdout writes one line a record.
type stdout struct {
	to      io.Writer
	pending chan error // of a write that was not waited for; nil: none
}

func newStdout(u *url.URL, to io.Writer) (sender, error) {
	if u.Host != "" || u.Path != "" || u.Opaque != "" {
		return nil, errors.New("write stdout: and nothing more")
	}
	return &stdout{to: to}, nil
}

// send writes in a goroutine: a pipe that nobody reads blocks for ever, and no deadline ends that. The
// next batch waits for the one before.
func (s *stdout) send(ctx context.Context, lines [][]byte) error {
	if s.pending == nil {
		done := make(chan error, 1)
		text := joined(lines)
		go func() {
			_, err := s.to.Write(text)
			done <- err
		}()
		s.pending = done
	}
	select {
	case err := <-s.pending:
		s.pending = nil
		return err
	case <-ctx.Done():
		return errors.New("nobody reads the standard output")
	}
}

func (s *stdout) close() error { return nil }

// joined is NDJSON.
func joined(lines [][]byte) []byte {
	b := make([]byte, 0, size(lines))
	for _, ln := range lines {
		b = append(append(b, ln...), '\n')
	}
	return b
}
