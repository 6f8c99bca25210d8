package faults_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"qkms/faults/cutfs"
)

// TestMain lets the test binary be the process that serves the file system: see package cutfs for
// why it is not the one that uses it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("QKMS_TEST_MOUNT"); dir != "" {
		os.Exit(serve(dir))
	}
	os.Exit(m.Run())
}

// A machine is a mounted disk and how to hurt it.
type machine struct {
	*testing.T
	mount string
	rpc   *rpc.Client
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{T: t, mount: open(t)}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "QKMS_TEST_MOUNT="+m.mount)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.rpc = rpc.NewClient(pipe{out, in})
	t.Cleanup(func() {
		_ = m.rpc.Close() // the end of its input tells it to unmount
		if err := cmd.Wait(); err != nil {
			t.Errorf("the file system's process: %v", err)
		}
	})
	m.call("Ready", struct{}{})
	return m
}

// open is a temporary directory that PostgreSQL's user may enter too.
func open(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

type pipe struct {
	io.Reader
	io.WriteCloser
}

func (m *machine) call(method string, args any) {
	m.Helper()
	if err := m.rpc.Call("Remote."+method, args, &struct{}{}); err != nil {
		m.Fatal(err)
	}
}

// store is where the store is: two directories down, so that those have to survive too.
func (m *machine) store() string { return filepath.Join(m.mount, "var", "qkms", "store.db") }

// acknowledge says that version ver of a writer's records is known to be committed.
func (m *machine) acknowledge(writer int, ver uint64) error {
	return m.rpc.Call("Remote.Acknowledge", Acknowledged{writer, ver}, &struct{}{})
}

// An outage is what a power cut left, and what had been acknowledged when it came.
type outage struct {
	cut          Cut
	acknowledged map[int]uint64
	err          error
}

func (o outage) store() string { return filepath.Join(o.cut.Dir, "var", "qkms", "store.db") }

// cut plans a power cut in so many changes' time, and returns what waits for it.
func (m *machine) cut(changes int, keep float64) (wait func() outage) {
	m.Helper()
	o := outage{cut: Cut{Changes: changes, Keep: keep, Seed: rand.Uint64(), Dir: open(m)}}
	m.call("Plan", o.cut)
	return func() outage {
		o.err = m.rpc.Call("Remote.Await", o.cut, &o.acknowledged)
		return o
	}
}

// fail lets so many changes pass and has as many fail as times says.
func (m *machine) fail(changes, times int, errno syscall.Errno) {
	m.Helper()
	m.call("Fail", Failure{changes, times, errno})
}

// Remote is the disk as the test's process reaches it.
type Remote struct {
	disk  *cutfs.Disk
	mount error

	mu           sync.Mutex
	acknowledged map[int]uint64
	planned      map[Cut]plan
}

// A plan is a cut to come: its image, and what had been acknowledged at its moment.
type plan struct {
	image        <-chan cutfs.Image
	acknowledged map[int]uint64
}

type (
	// Acknowledged names a writer and its newest version.
	Acknowledged struct {
		Writer int
		Ver    uint64
	}
	// Cut has the arguments of Disk.Cut, and where the image goes.
	Cut struct {
		Changes int
		Keep    float64
		Seed    uint64
		Dir     string
	}
	// Failure has the arguments of Disk.Fail.
	Failure struct {
		Changes, Times int
		Errno          syscall.Errno
	}
)

// Ready returns why the disk is not mounted.
func (r *Remote) Ready(struct{}, *struct{}) error { return r.mount }

// Acknowledge notes what no power cut from now on may take.
func (r *Remote) Acknowledge(a Acknowledged, _ *struct{}) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acknowledged[a.Writer] = a.Ver
	return nil
}

// Plan is Disk.Cut.
func (r *Remote) Plan(c Cut, _ *struct{}) error {
	p := plan{acknowledged: map[int]uint64{}}
	p.image = r.disk.Cut(c.Changes, c.Keep, rand.New(rand.NewPCG(c.Seed, 0)), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		maps.Copy(p.acknowledged, r.acknowledged)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.planned[c] = p
	return nil
}

// Await waits for a planned cut, saves its image, and answers with what was acknowledged by then.
func (r *Remote) Await(c Cut, acknowledged *map[int]uint64) error {
	r.mu.Lock()
	p := r.planned[c]
	delete(r.planned, c)
	r.mu.Unlock()
	image := <-p.image
	*acknowledged = p.acknowledged
	return image.Save(c.Dir)
}

// Fail is Disk.Fail.
func (r *Remote) Fail(f Failure, _ *struct{}) error {
	r.disk.Fail(f.Changes, f.Times, f.Errno)
	return nil
}

// Changes is Disk.Changes.
func (r *Remote) Changes(_ struct{}, n *int) error {
	*n = r.disk.Changes()
	return nil
}

// Journal is Disk.Journal.
func (r *Remote) Journal(struct{}, *struct{}) error {
	r.disk.Journal()
	return nil
}

// Room is Disk.Room.
func (r *Remote) Room(bytes int, _ *struct{}) error {
	r.disk.Room(bytes)
	return nil
}

// serve mounts a disk at dir and obeys until its input ends.
func serve(dir string) int {
	remote := &Remote{disk: cutfs.New(), acknowledged: map[int]uint64{}, planned: map[Cut]plan{}}
	var unmount func() error
	unmount, remote.mount = remote.disk.Mount(dir)
	if err := rpc.Register(remote); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	rpc.ServeConn(pipe{os.Stdin, os.Stdout})
	if unmount == nil || unmount() == nil {
		return 0
	}
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil { // its user died with files open
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
