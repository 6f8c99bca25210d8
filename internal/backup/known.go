package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// knownFile is where a data directory has what is known of its backups. Nothing depends on it: it is for people, and for
// monitoring.
const knownFile = "backups.json"

// mostKnown are as many as are remembered.
const mostKnown = 50

// A Known is a backup that was made here.
type Known struct {
	Path     string    `json:"path"`
	At       time.Time `json:"at"` // everything acknowledged before is in it
	Bytes    int64     `json:"bytes"`
	Records  int       `json:"records"`
	SHA256   string    `json:"sha256"`
	Verified time.Time `json:"verified"`        // when it was read back and every record opened: when it was made
	Proved   time.Time `json:"proved,omitzero"` // when it was last restored on trial, and every key used; zero: never, or elsewhere
}

// A Register remembers the backups made by the node of a data directory. Its methods may be called concurrently.
type Register struct {
	dir string
	mu  sync.Mutex // guards the file
}

// NewRegister returns the register of a data directory. It does no I/O.
func NewRegister(dir string) *Register { return &Register{dir: dir} }

// All are the backups known, the newest first. There may be none, and files may be gone.
func (r *Register) All() ([]Known, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read()
}

func (r *Register) read() (all []Known, err error) {
	text, err := os.ReadFile(filepath.Join(r.dir, knownFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("what is known of backups: %w", err)
	}
	return all, nil
}

// Made remembers a backup, and forgets those that were removed for it.
func (r *Register) Made(m Made, removed []string, now time.Time) error {
	return r.change(func(all []Known) []Known {
		all = slices.DeleteFunc(all, func(k Known) bool { return k.Path == m.Path || slices.Contains(removed, k.Path) })
		k := Known{Path: m.Path, At: m.At, Bytes: m.Bytes, Records: m.Records, SHA256: m.SHA256, Verified: now.UTC()}
		return slices.Insert(all, 0, k)[:min(len(all)+1, mostKnown)]
	})
}

// Proved remembers that a backup was restored on trial.
func (r *Register) Proved(sum string, now time.Time) error {
	return r.change(func(all []Known) []Known {
		for i := range all {
			if all[i].SHA256 == sum {
				all[i].Proved = now.UTC()
			}
		}
		return all
	})
}

// change replaces the file, whole. One that cannot be read is begun anew: what it said can be had from the backups themselves.
func (r *Register) change(do func([]Known) []Known) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, err := r.read()
	if _, damaged := errors.AsType[*json.SyntaxError](err); err != nil && !damaged {
		return err
	}
	text, err := json.MarshalIndent(do(all), "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(r.dir, knownFile)
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// LastVerified is when a backup was last read back or restored on trial; zero: none is known.
func (r *Register) LastVerified() (last time.Time) {
	all, _ := r.All() // whoever looks at the backups hears of the error
	for _, k := range all {
		for _, t := range []time.Time{k.Verified, k.Proved} {
			if t.After(last) {
				last = t
			}
		}
	}
	return last
}
