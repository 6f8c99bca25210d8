package admin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/seal"
)

// A key is made before, and must open its ciphertext after.
func sealed(t *testing.T, s *kmstest.Server) (check func()) {
	t.Helper()
	c := s.As(kmstest.Account)
	id := c.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	blob := c.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGVsbG8="}).String("CiphertextBlob")
	return func() {
		t.Helper()
		if got := c.Must("Decrypt", map[string]any{"CiphertextBlob": blob}).String("Plaintext"); got != "aGVsbG8=" {
			t.Errorf("got %q, want what was encrypted", got)
		}
	}
}

func keks(t *testing.T, h *admin.Host) []admin.KEK {
	t.Helper()
	all, err := admin.ListKEKs.Perform(t.Context(), h, admin.Self(), admin.Nothing{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInterruptedKEKRotationGoesOn(t *testing.T) {
	s := kmstest.New(t)
	check, h := sealed(t, s), host(s)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := admin.RotateKEK.Perform(ctx, h, admin.Self(), admin.Nothing{}, func(admin.Progress) { cancel() })
	if err == nil || !strings.Contains(err.Error(), "run `qkms kek rotate` again") {
		t.Fatalf("got %v, want to be told how to go on", err)
	}
	if got := keks(t, h); len(got) != 2 || !got[1].Current {
		t.Fatalf("interrupted: got %v, want two KEKs, the second current", got)
	}
	check()
	s.Restart()
	s.Clock.Advance(2 * time.Minute) // past the claim, where an engine cannot know that its process ended
	h = host(s)
	out, err := admin.RotateKEK.Perform(t.Context(), h, admin.Self(), admin.Nothing{}, nil)
	if err != nil || !out.Continued || out.Current != 2 || len(out.Dropped) != 1 {
		t.Errorf("got %+v, %v, want KEK 1 dropped and no third one", out, err)
	}
	if got := keks(t, h); len(got) != 1 || got[0].ID != 2 {
		t.Errorf("got %v, want KEK 2 alone", got)
	}
	check()
	s.Restart()
	check()
}

// What callers were handed is as good after the rotation: a grant's token as long as its grant.
func TestTokensOutliveTheKEK(t *testing.T) {
	s := kmstest.New(t)
	s.Exists("user/alice")
	c := s.As(kmstest.Account)
	id := c.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	c.Must("CreateKey", `{}`)
	grant := c.Must("CreateGrant", map[string]any{"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":user/alice", "Operations": []string{"Encrypt"}})
	marker := c.Must("ListKeys", `{"Limit":1}`).String("NextMarker")
	out, err := admin.RotateKEK.Perform(t.Context(), host(s), admin.Self(), admin.Nothing{}, nil)
	if err != nil || len(out.Dropped) != 1 {
		t.Fatalf("got %+v, %v, want the former KEK dropped", out, err)
	}
	s.Restart()
	c.Must("ListKeys", map[string]any{"Marker": marker})
	c.Must("RetireGrant", map[string]any{"GrantToken": grant.String("GrantToken")})
	if r := c.Call("RetireGrant", map[string]any{"GrantToken": grant.String("GrantToken")}); r.Code() == "" {
		t.Error("the token of a grant that is gone: got success")
	}
}

func TestRotationGoesOnWithoutItsClient(t *testing.T) {
	s := kmstest.New(t)
	check, h := sealed(t, s), host(s)
	d, err := admin.Listen(h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = admin.Do(ctx, place(s.Dir()), admin.RotateKEK, admin.Nothing{}, func(admin.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) && err != nil { // the answer may have been on its way
		t.Errorf("got %v, want the client to be gone", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := keks(t, h); len(got) != 1 || got[0].ID != 2 {
		t.Errorf("got %v, want KEK 2 alone", got)
	}
	check()
}

func TestOneRotationAtATime(t *testing.T) {
	s := kmstest.New(t)
	check, h := sealed(t, s), host(s)
	_, err := admin.RotateKEK.Perform(t.Context(), h, admin.Self(), admin.Nothing{}, func(admin.Progress) {
		if _, err := admin.RotateRoot.Perform(t.Context(), h, admin.Self(), admin.RootSource{}, nil); err == nil || !strings.Contains(err.Error(), "another rotation is running") {
			t.Errorf("meanwhile: got %v, want a refusal", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	check()
}

// The moments at which a rotation in place can be cut off, each with the files it leaves.
func TestRootRotationInPlaceCutOff(t *testing.T) {
	s := kmstest.New(t)
	check, h := sealed(t, s), host(s)
	old := read(t, h.KeyFile)
	if _, err := admin.RotateRoot.Perform(t.Context(), h, admin.Self(), admin.RootSource{}, nil); err != nil {
		t.Fatal(err)
	}
	check()
	next := read(t, h.KeyFile)
	if string(next) == string(old) {
		t.Fatal("the key file was not replaced")
	}
	// Before the rename: the store has the new root, the file the old one.
	write(t, admin.NextKeyFile(h.KeyFile), next)
	write(t, h.KeyFile, old)
	if err := s.Node.Close(); err != nil {
		t.Fatal(err)
	}
	c := s.Config
	c.Unseal = []seal.Source{seal.KeyFile(h.KeyFile)}
	if _, err := node.Open(t.Context(), c); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("with the old file: got %v, want ErrWrongKey", err)
	}
	if err := admin.FinishKeyFile(h.KeyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(admin.NextKeyFile(h.KeyFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("finished: got %v, want one file", err)
	}
	n, err := node.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Node = n // which ends with the test
}

func TestRootRotationLeavesLinksAlone(t *testing.T) {
	s := kmstest.New(t)
	check, h := sealed(t, s), host(s)
	link := filepath.Join(t.TempDir(), "root.key")
	if err := os.Symlink(h.KeyFile, link); err != nil {
		t.Fatal(err)
	}
	old := read(t, h.KeyFile)
	h.KeyFile = link
	if _, err := admin.RotateRoot.Perform(t.Context(), h, admin.Self(), admin.RootSource{}, nil); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("got %v, want a refusal", err)
	}
	if got := read(t, link); string(got) != string(old) {
		t.Error("the key was exchanged all the same")
	}
	if _, err := os.Lstat(admin.NextKeyFile(link)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no new key file", err)
	}
	check()
	s.Restart()
	check()
}

// When the new key file cannot take the old one's place (an immutable file, say), it is all that opens
// the store: trying again must not begin by removing it.
func TestRootRotationKeepsTheOnlyKey(t *testing.T) {
	s := kmstest.New(t)
	check, h := sealed(t, s), host(s)
	rotate := func() error {
		_, err := admin.RotateRoot.Perform(t.Context(), h, admin.Self(), admin.RootSource{}, nil)
		return err
	}
	if err := errors.Join(os.Remove(h.KeyFile), os.Mkdir(h.KeyFile, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := rotate(); err == nil {
		t.Fatal("got no error, want to be told that the key file is not in its place")
	}
	only := read(t, admin.NextKeyFile(h.KeyFile))
	if err := rotate(); err == nil {
		t.Error("again: got no error")
	}
	if got := read(t, admin.NextKeyFile(h.KeyFile)); string(got) != string(only) {
		t.Error("the only key file was replaced")
	}
	if err := os.Remove(h.KeyFile); err != nil {
		t.Fatal(err)
	}
	if err := rotate(); err != nil {
		t.Errorf("with the place free: got %v", err)
	}
	s.Restart()
	check()
}

func TestRootSourceIsOneThing(t *testing.T) {
	s := kmstest.New(t)
	h := host(s)
	both := admin.RootSource{KeyFile: filepath.Join(t.TempDir(), "k"), Passphrase: []byte("correct horse battery")}
	for name, a := range map[string]*admin.Action[admin.RootSource, admin.RootChange]{"rotate": admin.RotateRoot, "add": admin.AddRoot} {
		if _, err := a.Perform(t.Context(), h, admin.Self(), both, nil); err == nil || !strings.Contains(err.Error(), "not both") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	if _, err := os.Lstat(both.KeyFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused action made %s", both.KeyFile)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
