package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"qkms/internal/node"
)

// besideCache is what the process needs besides the cache: 40 MiB when it does nothing, the rest for requests.
const besideCache = 128 << 20

// A memoryPlan is how the memory of the process is divided.
type memoryPlan struct {
	cache int64 // --cache-bytes
	limit int64 // what the garbage collector works to stay below, as GOMEMLIMIT
	tight bool  // so little of it is left beside a full cache that collecting would never end
}

// planMemory divides memory: cache is --cache-bytes, or 0; allowed is what the control group may have, environment
// what GOMEMLIMIT says, both math.MaxInt64 for nothing.
//
// The limit is not to be met: half the cache is room for garbage, with which the collector runs as it does without a
// limit. It is there for the day when something else grows, since a process that the kernel ends for its memory has
// flushed nothing.
func planMemory(cache, allowed, environment int64) (p memoryPlan) {
	room := min(allowed, environment)
	if p.cache = cache; cache == 0 {
		p.cache = min(node.DefaultCacheBytes, room/4)
	}
	p.limit = min(p.cache+p.cache/2+besideCache, allowed-allowed/10)
	if environment != math.MaxInt64 {
		p.limit = environment
	}
	p.tight = p.limit < p.cache+p.cache/4+besideCache/2
	return p
}

// limitMemory makes sure of the plan. Who sets GOMEMLIMIT is not overruled.
func (c *command) limitMemory(ctx context.Context) {
	environment := debug.SetMemoryLimit(-1)
	p := planMemory(int64(c.CacheBytes), controlGroup(os.DirFS("/")), environment)
	if environment == math.MaxInt64 {
		debug.SetMemoryLimit(p.limit)
	}
	c.CacheBytes = size(p.cache)
	if p.tight {
		c.logger().WarnContext(ctx, "memory is too small for --cache-bytes: once the cache is full the garbage collector takes the processor from requests; give less --cache-bytes, or the process more memory",
			"cache_bytes", p.cache, "memory_limit", p.limit, "memory_limit_needed", p.cache+p.cache/2+besideCache)
	}
}

// controlGroup is how many bytes of memory the control group of this process may have, and every one it is in (cgroups(7));
// math.MaxInt64 when there is no limit, or it is not known. root is the file system.
func controlGroup(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return least
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup", "memory.max"
		if parts[1] == "memory" { // version 1
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if parts[0] != "0" {
			continue
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) { // in a container the path may be one outside of it
			if n, ok := bytesIn(root, path.Join(base, dir, file)); ok {
				least = min(least, n)
			}
			if dir == "/" {
				break
			}
		}
	}
	return least
}

// bytesIn reads a number of bytes; "max" is none.
func bytesIn(root fs.FS, file string) (int64, bool) {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0
}

// A size is bytes, written as a number of them or with KiB, MiB or GiB behind.
type size int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (s *size) String() string {
	for _, u := range units {
		if n := int64(*s); n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprint(n/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Set(text string) error {
	number, unit := text, int64(1)
	for _, u := range units {
		if rest, is := strings.CutSuffix(text, u.name); is {
			number, unit = rest, u.bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/8/unit || n*unit < 1<<20 { // it is multiplied
		return errors.New("a number of bytes, 1MiB or more, such as 512MiB or 4GiB")
	}
	*s = size(n * unit)
	return nil
}
