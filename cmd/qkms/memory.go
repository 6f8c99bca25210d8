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

	"qkms/internal/gate"
	"qkms/internal/node"
)

// What the process needs besides the cache. Whoever can connect can make it need all of that.
const (
	besideCache   = 128 << 20 // 40 MiB when it does nothing, the rest for requests
	perConnection = 40 << 10  // states and buffers of TLS and HTTP, stacks, and a request whose body is small
	largeBodies   = 256 << 20 // as many of wire.MaxBody as gate.Admission lets in at once
)

// A memoryNeed is what memory is divided by.
type memoryNeed struct {
	cache       int64 // --cache-bytes, or 0
	connections int64 // how many there may be
	allowed     int64 // what the control group may have; math.MaxInt64: no limit
	environment int64 // what GOMEMLIMIT says; math.MaxInt64: off; 0: nothing
}

// front is what those may take who connect.
func (n memoryNeed) front() int64 { return n.connections*perConnection + largeBodies }

// room is all memory there is.
func (n memoryNeed) room() int64 {
	if n.environment == 0 {
		return n.allowed
	}
	return min(n.allowed, n.environment)
}

// A memoryPlan is how the memory of the process is divided.
type memoryPlan struct {
	cache  int64 // --cache-bytes
	limit  int64 // what the garbage collector works to stay below, as GOMEMLIMIT
	wanted int64 // what limit is where there is as much
	tight  bool  // so little of it is left beside a full cache and all connections that collecting would never end
}

// planMemory divides memory. The cache, if nothing is said, is a fourth of what those who connect leave, or an eighth of
// all where they leave less.
//
// The limit is not to be met: half the cache is room for garbage, with which the collector runs as it does without a
// limit. It is there for the day when something else grows, since a process that the kernel ends for its memory has
// flushed nothing.
func planMemory(n memoryNeed) (p memoryPlan) {
	if p.cache = n.cache; p.cache == 0 {
		p.cache = min(node.DefaultCacheBytes, max((n.room()-n.front())/4, n.room()/8))
	}
	most := n.allowed - n.allowed/10
	p.wanted = p.cache + p.cache/2 + besideCache + n.front()
	p.limit = min(p.wanted, most)
	if n.environment != 0 {
		p.limit = n.environment
	}
	p.tight = min(p.limit, most) < p.cache+p.cache/4+besideCache/2+n.front()
	return p
}

// limitMemory makes sure of the plan. Who sets GOMEMLIMIT is not overruled.
func (c *command) limitMemory(ctx context.Context) {
	limits := gate.NewConnections(gate.Limits{Connections: c.MaxConnections}).Limits() // fewer where files are few
	n := memoryNeed{cache: int64(c.CacheBytes), connections: int64(limits.Connections), allowed: controlGroup(os.DirFS("/"))}
	if os.Getenv("GOMEMLIMIT") != "" { // "off" is a word too
		n.environment = debug.SetMemoryLimit(-1)
	}
	p := planMemory(n)
	if n.environment == 0 {
		debug.SetMemoryLimit(p.limit)
	}
	c.CacheBytes = size(p.cache)
	if p.tight {
		c.logger().WarnContext(ctx, "memory is too small for --cache-bytes and --max-connections: once the cache is full and all connections are open, the garbage collector takes the processor from requests, or the kernel ends the process; give less of them, or the process more memory",
			"cache_bytes", p.cache, "max_connections", n.connections, "memory_limit", p.limit, "memory_limit_needed", p.wanted)
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
