package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/store"
)

// Once DeleteImportedKeyMaterial has answered, nothing is encrypted any more, however many were at it.
func TestDeletedMaterialIsNotInMemory(t *testing.T) {
	s := kmstest.New(t)
	i := external(t, s.As(kmstest.Account), fields{})
	material := random(32)
	for range 5 {
		id := i.must(material, nil)
		k, err := s.Resolver.Load(t.Context(), kmstest.Account, kmstest.Region, i.id)
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var busy sync.WaitGroup
		for range 4 {
			busy.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = s.Custody.Seal(context.Background(), k.MaterialVersion(id), []byte("hi"), nil)
					}
				}
			})
		}
		busy.Go(func() { // a request that lost the race answers as if it had come later
			encrypt := []byte(`{"KeyId":"` + i.id + `","Plaintext":"aGk="}`)
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := i.client.Do(i.client.Request("Encrypt", encrypt))
				if err != nil || got.Status != 200 && got.Message() != i.arn+" is pending import." {
					t.Errorf("during a deletion: got %v, %v, want a ciphertext or that the key is pending import", got, err)
				}
			}
		})
		i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})
		if _, err := s.Custody.Seal(t.Context(), k.MaterialVersion(id), []byte("hi"), nil); err == nil {
			t.Error("sealed with a material whose deletion was answered")
		}
		close(stop)
		busy.Wait()
	}
}

// Imported bytes, wrapped or not, and tokens are in no file the server writes, the audit log included.
func TestImportLeavesNoTrace(t *testing.T) {
	log := new(bytes.Buffer)
	s := kmstest.With(t, kmstest.Options{Log: log})
	i := external(t, s.As(kmstest.Account), fields{})
	material := random(32)
	body := i.wrap(material, nil)
	i.client.Must("ImportKeyMaterial", body)
	i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="})
	i.expect(i.send(random(32), nil), "IncorrectKeyMaterialException", "Imported key material does not have the expected identifier ("+
		i.client.Must("DescribeKey", fields{"KeyId": i.id}).String("KeyMetadata.CurrentKeyMaterialId")+").")
	i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})

	token, err := base64.StdEncoding.DecodeString(i.token)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := base64.StdEncoding.DecodeString(body["EncryptedKeyMaterial"].(string))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"material": material, "material in hex": []byte(hex.EncodeToString(material)), "material in base64": []byte(base64.StdEncoding.EncodeToString(material)),
		"wrapped": wrapped[:64], "wrapped in base64": []byte(body["EncryptedKeyMaterial"].(string)[:80]),
		"token": token[:80], "token in base64": []byte(i.token[:80]),
	}
	found := func(where string, text []byte) {
		for name, secret := range secrets {
			if bytes.Contains(text, secret) {
				t.Errorf("%s holds the %s", where, name)
			}
		}
	}
	files := 0
	err = filepath.WalkDir(s.Dir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		found(path, text)
		return err
	})
	if err != nil || files < 3 {
		t.Fatalf("looked at %d files: %v", files, err)
	}
	for _, e := range s.Records() {
		found("the audit log", e.Line)
	}
	found("the operator's log", log.Bytes())
}

// A request that finds no material because its key has changed since it was read begins anew; one whose
// key is as it was has lost something.
func TestMaterialGoneInBetween(t *testing.T) {
	s := kmstest.New(t)
	i := external(t, s.As(kmstest.Account), fields{})
	material := random(32)
	id := i.must(material, nil)
	encrypt := func(k *key.Key) error {
		req, err := op.ByName["Encrypt"].Decode([]byte(`{"KeyId":"` + i.id + `","Plaintext":"aGk="}`))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = req.Run(t.Context(), &op.Call{Deps: s.Ops, Keys: []*key.Key{k}})
		return err
	}
	load := func() *key.Key {
		k, err := s.Resolver.Load(t.Context(), kmstest.Account, kmstest.Region, i.id)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before := load()
	i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})
	if err := encrypt(before); !isConflict(err) {
		t.Errorf("a key that changed: got %v, want a conflict", err)
	}
	i.must(material, nil)
	change := s.Book.Change()
	change.Discard(record.OfMaterial(kmstest.Account, kmstest.Region, i.id, id))
	if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
	f, ok := errors.AsType[*fault.Error](encrypt(load()))
	if !ok || f.Code != fault.KeyUnavailable {
		t.Errorf("a key that did not change: got %v, want KeyUnavailableException", f)
	}
}

func isConflict(err error) bool {
	_, is := errors.AsType[*store.Conflict](err)
	return is
}
