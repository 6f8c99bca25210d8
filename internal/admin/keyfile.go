package admin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// NextKeyFile is where a rotation in place of the key file path writes the new root key before the
// store knows of it. A crash leaves both files, one of which opens the store.
func NextKeyFile(path string) string { return path + ".next" }

// FinishKeyFile puts the new key file in the place of the old one, durably: at the end of a rotation,
// and after a crash when it was the new file that opened the store.
func FinishKeyFile(path string) error {
	if err := os.Rename(NextKeyFile(path), path); err != nil {
		return fmt.Errorf("finish the rotation of the root key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
