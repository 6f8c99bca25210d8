package restore_test

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/backup"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/restore"
	"qkms/internal/seal"
	"qkms/internal/store"
)

type fields = map[string]any

// A world is a server and who asks it.
type world struct {
	*kmstest.Server
	t          *testing.T
	root       *kmstest.Client
	accessKeys map[string]string // by user
}

func newWorld(t *testing.T) *world {
	s := kmstest.New(t)
	return &world{s, t, s.As(kmstest.Account), map[string]string{}}
}

func (w *world) key() string {
	return w.root.Must("CreateKey", "{}").String("KeyMetadata.KeyId")
}

func (w *world) backup() string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "a.backup")
	if _, err := backup.Create(w.t.Context(), backup.Source{Book: w.Book, Audit: w.Audit, Now: w.Clock.Now}, path, nil); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// config restores into a new directory, with the log of w up to now.
func (w *world) config(from string) restore.Config {
	w.t.Helper()
	if err := w.Audit.Sign(); err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	key, err := os.ReadFile(filepath.Join(w.Dir(), "root.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "root.key"), key, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return restore.Config{
		From: from, AuditDirs: []string{node.AuditDir(w.Dir())}, Who: admin.Self(),
		Node: node.Config{
			Dir: dir, Unseal: []seal.Source{seal.KeyFile(filepath.Join(dir, "root.key"))}, Now: w.Clock.Now,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		},
	}
}

// open starts a server over what was restored, with the credentials of w. It is judged when the test ends.
func (w *world) open(c restore.Config) *world {
	w.t.Helper()
	s := kmstest.With(w.t, kmstest.Options{Dir: c.Node.Dir, Clock: w.Clock})
	root := *w.root
	root.Server = s
	return &world{s, w.t, &root, nil}
}

func (w *world) restored(from string) (*world, restore.Report) {
	w.t.Helper()
	c := w.config(from)
	rep, err := restore.Run(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.open(c), rep
}

func TestOldCiphertextsDecrypt(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	blob := w.root.Must("Encrypt", fields{"KeyId": id, "Plaintext": "aGVsbG8="}).String("CiphertextBlob")
	w.root.Must("RotateKeyOnDemand", fields{"KeyId": id})
	w.Sweep()
	later := w.root.Must("Encrypt", fields{"KeyId": id, "Plaintext": "aGVsbG8="}).String("CiphertextBlob")
	r, rep := w.restored(w.backup())
	for _, c := range []string{blob, later} {
		if got := r.root.Must("Decrypt", fields{"CiphertextBlob": c}).String("Plaintext"); got != "aGVsbG8=" {
			t.Errorf("got %q", got)
		}
	}
	if len(rep.Outcomes)+len(rep.LostKeys)+len(rep.Other) > 0 || rep.Log.Fate != "copied" {
		t.Errorf("got %+v, want nothing to tell", rep)
	}
	heads, err := r.Engine.Renew(t.Context(), store.Node{ID: "test"})
	if err != nil || heads.Epoch != rep.Epoch || rep.Epoch < uint64(w.Clock.Now().Unix()) {
		t.Errorf("got epoch %d, %v, the report says %d, want the time", heads.Epoch, err, rep.Epoch)
	}
}

// Time is kept by the test, so that the key is gone and the audit log has DeleteKey.
func TestADeletedKeyGoesAgain(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	from := w.backup()
	w.root.Must("ScheduleKeyDeletion", fields{"KeyId": id, "PendingWindowInDays": 7})
	w.Clock.Advance(8 * 24 * time.Hour)
	w.Sweep()
	if got := w.root.Call("DescribeKey", fields{"KeyId": id}).Code(); got != "NotFoundException" {
		t.Fatalf("got %s, want the key gone", got)
	}
	r, rep := w.restored(from)
	if len(rep.Outcomes) != 1 || rep.Outcomes[0].Event != "DeleteKey" || rep.Outcomes[0].Result != restore.Again {
		t.Errorf("got %+v, want DeleteKey done again", rep.Outcomes)
	}
	d := r.root.Must("DescribeKey", fields{"KeyId": id})
	left, _ := d.Fields["KeyMetadata"].(fields)["DeletionDate"].(float64)
	if days := int64(left) - w.Clock.Now().Unix(); d.String("KeyMetadata.KeyState") != "PendingDeletion" || days > 7*86400 || days < 6*86400 {
		t.Errorf("got %s, want it to be deleted in 7 days", d.Raw)
	}
}

// Twenty days from five days ago are fifteen from now.
func TestADeletionKeepsItsDay(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	from := w.backup()
	w.root.Must("ScheduleKeyDeletion", fields{"KeyId": id, "PendingWindowInDays": 20})
	w.Clock.Advance(5 * 24 * time.Hour)
	r, _ := w.restored(from)
	left, _ := r.root.Must("DescribeKey", fields{"KeyId": id}).Fields["KeyMetadata"].(fields)["DeletionDate"].(float64)
	if days := float64(int64(left)-w.Clock.Now().Unix()) / 86400; days < 15 || days > 16 {
		t.Errorf("got %v days, want fifteen to sixteen", days)
	}
}

func TestTellsWhatIsLost(t *testing.T) {
	w := newWorld(t)
	from := w.backup()
	id := w.key()
	w.root.Must("Encrypt", fields{"KeyId": id, "Plaintext": "aGVsbG8="})
	w.root.Must("GenerateDataKey", fields{"KeyId": id, "KeySpec": "AES_256"})
	w.root.Must("DisableKey", fields{"KeyId": id})
	w.root.Must("TagResource", fields{"KeyId": id, "Tags": []fields{{"TagKey": "a", "TagValue": "b"}}})
	k := w.NewUser(kmstest.Account, "later", "").AccessKeyID
	_, rep := w.restored(from)
	if len(rep.LostKeys) != 1 || !strings.HasSuffix(rep.LostKeys[0].ARN, id) || rep.LostKeys[0].Uses != 2 {
		t.Errorf("got lost keys %+v, want %s with 2 uses", rep.LostKeys, id)
	}
	if !slices.Equal(rep.LostAccessKeys, []string{k}) {
		t.Errorf("got lost access keys %q, want %q", rep.LostAccessKeys, k)
	}
	if rep.Other["TagResource"] != 1 || rep.Other["CreateUser"] != 1 || rep.Other["DisableKey"] != 0 {
		t.Errorf("got other changes %v", rep.Other)
	}
	if len(rep.Outcomes) != 1 || rep.Outcomes[0].Result != restore.NotNeeded {
		t.Errorf("got %+v, want that a lost key need not be disabled", rep.Outcomes)
	}
}

func TestTheLogGoesOn(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	from := w.backup()
	w.root.Must("DisableKey", fields{"KeyId": id})
	before := w.Records()
	r, rep := w.restored(from)
	all := r.Records()
	if len(all) != len(before)+2 {
		t.Fatalf("got %d records, want two more than %d", len(all), len(before))
	}
	original := before[len(before)-1]
	again, last := string(all[len(before)].Line), string(all[len(all)-1].Line)
	if !strings.Contains(again, `"eventName":"DisableKey"`) || !strings.Contains(again, `"doneAgain":"`+rep.Outcomes[0].EventID+`"`) ||
		!strings.Contains(string(original.Line), rep.Outcomes[0].EventID) || !strings.Contains(again, `"type":"Operator"`) {
		t.Errorf("got %s, want a record that names the one of %s", again, original.Line)
	}
	if !strings.Contains(last, `"eventName":"RestoreStore"`) || !strings.Contains(last, `"doneAgain":1`) {
		t.Errorf("got %s, want the record of the restore", last)
	}
}

func TestNeverOverAStore(t *testing.T) {
	w := newWorld(t)
	w.key()
	c := w.config(w.backup())
	if _, err := restore.Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.AuditDirs = nil
	if _, err := restore.Run(t.Context(), c); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want %v", err, fs.ErrExist)
	}
	w.open(c)
}

// What a store left beside itself would be taken for a part of the one that is restored.
func TestNeverBesideWhatAStoreLeft(t *testing.T) {
	w := newWorld(t)
	w.key()
	c := w.config(w.backup())
	for _, suffix := range []string{"-journal", "-wal", "-shm"} {
		left := node.Database(c.Node.Dir) + suffix
		if err := os.WriteFile(left, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := restore.Run(t.Context(), c); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), left) {
			t.Errorf("got error %v, want %v and the name of %s", err, fs.ErrExist, left)
		}
		if err := os.Remove(left); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := restore.Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.open(c)
}

func TestInterruptedNothingElseOpensIt(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	from := w.backup()
	w.root.Must("DisableKey", fields{"KeyId": id})
	c := w.config(from)
	if _, err := restore.Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	// As a crash leaves it, before the last step.
	if err := os.WriteFile(node.Unfinished(c.Node.Dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := node.Open(t.Context(), c.Node); err == nil || !strings.Contains(err.Error(), "run `qkms restore` again") {
		t.Fatalf("got %v, %v, want that nobody opens it", n, err)
	}
	c.AuditDirs = nil // it is there by now
	rep, err := restore.Run(t.Context(), c)
	if err != nil || len(rep.Outcomes) != 1 || rep.Outcomes[0].Result != restore.Again {
		t.Fatalf("got %+v, %v, want the key disabled again", rep.Outcomes, err)
	}
	if got := w.open(c).root.Must("DescribeKey", fields{"KeyId": id}).String("KeyMetadata.KeyState"); got != "Disabled" {
		t.Errorf("got state %s, want Disabled", got)
	}
}

// Who can write the disk could write a policy into the log, and wait for a restore.
func TestALogThatWasChangedIsNotObeyed(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	from := w.backup()
	w.root.Must("PutKeyPolicy", fields{"KeyId": id, "Policy": policyFor("111122223333")})
	c := w.config(from)
	forged := t.TempDir()
	if err := os.CopyFS(forged, os.DirFS(node.AuditDir(w.Dir()))); err != nil {
		t.Fatal(err)
	}
	segments, _ := filepath.Glob(filepath.Join(forged, "*.jsonl"))
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], []byte(strings.ReplaceAll(string(b), "iam::111122223333:root", "iam::999999999999:root")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.AuditDirs = []string{forged}
	if _, err := restore.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
		t.Errorf("got error %v, want a refusal", err)
	}
	if _, err := os.Lstat(node.Database(c.Node.Dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no store", err)
	}
}

// The tail that no checkpoint covers restricts, and puts no policy in force.
func TestTheUnsignedTailOnlyRestricts(t *testing.T) {
	w := newWorld(t)
	one, two := w.key(), w.key()
	from := w.backup()
	c := w.config(from)
	w.root.Must("DisableKey", fields{"KeyId": one})
	w.root.Must("PutKeyPolicy", fields{"KeyId": two, "Policy": policyFor("444455556666"), "BypassPolicyLockoutSafetyCheck": true})
	rep, err := restore.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Outcomes) != 2 || rep.Outcomes[0].Result != restore.Again || rep.Outcomes[1].Result != restore.ToDo {
		t.Errorf("got %+v, want the key disabled and the policy left to the operator", rep.Outcomes)
	}
	if got := w.open(c).root.Must("GetKeyPolicy", fields{"KeyId": two}).String("Policy"); strings.Contains(got, "444455556666") {
		t.Errorf("got policy %s", got)
	}
}

func TestWithoutALogANewOneBegins(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	c := w.config(w.backup())
	c.AuditDirs = nil
	rep, err := restore.Run(t.Context(), c)
	if err != nil || rep.Log.Fate != "new" {
		t.Fatalf("got %+v, %v, want a new log", rep.Log, err)
	}
	w.open(c).root.Must("Encrypt", fields{"KeyId": id, "Plaintext": "aGVsbG8="})
}

// What was done and undone before the backup is not looked at.
func TestOnlyWhatIsNewerCounts(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	w.root.Must("DisableKey", fields{"KeyId": id})
	w.root.Must("EnableKey", fields{"KeyId": id})
	from := w.backup()
	if r, rep := w.restored(from); len(rep.Outcomes) > 0 || rep.Log.ByTime {
		t.Errorf("got %+v of %s, want nothing", rep, r.Dir())
	}
}

// A log that was begun after a restore without one has the same key, and other records under the numbers.
func TestALogWithoutThePlaceGoesByTime(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	w.root.Must("Encrypt", fields{"KeyId": id, "Plaintext": "aGVsbG8="})
	w.root.Must("Encrypt", fields{"KeyId": id, "Plaintext": "aGVsbG8="})
	w.Clock.Advance(time.Minute)
	from := w.backup()
	c := w.config(from)
	c.AuditDirs = nil
	if _, err := restore.Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	second := w.open(c)
	w.Clock.Advance(time.Minute)
	second.root.Must("DisableKey", fields{"KeyId": id})
	third, rep := second.restored(from)
	if !rep.Log.ByTime || len(rep.Outcomes) != 1 || rep.Outcomes[0].Result != restore.Again {
		t.Errorf("got %+v, want the key disabled again, found by time", rep)
	}
	if got := state(third, id); got != "Disabled" {
		t.Errorf("got state %s, want Disabled", got)
	}
}

func TestNoReapplyOnlyTells(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	from := w.backup()
	w.root.Must("DisableKey", fields{"KeyId": id})
	c := w.config(from)
	c.NoReapply = true
	rep, err := restore.Run(t.Context(), c)
	if err != nil || len(rep.Outcomes) != 1 || rep.Outcomes[0].Result != restore.ToDo {
		t.Fatalf("got %+v, %v, want one thing to do", rep.Outcomes, err)
	}
	if got := w.open(c).root.Must("DescribeKey", fields{"KeyId": id}).String("KeyMetadata.KeyState"); got != "Enabled" {
		t.Errorf("got state %s, want Enabled", got)
	}
}

func TestDrill(t *testing.T) {
	w := newWorld(t)
	id := w.key()
	w.root.Must("CreateKey", fields{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"})
	w.root.Must("CreateKey", fields{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
	w.root.Must("CreateKey", fields{"Origin": "EXTERNAL"})
	w.root.Must("RotateKeyOnDemand", fields{"KeyId": id})
	w.Sweep()
	dir := t.TempDir()
	rep, err := restore.Drill(t.Context(), w.config(w.backup()), dir)
	if err != nil || rep.Keys != 4 || rep.Materials != 4 || rep.Decrypted != 2 || len(rep.Problems) > 0 {
		t.Errorf("got %+v, %v, want 4 keys, 4 materials and 2 that decrypt", rep, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing left", left, err)
	}
}

func policyFor(account string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`
}

func material() []byte { return []byte(strings.Repeat("m", 32)) }

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
