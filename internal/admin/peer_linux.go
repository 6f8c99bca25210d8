package admin

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func peerUID(c net.Conn) (int, error) {
	sock, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("a %T is no Unix socket", c)
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	err = errors.Join(raw.Control(func(fd uintptr) {
		var e error
		if cred, e = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); e != nil {
			err = e
		}
	}), err)
	if cred == nil {
		return 0, errors.Join(errors.New("no credentials"), err)
	}
	return int(cred.Uid), nil
}

// private checks that nobody else could put a socket of their own in the directory's place.
func private(dir *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	if me := os.Geteuid(); st.Uid != 0 && int(st.Uid) != me {
		return fmt.Errorf("%s belongs to user id %d, not to %d", dir.Name(), st.Uid, me)
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("others may write in %s (mode %04o): run chmod 700 %s", dir.Name(), st.Mode&0o777, dir.Name())
	}
	return nil
}

// socketIn opens the directory and names its socket by way of the open directory when the plain path
// is longer than an address may be (unix(7): 108 bytes with the zero).
func socketIn(dir string) (*os.File, string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, "", err
	}
	path := Socket(dir)
	if len(path) >= 108 {
		path = filepath.Join(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), filepath.Base(path))
	}
	return f, path, nil
}
