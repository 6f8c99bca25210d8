package restore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/backup"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/restore"
	"qkms/internal/store/postgres/pgtest"
)

// nodes are two over one store: what is done on b stands in b's log alone.
func nodes(t *testing.T) (a, b *world) {
	s := kmstest.With(t, kmstest.Options{Store: pgtest.URL(t)})
	a = &world{s, t, s.As(kmstest.Account), map[string]string{}}
	other := s.Join()
	root := *a.root
	root.Server = other
	return a, &world{other, t, &root, nil}
}

// both restores with the logs of both, which are signed up to now; a's is continued.
func both(a, b *world, from string) restore.Config {
	a.t.Helper()
	c := a.config(from)
	if err := b.Audit.Sign(); err != nil {
		a.t.Fatal(err)
	}
	c.AuditDirs = append(c.AuditDirs, node.AuditDir(b.Dir()))
	return c
}

func run(t *testing.T, c restore.Config) restore.Report {
	t.Helper()
	rep, err := restore.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// result is what became of the events about a key; empty: nothing is said.
func result(rep restore.Report, id string) (results []restore.Result) {
	for _, o := range rep.Outcomes {
		if strings.HasSuffix(o.About, id) {
			results = append(results, o.Result)
		}
	}
	return results
}

func (w *world) wantState(id, want string) {
	w.t.Helper()
	if got := state(w, id); got != want {
		w.t.Errorf("key %s: got %s, want %s", id, got, want)
	}
}

func TestLogsOfAllNodesCount(t *testing.T) {
	a, b := nodes(t)
	one, two := a.key(), a.key()
	from := a.backup()
	a.root.Must("DisableKey", fields{"KeyId": one})
	b.root.Must("DisableKey", fields{"KeyId": two})
	c := both(a, b, from)
	rep := run(t, c)
	if rep.Log.Fate != "copied" || rep.Log.ByTime || len(rep.Others) != 1 || rep.Others[0].Fate != "read" || !rep.Others[0].ByTime {
		t.Errorf("got %+v and %+v, want a's log copied and b's read, by time", rep.Log, rep.Others)
	}
	r := a.open(c)
	r.wantState(one, "Disabled")
	r.wantState(two, "Disabled")
	if got, want := r.Audit.VerifierKey(), a.Audit.VerifierKey(); got != want {
		t.Errorf("the log goes on as %s, want %s", got, want)
	}
}

func TestOneLogOfSeveralSaysWhoseItIs(t *testing.T) {
	a, b := nodes(t)
	one, two := a.key(), a.key()
	from := a.backup()
	a.root.Must("DisableKey", fields{"KeyId": one})
	b.root.Must("DisableKey", fields{"KeyId": two})
	c := a.config(from)
	rep := run(t, c)
	if rep.Log.Name == "" || len(rep.Others) > 0 {
		t.Errorf("got %+v and %+v, want the name of a node's log", rep.Log, rep.Others)
	}
	r := a.open(c)
	r.wantState(one, "Disabled")
	r.wantState(two, "Enabled")
}

// Each log proves itself, with the key of its own name; one that does not stops everything.
func TestAnotherNodesLogThatWasChangedIsNotObeyed(t *testing.T) {
	a, b := nodes(t)
	id := a.key()
	from := a.backup()
	b.root.Must("PutKeyPolicy", fields{"KeyId": id, "Policy": policyFor("111122223333")})
	c := both(a, b, from)
	for name, change := range map[string]func(dir string) error{
		"a record": func(dir string) error {
			return rewrite(dir, "audit-*.jsonl", "iam::111122223333:", "iam::999999999999:")
		},
		"its name": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "origin"), []byte(strings.Repeat("A", 26)+"\n"), 0o600)
		},
	} {
		forged := t.TempDir()
		if err := os.CopyFS(forged, os.DirFS(node.AuditDir(b.Dir()))); err != nil {
			t.Fatal(err)
		}
		if err := change(forged); err != nil {
			t.Fatal(err)
		}
		c.AuditDirs[1] = forged
		if _, err := restore.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
			t.Errorf("%s was changed: got error %v, want a refusal", name, err)
		}
	}
	if entries, err := os.ReadDir(node.AuditDir(c.Node.Dir)); err == nil {
		t.Errorf("got %v, want that nothing was copied", entries)
	}
}

func rewrite(dir, pattern, from, to string) error {
	files, _ := filepath.Glob(filepath.Join(dir, pattern))
	b, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	return os.WriteFile(files[0], bytes.ReplaceAll(b, []byte(from), []byte(to)), 0o600)
}

// Between logs clocks tell which was the last word. Where they cannot it is what takes away.
func TestClocksTellBetweenLogs(t *testing.T) {
	a, b := nodes(t)
	close, far, settled := a.key(), a.key(), a.key()
	from := a.backup()
	for _, id := range []string{close, far, settled} {
		a.root.Must("DisableKey", fields{"KeyId": id})
	}
	a.root.Must("EnableKey", fields{"KeyId": settled})
	a.Clock.Advance(30 * time.Second)
	b.root.Must("EnableKey", fields{"KeyId": close})
	a.Clock.Advance(time.Minute)
	b.root.Must("EnableKey", fields{"KeyId": far})
	c := both(a, b, from)
	rep := run(t, c)
	r := a.open(c)
	r.wantState(close, "Disabled")
	r.wantState(far, "Enabled")
	r.wantState(settled, "Enabled")
	for _, o := range rep.Outcomes {
		if want := strings.HasSuffix(o.About, close); o.ByTime != want {
			t.Errorf("got %+v, want decided by the clock: %v", o, want)
		}
	}
}

// Clocks also tell what another node did after the backup. What is close before it is not done again, since it
// may have been undone; it is told where the backup does not have it.
func TestJustBeforeTheBackup(t *testing.T) {
	a, b := nodes(t)
	there, undone, missing, old := a.key(), a.key(), a.key(), a.key()
	b.root.Must("DisableKey", fields{"KeyId": old})
	b.root.Must("EnableKey", fields{"KeyId": old})
	a.Clock.Advance(2 * time.Minute)
	b.root.Must("DisableKey", fields{"KeyId": there})
	b.root.Must("DisableKey", fields{"KeyId": undone})
	a.root.Must("EnableKey", fields{"KeyId": undone})
	from := filepath.Join(t.TempDir(), "a.backup")
	ahead := func() time.Time { return a.Clock.Now().Add(30 * time.Second) } // by b's clock this is later
	if _, err := backup.Create(t.Context(), backup.Source{Book: a.Book, Audit: a.Audit, Now: ahead}, from, nil); err != nil {
		t.Fatal(err)
	}
	b.root.Must("DisableKey", fields{"KeyId": missing})
	c := both(a, b, from)
	rep := run(t, c)
	for id, want := range map[string]restore.Result{there: "", old: "", undone: restore.ToDo, missing: restore.ToDo} {
		if got := result(rep, id); want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != want) {
			t.Errorf("key %s: got %q, want %q", id, got, want)
		}
	}
	r := a.open(c)
	r.wantState(there, "Disabled")
	r.wantState(undone, "Enabled")
	r.wantState(missing, "Enabled")
}

// A record that a stopped node had in its log all the same stands in the log of the node that adopted it too.
func TestAdoptedRecordCountsOnce(t *testing.T) {
	a, b := nodes(t)
	from := a.backup()
	rec := &audit.Record{EventName: "TagResource", EventSource: audit.SourceKMS, Time: a.Clock.Now(), RecipientAccount: kmstest.Account}
	encoded := rec.Encode()
	change := a.Book.Change()
	change.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/x"), &recordpb.Alias{Name: "alias/x"})
	if err := a.Book.Commit(t.Context(), change, rec.EventID, encoded); err != nil {
		t.Fatal(err)
	}
	if err := b.Ledger.Adopt(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Audit.AppendEncoded(encoded); err != nil {
		t.Fatal(err)
	}
	c := both(a, b, from)
	rep := run(t, c)
	if got := rep.Other["TagResource"]; got != 1 {
		t.Errorf("got it %d times, want once", got)
	}
	a.open(c)
}

// The shorter of two copies would go on under the numbers that the longer one has records for.
func TestAnOlderCopyIsNotContinued(t *testing.T) {
	a := newWorld(t)
	id := a.key()
	from := a.backup()
	if err := a.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	older := t.TempDir()
	if err := os.CopyFS(older, os.DirFS(node.AuditDir(a.Dir()))); err != nil {
		t.Fatal(err)
	}
	a.root.Must("DisableKey", fields{"KeyId": id})
	c := a.config(from)
	c.AuditDirs = append([]string{older}, c.AuditDirs...)
	if _, err := restore.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "give the longer one first") {
		t.Errorf("got error %v, want a refusal", err)
	}
	c.AuditDirs[0], c.AuditDirs[1] = c.AuditDirs[1], c.AuditDirs[0]
	rep := run(t, c)
	if got := result(rep, id); len(got) != 1 || got[0] != restore.Again {
		t.Errorf("got %q, want that it is done again, once", got)
	}
	a.open(c)
}

// Who can write the disk could add at the end of a log that a key was enabled.
func TestTheUnsignedTailGivesNothingBack(t *testing.T) {
	w := newWorld(t)
	signed, unsigned := w.key(), w.key()
	from := w.backup()
	w.root.Must("DisableKey", fields{"KeyId": signed})
	c := w.config(from)
	w.root.Must("DisableKey", fields{"KeyId": unsigned})
	for _, id := range []string{signed, unsigned} {
		w.root.Must("EnableKey", fields{"KeyId": id})
	}
	run(t, c)
	r := w.open(c)
	r.wantState(signed, "Disabled")
	r.wantState(unsigned, "Disabled")
}
