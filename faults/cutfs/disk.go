// Package cutfs is a file system in memory whose power can be cut: what was not flushed is lost in
// part, at random, as real disks lose it.
//
// Mount serves it through FUSE. Cut returns what a machine would find after the power came back.
// Fail makes calls fail as a full or a broken disk does. Serve it from another process than the one
// that uses it: a page fault on a mapped file cannot be preempted, so that a garbage collection in
// the serving process could wait for it and never end.
package cutfs

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A Disk is one such file system. All methods may be called concurrently.
type Disk struct {
	mu      sync.Mutex
	root    *directory
	names   []naming // not flushed, oldest first
	changes int      // so far
	cuts    []cut
	fail    failure
	journal bool
	size    int    // in bytes of whole blocks; negative: without limit
	stable  uint64 // the last inode number given out
}

// node is what files and directories have in common.
type node struct {
	fs.Inode
	disk  *Disk
	mode  uint32
	owner fuse.Owner
}

// A directory keeps its entries as seen and as flushed.
type directory struct {
	node
	now, flushed map[string]any // *file or *directory
}

// A naming gives names new meanings, all or none: two for a rename. A nil to removes the name.
type naming []struct {
	in   *directory
	name string
	to   any
}

// A cut is a Cut that waits for its moment.
type cut struct {
	at   int
	take func()
}

type failure struct {
	from, to int // counted in changes
	errno    syscall.Errno
}

// New returns an empty disk.
func New() *Disk {
	d := &Disk{size: -1}
	d.root = d.newDirectory(context.Background(), 0o700)
	return d
}

// Changes is how many changes there were so far.
func (d *Disk) Changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes
}

func (d *Disk) newDirectory(ctx context.Context, mode uint32) *directory {
	return &directory{node: node{disk: d, mode: mode & 0o777, owner: owner(ctx)}, now: map[string]any{}, flushed: map[string]any{}}
}

func (d *Disk) newFile(ctx context.Context, mode uint32) *file {
	return &file{node: node{disk: d, mode: mode & 0o777, owner: owner(ctx)}, kind: syscall.S_IFREG, cache: map[int][][]byte{}}
}

// owner is whoever asks.
func owner(ctx context.Context) fuse.Owner {
	if caller, ok := fuse.FromContext(ctx); ok {
		return caller.Owner
	}
	return fuse.Owner{}
}

// An Image is what a disk holds: contents by path. An empty directory ends in a slash; others are made as files
// need them.
type Image map[string][]byte

// Cut plans a power cut after so many more changes (writes, flushes, names made and removed), and
// returns at once. The channel gives the disk as the cut leaves it: what was flushed is there. Of the
// rest each piece is kept with probability keep: 0 is the least that any disk keeps, 1 is a crash of
// the program alone. with is called at the moment of the cut; nothing changes while it runs.
func (d *Disk) Cut(changes int, keep float64, rng *rand.Rand, with func()) <-chan Image {
	image := make(chan Image, 1)
	take := func() {
		with()
		image <- d.image(rng, keep)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if changes <= 0 {
		take()
	} else {
		d.cuts = append(d.cuts, cut{at: d.changes + changes, take: take})
	}
	return image
}

// Journal has every flush, of whatever, make all names durable that were made or removed before it, as the
// journals of ext4 and XFS do. PostgreSQL counts on it: it does not flush the directory of a new table's file.
func (d *Disk) Journal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.journal = true
}

// Fail lets so many more changes pass, and then has as many fail with errno as times says. It
// replaces what Fail said before.
func (d *Disk) Fail(changes, times int, errno syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := d.changes + changes
	d.fail = failure{from: from, to: from + times, errno: errno}
}

// Room leaves so many bytes for files to grow by; negative: without limit. A write for which there is not all the
// room is cut short, one for which there is none fails with ENOSPC, and so does a new name.
func (d *Disk) Room(bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size = -1
	if bytes >= 0 {
		d.size = d.used(d.root) + bytes
	}
}

// block is what a disk gives a file at a time.
const block = 4096

func blocks(size int) int { return (size + block - 1) / block * block }

// used is what the files below a directory take up.
func (d *Disk) used(dir *directory) (bytes int) {
	for _, child := range dir.now {
		switch child := child.(type) {
		case *directory:
			bytes += d.used(child)
		case *file:
			bytes += blocks(len(child.now))
		}
	}
	return bytes
}

// fits returns how many bytes of a write at an offset there is room for.
func (d *Disk) fits(f *file, off, length int) int {
	if d.size < 0 || f.scratch || off+length <= blocks(len(f.now)) {
		return length
	}
	end := blocks(len(f.now)) + max(0, d.size-d.used(d.root))/block*block
	return min(length, max(0, end-off))
}

// full reports whether there is no room for a new name.
func (d *Disk) full() bool { return d.size >= 0 && d.used(d.root) >= d.size }

// change counts and makes one change, or fails it.
func (d *Disk) change(do func()) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.changes
	d.changes++
	failing := d.fail.from <= n && n < d.fail.to
	if !failing {
		do()
	}
	d.cuts = slices.DeleteFunc(d.cuts, func(c cut) bool {
		due := c.at <= d.changes
		if due {
			c.take()
		}
		return due
	})
	if failing {
		return d.fail.errno
	}
	return 0
}

// rename gives names new meanings, for now in the cache.
func (d *Disk) rename(n naming) {
	for _, c := range n {
		set(c.in.now, c.name, c.to)
	}
	d.names = append(d.names, n)
}

// flushNames makes durable what names the directory has; all that there are, where there is a journal.
func (d *Disk) flushNames(dir *directory) {
	d.names = slices.DeleteFunc(d.names, func(n naming) bool {
		for _, c := range n {
			if c.in == dir || d.journal {
				n.apply(func(dir *directory) map[string]any { return dir.flushed })
				return true
			}
		}
		return false
	})
}

func (n naming) apply(entries func(*directory) map[string]any) {
	for _, c := range n {
		set(entries(c.in), c.name, c.to)
	}
}

func set(entries map[string]any, name string, to any) {
	if to == nil {
		delete(entries, name)
		return
	}
	entries[name] = to
}

// image is taken with mu held.
func (d *Disk) image(rng *rand.Rand, keep float64) Image {
	kept := map[*directory]map[string]any{}
	entries := func(dir *directory) map[string]any {
		if kept[dir] == nil {
			kept[dir] = maps.Clone(dir.flushed)
		}
		return kept[dir]
	}
	for _, n := range d.names {
		if rng.Float64() < keep {
			n.apply(entries)
		}
	}
	image := Image{}
	var walk func(path string, dir *directory)
	walk = func(path string, dir *directory) {
		if len(entries(dir)) == 0 && dir != d.root {
			image[path+"/"] = nil
		}
		for name, child := range entries(dir) {
			switch child := child.(type) {
			case *directory:
				walk(filepath.Join(path, name), child)
			case *file:
				if child.kind == syscall.S_IFREG {
					image[filepath.Join(path, name)] = child.afterCut(rng, keep)
				}
			}
		}
	}
	walk("", d.root)
	return image
}

// Save writes the image to a real directory.
func (i Image) Save(dir string) error {
	for path, content := range i {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if strings.HasSuffix(path, "/") {
			if err := os.MkdirAll(to, 0o700); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// scratch reports whether a file is SQLite's shared memory. The kernel writes that at its leisure
// from a mapping, and nobody reads it after a crash: counting it would only make cuts wander.
func scratch(name string) bool { return strings.HasSuffix(name, "-shm") }
