package admin

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// hardened looks at the ways by which memory gets onto a disk.
func hardened() []Check {
	return []Check{dumps(), swap()}
}

func dumps() Check {
	var limit unix.Rlimit
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err == nil {
		err = unix.Getrlimit(unix.RLIMIT_CORE, &limit)
	}
	if err != nil || dumpable != 0 || limit.Cur != 0 {
		return Check{"core dumps", Problem, "a crash of this process would write keys to disk"}
	}
	return Check{"core dumps", Fine, "off, and no other process of the same user may look in"}
}

// swap counts what the cgroup of the process may use of it (cgroup v2), not what the machine has.
func swap() Check {
	const advice = "the machine has swap, where key bytes may end up: encrypt it, or start the service with MemorySwapMax=0"
	if noSwapHere() {
		return Check{"swap", Fine, "not for this process"}
	}
	lines, err := os.ReadFile("/proc/swaps")
	switch {
	case err != nil:
		return Check{"swap", Notice, "not known: " + err.Error()}
	case bytes.Count(lines, []byte("\n")) <= 1: // the heading
		return Check{"swap", Fine, "the machine has none"}
	}
	return Check{"swap", Notice, advice}
}

func noSwapHere() bool {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return false
	}
	group, ok := bytes.CutPrefix(bytes.TrimSpace(own), []byte("0::"))
	if !ok {
		return false
	}
	most, err := os.ReadFile("/sys/fs/cgroup" + string(group) + "/memory.swap.max")
	return err == nil && string(bytes.TrimSpace(most)) == "0"
}
