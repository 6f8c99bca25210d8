package workload_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"qkms/bench/target"
	"qkms/bench/workload"
)

// Eight actors at once do everything there is to do, and every answer is checked. The server is killed under them, and stopped; all that was
// acknowledged is there afterwards, every answered request has its one record, and the audit log verifies.
func TestUnderLoad(t *testing.T) {
	f := start(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.Run(times))
	must(f.RunAndKill(times, 8*times/2))
	must(f.Restart())
	must(f.Run(times))
	for range 20 { // what they do is drawn: a deleted alias may not have come up yet
		if len(missing(f)) > 0 {
			must(f.Run(times))
		}
	}
	must(f.Stop())
	must(f.Restart())
	must(f.CheckRecords())
	n, kinds := f.Requests()
	t.Logf("%d requests of %d kinds", n, len(kinds))
	if never := missing(f); len(never) > 0 {
		t.Errorf("%v were never asked for: too little to prove anything", never)
	}
	loses(t, f)
}

// missing is what of want nobody has asked for yet.
func missing(f *workload.Fleet) (never []string) {
	_, kinds := f.Requests()
	for _, operation := range want {
		if kinds[operation] == 0 {
			never = append(never, operation)
		}
	}
	return never
}

// loses is the control: a check that finds no loss proves nothing unless it finds one. The data are replaced by what they were before the last things that
// were done, whole in themselves.
func loses(t *testing.T, f *workload.Fleet) {
	t.Helper()
	before := filepath.Join(t.TempDir(), "before")
	for _, step := range []func() error{
		f.Stop,
		func() error { return os.CopyFS(before, os.DirFS(f.Server.Dir)) },
		f.Restart,
		func() error { return f.Run(times / 5) },
		f.Stop,
		func() error { return os.RemoveAll(f.Server.Dir) },
		func() error { return os.Rename(before, f.Server.Dir) },
		func() error { return os.Chmod(filepath.Join(f.Server.Dir, "root.key"), 0o600) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Restart(); err == nil {
		t.Error("got no loss, want one: the data are older than what was acknowledged")
	}
	if err := f.CheckRecords(); err == nil {
		t.Error("got every record, want some missing: the data are older than what was answered")
	}
}

// times is how many things each actor does at a stretch.
const times = 120

// want is what a run has to have done.
var want = []string{
	"CreateKey", "GenerateDataKey", "Encrypt", "Decrypt", "ReEncrypt", "GenerateRandom", "GenerateMac", "VerifyMac", "Sign", "Verify",
	"GetPublicKey", "GenerateDataKeyPair", "DeriveSharedSecret", "DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion",
	"RotateKeyOnDemand", "UpdateKeyDescription", "CreateAlias", "UpdateAlias", "DeleteAlias", "CreateGrant", "RevokeGrant",
	"ImportKeyMaterial", "DeleteImportedKeyMaterial", "ListKeys", "ListGrants", "ListAliases", "DescribeKey",
}

// start builds and starts a server for the test.
func start(t *testing.T) *workload.Fleet {
	t.Helper()
	dir := t.TempDir()
	program := os.Getenv("QKMS_BINARY")
	if program == "" {
		var err error
		if program, err = target.Build(dir); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	log := filepath.Join(dir, "log")
	f, err := workload.Start(&target.QKMS{Program: program, Dir: filepath.Join(dir, "data"), Log: log}, 8, seed)
	t.Cleanup(func() {
		if said, _ := os.ReadFile(log); t.Failed() {
			t.Logf("the server said:\n%s", said)
		}
		if f != nil && f.Server != nil {
			_ = f.Server.Kill()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
