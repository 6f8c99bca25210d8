//go:build !linux

package main

import (
	"errors"
	"io"
)

// On other systems a passphrase comes from a file.

func isTerminal(io.Reader) bool { return false }

func ask(io.Reader, io.Writer, string) ([]byte, error) {
	return nil, errors.New("give --passphrase-file on this system")
}
