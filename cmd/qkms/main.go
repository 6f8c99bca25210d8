// Command qkms is a key management service that speaks the AWS KMS API: the server and everything an
// operator does to it. `qkms help` lists the verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"qkms/internal/seal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a second signal ends the process at once
	err := seal.Harden()         // first thing: some verbs make keys or read passphrases before they open a store
	if err == nil {
		err = run(ctx, os.Args[1:], os.Getenv, stdio{os.Stdin, os.Stdout, os.Stderr})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "qkms:", err)
	}
	os.Exit(exitCode(err))
}

// stdio is what a command reads and writes.
type stdio struct {
	in  io.Reader
	out io.Writer // what was asked for
	err io.Writer // everything else
}

// A usageError is a command that cannot be understood, as against one that failed.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func misused(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}
