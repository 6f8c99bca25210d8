//go:build unix

package seal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// private checks that the file is nobody else's to read, or to replace by changing it in place.
func private(path string, info os.FileInfo, denied os.FileMode) error {
	if mode := info.Mode().Perm(); mode&denied != 0 {
		return fmt.Errorf("%s is open to others (mode %04o): run chmod 600 %s", path, mode, path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: owner unknown", path)
	}
	if uid := os.Geteuid(); stat.Uid != 0 && int64(stat.Uid) != int64(uid) {
		return fmt.Errorf("%s belongs to user id %d, who could exchange the key: run chown %d %s", path, stat.Uid, uid, path)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
