package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"qkms/internal/admin"
)

// doctor is `qkms doctor`: what can be seen of the data directory from outside, then what the store
// says of itself.
func doctor(ctx context.Context, c *command) error {
	if c.StoreTest != "" {
		return testStore(ctx, c)
	}
	checks := []admin.Check{c.modes(), c.running(), c.rootKeyPlace(), space(c.Data), clock()}
	if !c.NoTLS {
		checks = append(checks, c.certificateLife(time.Now()))
	}
	show, end := c.progress()
	store, err := admin.Do(ctx, c.place(), admin.Examine, admin.Nothing{}, show)
	end()
	if err != nil {
		store = []admin.Check{{What: "store", Verdict: admin.Problem, Text: err.Error()}}
	}
	checks = append(checks, store...)
	if c.JSON {
		err = c.printJSON(checks)
	} else {
		c.printChecks(checks)
		err = nil
	}
	if n := problems(checks); n > 0 && err == nil {
		err = fmt.Errorf("problems found: %d", n)
	}
	return err
}

func (c *command) printChecks(checks []admin.Check) {
	for _, k := range checks {
		line(c.out, "%-7s  %-15s  %s", k.Verdict, k.What, k.Text)
	}
}

func problems(checks []admin.Check) (n int) {
	for _, k := range checks {
		if k.Verdict == admin.Problem {
			n++
		}
	}
	return n
}

// modes finds files that others may read or change.
func (c *command) modes() admin.Check {
	const what = "file modes"
	var open []string
	err := filepath.WalkDir(c.Data, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode, public := info.Mode(), filepath.Ext(path) == ".crt"
		if mode&fs.ModeSymlink == 0 && mode.Perm()&0o077 != 0 && !(path == c.Data && mode.Perm()&0o022 == 0) && !public {
			open = append(open, fmt.Sprintf("%s (%04o)", path, mode.Perm()))
		}
		return nil
	})
	switch {
	case err != nil:
		return admin.Check{What: what, Verdict: admin.Problem, Text: err.Error()}
	case len(open) > 0:
		return admin.Check{What: what, Verdict: admin.Problem, Text: fmt.Sprintf("%d open to others, the first %s: chmod go= takes it back", len(open), open[0])}
	}
	return admin.Check{What: what, Verdict: admin.Fine, Text: "nobody else may read or change the data"}
}

func (c *command) running() admin.Check {
	const what = "server"
	switch alive, err := admin.Running(c.Data); {
	case err != nil:
		return admin.Check{What: what, Verdict: admin.Problem, Text: err.Error()}
	case alive:
		return admin.Check{What: what, Verdict: admin.Fine, Text: "running; it examines itself"}
	}
	return admin.Check{What: what, Verdict: admin.Fine, Text: "not running"}
}

// rootKeyPlace says when one stolen directory is enough.
func (c *command) rootKeyPlace() admin.Check {
	const what = "root key place"
	usual := filepath.Join(c.Data, "root.key")
	switch {
	case exists(admin.NextKeyFile(usual)):
		return admin.Check{What: what, Verdict: admin.Notice, Text: admin.NextKeyFile(usual) + " is left from a rotation that was interrupted; the next start or rotation settles it"}
	case exists(usual):
		return admin.Check{What: what, Verdict: admin.Notice, Text: usual + " lies beside the data: whoever copies the directory has every key"}
	}
	return admin.Check{What: what, Verdict: admin.Fine, Text: "not in the data directory"}
}

// soon is when a certificate is to be renewed.
const soon = 30 * 24 * time.Hour

func (c *command) certificateLife(now time.Time) admin.Check {
	const what = "certificate"
	cert, key := c.certificate()
	if _, err := os.Stat(filepath.Join(c.Data, "tls")); errors.Is(err, fs.ErrNotExist) && c.TLSCert == "" {
		return admin.Check{What: what, Verdict: admin.Notice, Text: "there is none in the data directory: fit for `qkms dev`, or behind a proxy"}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return admin.Check{What: what, Verdict: admin.Problem, Text: err.Error() + "; --no-tls if there is to be none"}
	}
	until := pair.Leaf.NotAfter
	text := fmt.Sprintf("%s is valid until %s", cert, until.Format(time.DateOnly))
	switch {
	case now.After(until), now.Before(pair.Leaf.NotBefore):
		return admin.Check{What: what, Verdict: admin.Problem, Text: text + ", which is not now: see `qkms init -h` for renewal"}
	case now.Add(soon).After(until):
		return admin.Check{What: what, Verdict: admin.Notice, Text: text + ": see `qkms init -h` for renewal"}
	}
	return admin.Check{What: what, Verdict: admin.Fine, Text: text}
}

// clock compares the clock with what cannot be in the future: this program was built in the past.
func clock() admin.Check {
	const what = "clock"
	if self, err := os.Executable(); err == nil {
		if info, err := os.Stat(self); err == nil && time.Until(info.ModTime()) > 5*time.Minute {
			return admin.Check{What: what, Verdict: admin.Problem, Text: fmt.Sprintf("says %s, which is before this program was installed", time.Now().UTC().Format(time.RFC3339))}
		}
	}
	if !synchronised() {
		return admin.Check{What: what, Verdict: admin.Notice, Text: "is not synchronised; five minutes off, and every request is refused"}
	}
	return admin.Check{What: what, Verdict: admin.Fine, Text: "synchronised"}
}

// verdictOnSpace is shared by the systems.
func verdictOnSpace(free uint64) admin.Check {
	const what = "disk space"
	text := fmt.Sprintf("%d MiB free", free>>20)
	switch {
	case free < 100<<20:
		return admin.Check{What: what, Verdict: admin.Problem, Text: text + "; without room for a record nothing is answered"}
	case free < 1<<30:
		return admin.Check{What: what, Verdict: admin.Notice, Text: text}
	}
	return admin.Check{What: what, Verdict: admin.Fine, Text: text}
}
