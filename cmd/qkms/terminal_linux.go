package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// ask reads a line from a terminal without showing it.
func ask(in io.Reader, out io.Writer, prompt string) ([]byte, error) {
	fd := int(in.(*os.File).Fd()) // isTerminal was asked first
	shown, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	hidden := *shown
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return nil, err
	}
	defer func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, shown)
		fmt.Fprintln(out)
	}()
	fmt.Fprint(out, prompt)
	text := make([]byte, maxPassphrase+1)
	n, err := unix.Read(fd, text) // a line at most: the terminal is in canonical mode
	if err != nil {
		return nil, err
	}
	return firstLine(text[:n])
}
