package scale_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// kept is fill, in the directory that the environment names if it names one, where the store stays; or what fill has
// left there.
func kept(b *testing.B, url string, of size) *deployment {
	b.Helper()
	dir := os.Getenv("QKMS_SCALE_DIR")
	if dir == "" || url != "" {
		return fill(b, url, of)
	}
	if _, err := os.Stat(node.Database(dir)); err == nil {
		return found(b, dir)
	}
	d := fillIn(b, dir, url, of)
	ids, err := json.Marshal(d.ids)
	if err == nil {
		err = os.WriteFile(idsIn(dir), ids, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// idsIn is the file of the keys that were loaded: benchmarks make more.
func idsIn(dir string) string { return filepath.Join(dir, "ids.json") }

// found is the deployment that was kept in a directory.
func found(b *testing.B, dir string) *deployment {
	b.Helper()
	d := &deployment{Options: kmstest.Options{Dir: dir}}
	ids, err := os.ReadFile(idsIn(dir))
	if err == nil {
		err = json.Unmarshal(ids, &d.ids)
	}
	if err != nil {
		b.Fatal(err)
	}
	s := serve(b, d)
	defer s.close()
	user, _, err := record.Load[recordpb.User](b.Context(), s.node.Book, record.OfUser(kmstest.Account, granteeName(0)))
	if err != nil || user == nil {
		b.Fatalf("%s has %v as the first grantee, %v: not made by this benchmark", dir, user, err)
	}
	d.granted, d.user = d.ids[0], user
	return d
}
