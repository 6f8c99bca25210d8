package soft_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"qkms/internal/custody"
	"qkms/internal/custody/materialpb"
	"qkms/internal/custody/soft"
	"qkms/internal/store"
)

// drawer is a Shelf in memory. Bodies rest on it in clear.
type drawer struct {
	mu    sync.Mutex
	body  map[custody.Ref][]byte
	takes int
}

func newDrawer() *drawer { return &drawer{body: make(map[custody.Ref][]byte)} }

func (d *drawer) TakeMaterial(ctx context.Context, ref custody.Ref) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes++
	body, ok := d.body[ref]
	if !ok {
		return nil, fmt.Errorf("drawer: %w", custody.ErrNoMaterial)
	}
	return bytes.Clone(body), nil
}

func (d *drawer) PutMaterial(ref custody.Ref, body []byte) store.Put {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.body[ref] = bytes.Clone(body)
	return store.Put{Key: []byte(ref.KeyID + "/" + ref.MaterialID), Ver: 1, Body: []byte("sealed")}
}

func (d *drawer) remove(ref custody.Ref) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.body, ref)
}

func (d *drawer) taken() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.takes
}

const symmetric = "SYMMETRIC_DEFAULT"

var (
	idKey     = bytes.Repeat([]byte{0x1d}, 32)
	singleKey = custody.Ref{Account: "111122223333", Region: "us-east-1", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab"}
	multiKey  = custody.Ref{Account: "111122223333", Region: "us-east-1", KeyID: "mrk-1234abcd12ab34cd56ef1234567890ab"}
)

// makeMaterial makes a material for key and returns its Ref.
func makeMaterial(t testing.TB, s *soft.Soft, key custody.Ref, given []byte) custody.Ref {
	t.Helper()
	made, err := s.Make(t.Context(), key, symmetric, given)
	if err != nil {
		t.Fatalf("Make: %v", err)
	}
	key.MaterialID = made.MaterialID
	return key
}

func mustSeal(t testing.TB, s *soft.Soft, ref custody.Ref, plaintext []byte, ec map[string]string) []byte {
	t.Helper()
	b, err := s.Seal(t.Context(), ref, plaintext, ec)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return b
}

func wantWrong(t testing.TB, s *soft.Soft, ref custody.Ref, b []byte, ec map[string]string, what string) {
	t.Helper()
	if got, err := s.Open(t.Context(), ref, b, ec); !errors.Is(err, custody.ErrWrongCiphertext) {
		t.Errorf("%s: got %x, %v, want ErrWrongCiphertext", what, got, err)
	}
}

var (
	_ custody.Sealer       = (*soft.Soft)(nil)
	_ custody.Maker        = (*soft.Soft)(nil)
	_ custody.Signer       = (*soft.Soft)(nil)
	_ custody.MACer        = (*soft.Soft)(nil)
	_ custody.Agreer       = (*soft.Soft)(nil)
	_ custody.Decapsulator = (*soft.Soft)(nil)
	_ custody.Decrypter    = (*soft.Soft)(nil)
	_ custody.PairMaker    = (*soft.Soft)(nil)
)

func TestMakeNamesMaterialByKeyAndBytesOnly(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	given := bytes.Repeat([]byte{7}, 32)
	replica := multiKey
	replica.Account, replica.Region = "444455556666", "eu-west-1"

	id := makeMaterial(t, s, multiKey, given).MaterialID
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 32 || id != hex.EncodeToString(raw) {
		t.Errorf("got id %q, want 64 lower-case hex digits", id)
	}
	if got := makeMaterial(t, s, replica, given).MaterialID; got != id {
		t.Errorf("replica in another region: got %s, want %s", got, id)
	}
	if got := makeMaterial(t, s, singleKey, given).MaterialID; got == id {
		t.Error("same bytes under another key id: got the same id, want another")
	}
	if got := makeMaterial(t, soft.New(newDrawer(), bytes.Repeat([]byte{2}, 32), nil), multiKey, given).MaterialID; got == id {
		t.Error("another deployment: got the same id, want another")
	}
	if a, b := makeMaterial(t, s, multiKey, nil), makeMaterial(t, s, multiKey, nil); a == b {
		t.Error("two random materials: got the same id, want two")
	}
}

func TestMakeCopiesGivenBytes(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	given := bytes.Repeat([]byte{7}, 32)
	before := makeMaterial(t, s, singleKey, given)
	if want := bytes.Repeat([]byte{7}, 32); !bytes.Equal(given, want) {
		t.Fatalf("given: got %x, want it untouched", given)
	}
	clear(given)
	b := mustSeal(t, s, before, []byte("hi"), nil)
	if _, err := s.Open(t.Context(), before, b, nil); err != nil {
		t.Errorf("Open after given was wiped: %v", err)
	}
}

func TestMakeRefuses(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	for _, tt := range []struct {
		name, spec string
		given      []byte
	}{
		{"a spec nobody makes", "AES_512", nil},
		{"material too short", symmetric, make([]byte, 31)},
		{"material too long", symmetric, make([]byte, 33)},
		{"empty material, which is not none", symmetric, []byte{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := s.Make(t.Context(), singleKey, tt.spec, tt.given); !errors.Is(err, custody.ErrBadMaterial) {
				t.Errorf("got %v, want ErrBadMaterial", err)
			}
		})
	}
}

// put lays a record on the drawer that Make would not have made.
func (d *drawer) put(t testing.TB, ref custody.Ref, rec *materialpb.Material) {
	t.Helper()
	body, err := proto.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	d.PutMaterial(ref, body)
}

func TestRecordsThatAreNotUsed(t *testing.T) {
	ref := singleKey
	ref.MaterialID = strings.Repeat("5a", 32)
	raw := make([]byte, 32)
	for _, tt := range []struct {
		name string
		rec  *materialpb.Material
	}{
		{"of another key", &materialpb.Material{Spec: symmetric, Material: raw, KeyId: multiKey.KeyID, MaterialId: ref.MaterialID}},
		{"another material of the key", &materialpb.Material{Spec: symmetric, Material: raw, KeyId: ref.KeyID, MaterialId: strings.Repeat("5b", 32)}},
		{"too short", &materialpb.Material{Spec: symmetric, Material: raw[:16], KeyId: ref.KeyID, MaterialId: ref.MaterialID}},
		{"of a spec that does not seal", &materialpb.Material{Spec: "HMAC_256", Material: raw, KeyId: ref.KeyID, MaterialId: ref.MaterialID}},
		{"empty", &materialpb.Material{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDrawer()
			d.put(t, ref, tt.rec)
			if got, err := soft.New(d, idKey, nil).Seal(t.Context(), ref, []byte("hi"), nil); err == nil {
				t.Errorf("got %x, want an error", got)
			}
		})
	}
	d := newDrawer()
	d.PutMaterial(ref, []byte("\xff damaged"))
	if got, err := soft.New(d, idKey, nil).Seal(t.Context(), ref, []byte("hi"), nil); err == nil {
		t.Errorf("damaged: got %x, want an error", got)
	}
}

func TestForgottenMaterialIsAskedForAgain(t *testing.T) {
	d := newDrawer()
	s := soft.New(d, idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	for range 3 {
		mustSeal(t, s, ref, []byte("hi"), nil)
	}
	if got := d.taken(); got != 1 {
		t.Errorf("taken: got %d times, want once", got)
	}
	d.remove(ref)
	mustSeal(t, s, ref, []byte("hi"), nil) // the shelf is not asked while the material is held
	for name, forget := range map[string]func(){"Forget": func() { s.Forget(ref) }, "ForgetAll": s.ForgetAll} {
		forget()
		if _, err := s.Seal(t.Context(), ref, []byte("hi"), nil); !errors.Is(err, custody.ErrNoMaterial) {
			t.Errorf("after %s: got %v, want ErrNoMaterial", name, err)
		}
	}
}

func TestAbsentMaterial(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	b := mustSeal(t, s, ref, []byte("hi"), nil)
	other := soft.New(newDrawer(), idKey, nil)
	if _, err := other.Seal(t.Context(), ref, []byte("hi"), nil); !errors.Is(err, custody.ErrNoMaterial) {
		t.Errorf("Seal: got %v, want ErrNoMaterial", err)
	}
	if _, err := other.Open(t.Context(), ref, b, nil); !errors.Is(err, custody.ErrNoMaterial) {
		t.Errorf("Open: got %v, want ErrNoMaterial", err)
	}
}

func TestIDKeyOfWrongSizePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got a Soft, want a panic")
		}
	}()
	soft.New(newDrawer(), make([]byte, 16), nil)
}

func BenchmarkSealDataKey(b *testing.B) {
	s := soft.New(newDrawer(), idKey, nil)
	ctx := b.Context()
	ref, dataKey, ec := makeMaterial(b, s, singleKey, nil), make([]byte, 32), map[string]string{"purpose": "bench"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(ctx, ref, dataKey, ec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := soft.New(newDrawer(), idKey, nil)
	ctx := b.Context()
	ref, ec := makeMaterial(b, s, singleKey, nil), map[string]string{"purpose": "bench"}
	sealed := mustSeal(b, s, ref, make([]byte, 32), ec)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(ctx, ref, sealed, ec); err != nil {
			b.Fatal(err)
		}
	}
}

// stored makes a material of what the shelf might hold.
func stored(t testing.TB, d *drawer, s *soft.Soft, spec string, raw []byte) custody.Ref {
	t.Helper()
	ref := singleKey
	ref.MaterialID = strings.Repeat("5a", 32)
	d.put(t, ref, &materialpb.Material{Spec: spec, Material: raw, KeyId: ref.KeyID, MaterialId: ref.MaterialID})
	s.Forget(ref)
	return ref
}
