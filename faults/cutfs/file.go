package cutfs

import "math/rand/v2"

// sector is what a disk writes as one; a power cut tears anything longer.
const sector = 512

// A file is what a program sees of it, what is on the platter, and what the cache holds between the two.
type file struct {
	node
	kind    uint32           // S_IFREG; of what no power cut leaves anything: S_IFLNK, whose target is what is read, and S_IFSOCK
	scratch bool             // not worth counting: see scratch
	now     []byte           // as read
	safe    []byte           // as flushed
	cache   map[int][][]byte // by sector number: its contents since the last flush, oldest first
	sizes   []int            // lengths since the last flush
}

func (f *file) write(data []byte, off int) {
	f.resize(max(len(f.now), off+len(data)))
	copy(f.now[off:], data)
	f.dirty(off, off+len(data))
}

// resize sets the length; what comes back after a cut reads as zero.
func (f *file) resize(size int) {
	if size == len(f.now) {
		return
	}
	f.sizes = append(f.sizes, size)
	if old := len(f.now); size < old {
		clear(f.now[size:])
		f.dirty(size, old)
		f.now = f.now[:size]
		return
	}
	f.now = append(f.now, make([]byte, size-len(f.now))...)
}

// dirty remembers what the sectors of a range now hold.
func (f *file) dirty(from, to int) {
	for s := from / sector; s*sector < to; s++ {
		content := make([]byte, sector)
		copy(content, f.now[s*sector:])
		f.cache[s] = append(f.cache[s], content)
	}
}

// flush is fsync.
func (f *file) flush() {
	f.safe = append(f.safe, make([]byte, max(0, len(f.now)-len(f.safe)))...)[:len(f.now)]
	for s := range f.cache {
		if s*sector < len(f.now) {
			copy(f.safe[s*sector:], f.now[s*sector:min(len(f.now), (s+1)*sector)])
		}
	}
	clear(f.cache)
	f.sizes = nil
	if f.disk.journal {
		f.disk.flushNames(nil)
	}
}

// afterCut returns what a power cut leaves: all that was flushed, and of every sector that was not, one of its
// contents since, kept with the given probability. A disk reorders as it likes.
func (f *file) afterCut(rng *rand.Rand, keep float64) []byte {
	size := len(f.safe)
	if len(f.sizes) > 0 && rng.Float64() < keep {
		size = pick(rng, keep, f.sizes)
	}
	left := resized(f.safe, size)
	for s, contents := range f.cache {
		if s*sector < size && rng.Float64() < keep {
			copy(left[s*sector:], pick(rng, keep, contents))
		}
	}
	return left
}

// pick takes the newest, or with the cut's luck any.
func pick[T any](rng *rand.Rand, keep float64, versions []T) T {
	if rng.Float64() < keep {
		return versions[len(versions)-1]
	}
	return versions[rng.IntN(len(versions))]
}

// resized returns a copy of b with the given length, zeros added.
func resized(b []byte, size int) []byte {
	out := make([]byte, size)
	copy(out, b)
	return out
}
