package soft_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/blob"
	"qkms/internal/custody"
	"qkms/internal/custody/materialpb"
	"qkms/internal/custody/soft"
)

var contexts = rapid.MapOfN(rapid.String(), rapid.String(), 0, 12)

func TestSealThenOpen(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	refs := []custody.Ref{makeMaterial(t, s, singleKey, nil), makeMaterial(t, s, multiKey, nil)}
	rapid.Check(t, func(t *rapid.T) {
		ref := rapid.SampledFrom(refs).Draw(t, "ref")
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 4096).Draw(t, "plaintext")
		ec := contexts.Draw(t, "context")

		sealed, err := s.Seal(t.Context(), ref, plaintext, ec)
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		if got, limit := len(sealed)-len(plaintext), 128; got > limit {
			t.Fatalf("overhead: got %d bytes, want at most %d", got, limit)
		}
		b, err := blob.Parse(sealed)
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		if got, want := b.MaterialID().String(), ref.MaterialID[:16]; b.KeyID() != ref.KeyID || got != want {
			t.Fatalf("blob names %s, %s, want %s, %s", b.KeyID(), got, ref.KeyID, want)
		}
		got, err := s.Open(t.Context(), ref, sealed, maps.Clone(ec))
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("Open: got %x, %v, want %x", got, err, plaintext)
		}
	})
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	for _, key := range []custody.Ref{singleKey, multiKey} {
		ref, ec := makeMaterial(t, s, key, nil), map[string]string{"purpose": "test"}
		sealed := mustSeal(t, s, ref, make([]byte, 32), ec)
		for bit := range len(sealed) * 8 {
			sealed[bit/8] ^= 1 << (bit % 8)
			wantWrong(t, s, ref, sealed, ec, fmt.Sprintf("%s: bit %d of byte %d flipped", ref.KeyID, bit%8, bit/8))
			sealed[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestEveryOtherLengthIsRefused(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	sealed := mustSeal(t, s, ref, make([]byte, 32), nil)
	for n := range len(sealed) {
		wantWrong(t, s, ref, sealed[:n], nil, fmt.Sprintf("cut to %d bytes", n))
	}
	wantWrong(t, s, ref, append(sealed, 0), nil, "one byte more")
	wantWrong(t, s, ref, append(sealed, sealed...), nil, "twice")
}

func TestAnotherContextIsRefused(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	rapid.Check(t, func(t *rapid.T) {
		a, b := contexts.Draw(t, "sealed under"), contexts.Draw(t, "opened under")
		sealed, err := s.Seal(t.Context(), ref, []byte("hi"), a)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Open(t.Context(), ref, sealed, b)
		if opened, want := err == nil, maps.Equal(a, b); opened != want {
			t.Fatalf("opened: got %v, want %v", opened, want)
		}
	})
}

func TestContextsThatLookAlike(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	for _, tt := range []struct {
		name string
		a, b map[string]string
	}{
		{"separator moved", map[string]string{"a": "b=c"}, map[string]string{"a=b": "c"}},
		{"two pairs in one", map[string]string{"a": "b", "c": "d"}, map[string]string{"a": "b,c=d"}},
		{"key and value exchanged", map[string]string{"a": "b"}, map[string]string{"b": "a"}},
		{"an empty pair more", nil, map[string]string{"": ""}},
		{"case of a key", map[string]string{"a": "b"}, map[string]string{"A": "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantWrong(t, s, ref, mustSeal(t, s, ref, []byte("hi"), tt.a), tt.b, "a opened as b")
			wantWrong(t, s, ref, mustSeal(t, s, ref, []byte("hi"), tt.b), tt.a, "b opened as a")
		})
	}
	sealed := mustSeal(t, s, ref, []byte("hi"), nil)
	if _, err := s.Open(t.Context(), ref, sealed, map[string]string{}); err != nil {
		t.Errorf("empty context for none: got %v, want it opened", err)
	}
}

func TestOpensUnderOneMaterialOnly(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	given := bytes.Repeat([]byte{7}, 32)
	ref := makeMaterial(t, s, singleKey, given)
	sealed := mustSeal(t, s, ref, []byte("hi"), nil)

	wantWrong(t, s, makeMaterial(t, s, singleKey, nil), sealed, nil, "newer material of the same key")
	wantWrong(t, s, makeMaterial(t, s, multiKey, given), sealed, nil, "same bytes under another key")
}

// TestShortIDsThatCollide puts what is not the blob's material where it is looked for.
func TestShortIDsThatCollide(t *testing.T) {
	d := newDrawer()
	s := soft.New(d, idKey, nil)
	given := bytes.Repeat([]byte{7}, 32)
	ref := makeMaterial(t, s, singleKey, given)
	sealed := mustSeal(t, s, ref, []byte("hi"), nil)

	other := ref
	other.MaterialID = ref.MaterialID[:16] + strings.Repeat("0", 48)
	d.put(t, other, &materialpb.Material{Spec: symmetric, Material: make([]byte, 32), KeyId: other.KeyID, MaterialId: other.MaterialID})
	wantWrong(t, s, other, sealed, nil, "another material whose id begins alike")

	// The material is right and the key is not: the policy of the wrong key would decide.
	thief := multiKey
	thief.MaterialID = ref.MaterialID
	d.put(t, thief, &materialpb.Material{Spec: symmetric, Material: given, KeyId: thief.KeyID, MaterialId: thief.MaterialID})
	wantWrong(t, s, thief, sealed, nil, "the same bytes and id under another key")
}

func TestReplicasOpenEachOthersCiphertexts(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	given := bytes.Repeat([]byte{7}, 32)
	replica := multiKey
	replica.Region = "eu-west-1"
	here, there := makeMaterial(t, s, multiKey, given), makeMaterial(t, s, replica, given)

	sealed := mustSeal(t, s, here, []byte("hi"), nil)
	if got, err := s.Open(t.Context(), there, sealed, nil); err != nil || string(got) != "hi" {
		t.Errorf("got %q, %v, want it opened in the other region", got, err)
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	a, b := mustSeal(t, s, ref, []byte("hi"), nil), mustSeal(t, s, ref, []byte("hi"), nil)
	if bytes.Equal(a[28:60], b[28:60]) || bytes.Equal(a[60:92], b[60:92]) || bytes.Equal(a[92:104], b[92:104]) {
		t.Errorf("got random bytes, commitment or nonce twice: %x, %x", a, b)
	}
}

func TestSealRefuses(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	upper, short := ref, ref
	upper.KeyID = "1234ABCD-12AB-34CD-56EF-1234567890AB"
	short.MaterialID = ref.MaterialID[:16]
	for _, tt := range []struct {
		name      string
		ref       custody.Ref
		plaintext []byte
	}{
		{"a blob over 6144 bytes", ref, make([]byte, 6144-120+1)},
		{"a key id in upper case", upper, nil},
		{"a short material id", short, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := s.Seal(t.Context(), tt.ref, tt.plaintext, nil); err == nil {
				t.Errorf("got %x, want an error", got)
			}
		})
	}
	longest := mustSeal(t, s, ref, make([]byte, 6144-120), nil)
	if _, err := s.Open(t.Context(), ref, longest, nil); err != nil {
		t.Errorf("longest blob: %v", err)
	}
}

// TestArgumentsAreKeptIntact: a caller may use its buffers again.
func TestArgumentsAreKeptIntact(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := makeMaterial(t, s, singleKey, nil)
	plaintext := []byte("attack at dawn")
	sealed := mustSeal(t, s, ref, plaintext, nil)
	before := bytes.Clone(sealed)
	got, err := s.Open(t.Context(), ref, sealed, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	if !bytes.Equal(sealed, before) || string(plaintext) != "attack at dawn" {
		t.Error("got an argument changed, want it intact")
	}
}
