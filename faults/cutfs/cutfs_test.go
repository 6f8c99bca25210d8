package cutfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"qkms/faults/cutfs"
)

// mounted returns a disk and where it is. These tests map no file, so the disk may live in their process.
func mounted(t *testing.T) (*cutfs.Disk, string) {
	t.Helper()
	disk, dir := cutfs.New(), t.TempDir()
	unmount, err := disk.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return disk, dir
}

// cut is what a power cut leaves now, as text.
func cut(disk *cutfs.Disk, keep float64) string {
	image := <-disk.Cut(0, keep, rand.New(rand.NewPCG(1, 2)), func() {})
	var files []string
	for path, content := range image {
		files = append(files, fmt.Sprintf("%s=%s", path, content))
	}
	slices.Sort(files)
	return fmt.Sprint(files)
}

// A step does something to the disk, then says what the worst disk and the best would keep.
type step struct {
	do           func(dir string) error
	least, whole string
}

func TestWhatACutLeaves(t *testing.T) {
	write := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	}
	sync := func(name string) func(string) error {
		return func(dir string) error {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		}
	}
	for name, steps := range map[string][]step{
		"data and name need a flush each": {
			{write("a", "one"), "[]", "[a=one]"},
			{sync("a"), "[]", "[a=one]"},
			{sync("."), "[a=one]", "[a=one]"},
			{write("b", "two"), "[a=one]", "[a=one b=two]"},
			{sync("."), "[a=one b=]", "[a=one b=two]"},
			{sync("b"), "[a=one b=two]", "[a=one b=two]"},
		},
		"overwriting": {
			{write("a", "one"), "[]", "[a=one]"},
			{sync("a"), "[]", "[a=one]"},
			{sync("."), "[a=one]", "[a=one]"},
			{write("a", "longer"), "[a=one]", "[a=longer]"},
			{sync("a"), "[a=longer]", "[a=longer]"},
		},
		"shortening": {
			{write("a", "long"), "[]", "[a=long]"},
			{sync("a"), "[]", "[a=long]"},
			{sync("."), "[a=long]", "[a=long]"},
			{func(dir string) error { return os.Truncate(filepath.Join(dir, "a"), 2) }, "[a=long]", "[a=lo]"},
			{func(dir string) error { return os.Truncate(filepath.Join(dir, "a"), 3) }, "[a=long]", "[a=lo\x00]"},
			{sync("a"), "[a=lo\x00]", "[a=lo\x00]"},
		},
		"renaming and removing": {
			{write("a", "one"), "[]", "[a=one]"},
			{sync("a"), "[]", "[a=one]"},
			{sync("."), "[a=one]", "[a=one]"},
			{func(dir string) error { return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")) }, "[a=one]", "[b=one]"},
			{sync("."), "[b=one]", "[b=one]"},
			{func(dir string) error { return os.Remove(filepath.Join(dir, "b")) }, "[b=one]", "[]"},
			{sync("."), "[]", "[]"},
		},
		"a second name": {
			{write("a", "one"), "[]", "[a=one]"},
			{sync("a"), "[]", "[a=one]"},
			{func(dir string) error { return os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")) }, "[]", "[a=one b=one]"},
			{sync("."), "[a=one b=one]", "[a=one b=one]"},
			{func(dir string) error { return os.Remove(filepath.Join(dir, "a")) }, "[a=one b=one]", "[b=one]"},
			{write("b", "two"), "[a=one b=one]", "[b=two]"},
			{sync("b"), "[a=two b=two]", "[b=two]"},
		},
		"a directory in its parent": {
			{func(dir string) error { return os.Mkdir(filepath.Join(dir, "d"), 0o700) }, "[]", "[d/=]"},
			{write("d/a", "one"), "[]", "[d/a=one]"},
			{sync("d/a"), "[]", "[d/a=one]"},
			{sync("d"), "[]", "[d/a=one]"},
			{sync("."), "[d/a=one]", "[d/a=one]"},
			{func(dir string) error { return os.Remove(filepath.Join(dir, "d/a")) }, "[d/a=one]", "[d/=]"},
			{func(dir string) error { return os.Remove(filepath.Join(dir, "d")) }, "[d/a=one]", "[]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			disk, dir := mounted(t)
			for i, step := range steps {
				if err := step.do(dir); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				if least, whole := cut(disk, 0), cut(disk, 1); least != step.least || whole != step.whole {
					t.Errorf("step %d: got %q at worst, %q at best, want %q, %q", i, least, whole, step.least, step.whole)
				}
			}
		})
	}
}

// With a journal a file that was flushed has its name, and so has what was named before it.
func TestJournal(t *testing.T) {
	disk, dir := mounted(t)
	disk.Journal()
	for _, name := range []string{"before", "flushed", "after"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "flushed" {
			err = f.Sync()
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if got := cut(disk, 0); got != "[before= flushed=]" {
		t.Errorf("got %s, want what was there at the flush", got)
	}
}

// Between the worst and the best disk, a long write comes back in sectors of before and after.
func TestACutTearsBetweenSectors(t *testing.T) {
	disk, dir := mounted(t)
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const sectors = 64
	for _, letter := range []string{"A", "B", "C"} {
		if _, err := f.WriteAt(bytes.Repeat([]byte(letter), sectors*512), 0); err != nil {
			t.Fatal(err)
		}
		if letter == "A" {
			if err := errors.Join(f.Sync(), d.Sync()); err != nil {
				t.Fatal(err)
			}
		}
	}
	content := (<-disk.Cut(0, 0.5, rand.New(rand.NewPCG(3, 4)), func() {}))["f"]
	seen := map[byte]int{}
	for s := range sectors {
		one := content[s*512 : (s+1)*512]
		if !bytes.Equal(one, bytes.Repeat(one[:1], 512)) {
			t.Errorf("sector %d is torn", s)
		}
		seen[one[0]]++
	}
	if len(seen) != 3 || seen['A']+seen['B']+seen['C'] != sectors {
		t.Errorf("got sectors %v, want some of each of A, B and C", seen)
	}
}

func TestCutComesAtItsChange(t *testing.T) {
	disk, dir := mounted(t)
	var images []<-chan cutfs.Image
	for n := range 4 {
		images = append(images, disk.Cut(n, 1, rand.New(rand.NewPCG(5, 6)), func() {}))
	}
	f, err := os.Create(filepath.Join(dir, "f")) // the first change
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if _, err := f.WriteString("x"); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range []string{"map[]", "map[f:]", "map[f:x]", "map[f:xx]"} {
		if got := fmt.Sprintf("%s", <-images[n]); got != want {
			t.Errorf("after %d changes: got %s, want %s", n, got, want)
		}
	}
}

func TestRoom(t *testing.T) {
	disk, dir := mounted(t)
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 5000)); err != nil { // two blocks
		t.Fatal(err)
	}
	disk.Room(4096)
	if n, err := f.Write(make([]byte, 10_000)); n != 3*4096-5000 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %d bytes, %v, want those that three blocks have room for", n, err)
	}
	if _, err := f.WriteAt([]byte("in place"), 0); err != nil {
		t.Errorf("what takes no room: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a new name: got %v, want ENOSPC", err)
	}
	if err := f.Truncate(4096); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Errorf("with room again: %v", err)
	}
	disk.Room(-1)
	if _, err := f.WriteAt(make([]byte, 1<<20), 0); err != nil {
		t.Errorf("without limit: %v", err)
	}
}

func TestFailFailsItsChangesAlone(t *testing.T) {
	disk, dir := mounted(t)
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	disk.Fail(1, 2, syscall.ENOSPC)
	for n, want := range []error{nil, syscall.ENOSPC, syscall.ENOSPC, nil} {
		if _, err := f.WriteAt([]byte{byte('a' + n)}, int64(n)); !errors.Is(err, want) {
			t.Errorf("change %d: got error %v, want %v", n, err, want)
		}
	}
	if got := cut(disk, 1); got != "[f=a\x00\x00d]" {
		t.Errorf("got %q, want the first and the last", got)
	}
}
