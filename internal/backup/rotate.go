package backup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	stampFormat = "20060102T150405Z"
	suffix      = ".backup"
)

// prefixOf begins the names of a store's backups in a directory, which several may share.
func prefixOf(store [16]byte) string { return fmt.Sprintf("qkms-%x-", store[:4]) }

// CreateIn is Create under a name made of the store and the time, qkms-0c4d6c1e-20260102T030405Z.backup,
// in an existing directory. keep is how many of the store's backups to leave there, the new one included;
// 0: all. Older ones are removed only once the new one was read back: if backups fail, none is removed.
func CreateIn(ctx context.Context, src Source, dir string, keep int, say func(Progress)) (Made, []string, error) {
	id := src.Book.Ring().StoreID()
	name := prefixOf(id) + src.Now().UTC().Format(stampFormat) + suffix
	made, err := Create(ctx, src, filepath.Join(dir, name), say)
	if err != nil || keep < 1 {
		return made, nil, err
	}
	removed, err := retire(dir, id, keep)
	if err != nil {
		err = fmt.Errorf("%s is made; remove older backups: %w", made.Path, err)
	}
	return made, removed, err
}

// retire removes the oldest files that CreateIn made for a store. One whose name says so and whose end
// does not is somebody else's, or cut: it stays, and is not counted.
func retire(dir string, store [16]byte, keep int) (removed []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var mine []string
	for _, e := range entries {
		stamp, begins := strings.CutPrefix(e.Name(), prefixOf(store))
		stamp, ends := strings.CutSuffix(stamp, suffix)
		if !begins || !ends || !e.Type().IsRegular() {
			continue
		}
		if _, err := time.Parse(stampFormat, stamp); err != nil {
			continue
		}
		if s, err := head(filepath.Join(dir, e.Name())); err == nil && s.Store == store {
			mine = append(mine, e.Name())
		}
	}
	slices.Sort(mine) // by time: the names differ in that alone
	for _, name := range mine[:max(0, len(mine)-keep)] {
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil {
			return removed, err
		}
		removed = append(removed, path)
	}
	return removed, syncDirectory(dir)
}
