package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"qkms/internal/admin"
	"qkms/internal/coherence"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
	"qkms/internal/store/postgres/pgtest"
)

func rotate(t *testing.T, s *kmstest.Server) admin.KEKChange {
	t.Helper()
	out, err := admin.RotateKEK.Perform(t.Context(), &admin.Host{Node: s.Node}, admin.Self(), admin.Nothing{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The KEK is rotated on one node while both are writing. Whatever was acknowledged opens afterwards, on both,
// and sessions that the former KEK had sealed are over on both.
func TestRotationOnAnotherNode(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	session := a.Session(&recordpb.Session{Issuer: owner.AccessKeyID})
	generate := map[string]any{"KeyId": id, "KeySpec": "AES_256"}
	on(b, session).Must("GenerateDataKey", generate)

	writing, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	made := make([][]string, 2)
	for i, s := range []*kmstest.Server{a, b} {
		wait.Go(func() {
			for writing.Err() == nil {
				r := on(s, owner).Call("CreateKey", `{}`)
				if r.Code() != "" {
					t.Errorf("CreateKey on node %d: got %s", i, r.Raw)
					return
				}
				made[i] = append(made[i], r.String("KeyMetadata.KeyId"))
			}
		})
	}
	first := rotate(t, a)
	second := rotate(t, b)
	stop()
	wait.Wait()
	if len(first.Dropped) != 1 || len(second.Dropped) != 1 || second.Current == first.Current {
		t.Errorf("got %+v, then %+v, want one KEK dropped by each", first, second)
	}
	for i := range made {
		if len(made[i]) == 0 {
			t.Errorf("node %d made no key meanwhile", i)
		}
		for _, id := range made[i] {
			for _, s := range []*kmstest.Server{a, b} {
				on(s, owner).Must("GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256"})
			}
		}
	}
	for _, s := range []*kmstest.Server{a, b} {
		if code := on(s, session).Call("GenerateDataKey", generate).Code(); code != "UnrecognizedClientException" {
			t.Errorf("a session from before: got %q, want UnrecognizedClientException", code)
		}
	}
}

// A session made under a KEK that the other node has not heard of yet is known there.
func TestSessionUnderANewKEK(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	rotate(t, a)
	on(b, a.Session(&recordpb.Session{Issuer: owner.AccessKeyID})).Must("GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256"})
}

// A change that was built before another node exchanged the keys does not arrive after, however late it is sent.
func TestLateCommitUnderFormerKeys(t *testing.T) {
	a, b := two(t)
	change := b.Book.Change()
	change.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/late"), &recordpb.Alias{Name: "alias/late"})
	rotate(t, a)
	err := b.Book.Commit(t.Context(), change, "", nil)
	if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
		t.Errorf("got error %v, want a conflict", err)
	}
}

// The root key is rotated in place on one node: the other one answers nothing until it is given the new one, and then
// goes on without a restart.
func TestRootKeyOfAnotherNode(t *testing.T) {
	a := kmstest.With(t, kmstest.Options{Store: pgtest.URL(t), Bound: coherence.MinBound})
	b := a.JoinWith(copied(t, filepath.Join(a.Dir(), "root.key")))
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	generate := map[string]any{"KeyId": id, "KeySpec": "AES_256"}
	on(b, owner).Must("GenerateDataKey", generate)
	host := &admin.Host{Node: a.Node, KeyFile: filepath.Join(a.Dir(), "root.key")}
	if _, err := admin.RotateRoot.Perform(t.Context(), host, admin.Self(), admin.RootSource{}, nil); err != nil {
		t.Fatal(err)
	}
	owner.Must("GenerateDataKey", generate)
	if code := on(b, owner).Call("GenerateDataKey", generate).Code(); code != "DependencyTimeoutException" {
		t.Errorf("without the new root key: got %q, want DependencyTimeoutException", code)
	}
	if err := b.Lease.Ready(); err == nil {
		t.Error("without the new root key: it says that it is ready")
	}
	key, err := os.ReadFile(filepath.Join(a.Dir(), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.RootKey(), key, 0o600); err != nil {
		t.Fatal(err)
	}
	change := a.Book.Change()
	change.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/x"), &recordpb.Alias{Name: "alias/x"})
	if err := a.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Lease.Await(t.Context(), change.Positions()[0]); err != nil {
		t.Fatal(err)
	}
	on(b, owner).Must("GenerateDataKey", generate)
}

func copied(t *testing.T, path string) string {
	t.Helper()
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(to, key, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
