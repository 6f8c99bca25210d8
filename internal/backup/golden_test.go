package backup_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/backup"
	"qkms/internal/blob"
	"qkms/internal/custody"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
)

// What the first version wrote is read for ever. testdata/v1 was made by `qkms dev` and `qkms backup`; its root
// key opens it and nothing else. The ciphertext was made before, under alias/dev, with App=orders.
func TestGolden(t *testing.T) {
	key, err := os.ReadFile("testdata/v1/root.key")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.key") // a version control system does not keep modes
	if err := os.WriteFile(file, key, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := read(t, "testdata/v1/store.backup", backup.Terms{Open: func(state []byte) (*seal.Ring, error) {
		return seal.Open(context.Background(), state, seal.KeyFile(file))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Manifest.Records != 15 || c.Report.Records != 14 {
		t.Errorf("got %d records, %d of them sealed, want 15 and 14", c.Manifest.Records, c.Report.Records)
	}
	if got, want := string(decrypt(t, c, "testdata/v1/ciphertext")), "the old secret"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func decrypt(t *testing.T, c *backup.Copy, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := blob.Parse(ciphertext)
	if err != nil {
		t.Fatal(err)
	}
	k, _, err := record.Load[recordpb.Key](t.Context(), c.Book, record.OfKey(kmstest.Account, kmstest.Region, b.KeyID()))
	if err != nil || k == nil {
		t.Fatalf("the key of the ciphertext: %v, %v", k, err)
	}
	ref := custody.Ref{Account: k.Account, Region: k.Region, KeyID: k.Id, MaterialID: k.CurrentMaterial}
	plaintext, err := node.Materials(c.Book).Open(t.Context(), ref, ciphertext, map[string]string{"App": "orders"})
	if err != nil {
		t.Fatal(err)
	}
	return plaintext
}
