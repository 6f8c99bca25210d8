//go:build unix

package gate

import (
	"math"
	"syscall"
)

// openFiles is how many files the process may have open; 0: nobody knows. Go has raised the limit that is in force to the
// one that may be asked for.
func openFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return int(min(uint64(l.Cur), math.MaxInt32)) // RLIM_INFINITY is larger
}
