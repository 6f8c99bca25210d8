package blob_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/blob"
)

const (
	singleKey  = "1234abcd-12ab-34cd-56ef-1234567890ab"
	multiKey   = "mrk-1234abcd12ab34cd56ef1234567890ab"
	materialID = "24900ff6a8abd779b9d392edda2253bfa5ea8de8319152381d72eace77b15743"
)

// build puts a blob together as a sealer does, with a box of n bytes of nothing in particular.
func build(t testing.TB, keyID string, n int) []byte {
	t.Helper()
	short, err := blob.Short(materialID)
	if err != nil {
		t.Fatal(err)
	}
	h := blob.Header{KeyID: keyID, MaterialID: short, Random: [32]byte(bytes.Repeat([]byte{0x52}, 32))}
	b, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, bytes.Repeat([]byte{0xc0}, blob.CommitmentSize)...)
	return append(b, bytes.Repeat([]byte{0xb0}, n)...)
}

// again serialises what was parsed.
func again(t testing.TB, b blob.Blob) []byte {
	t.Helper()
	h := b.Header()
	out, err := h.Append(nil)
	if err != nil {
		t.Fatalf("Append of a parsed header: %v", err)
	}
	return append(append(out, b.Commitment()...), b.Box()...)
}

func TestLayout(t *testing.T) {
	for _, tt := range []struct{ name, keyID, want string }{
		{"single-Region key", singleKey, "51010100"},
		{"multi-Region key", multiKey, "51010101"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want + "1234abcd12ab34cd56ef1234567890ab" + "24900ff6a8abd779" +
				strings.Repeat("52", 32) + strings.Repeat("c0", 32) + strings.Repeat("b0", 28)
			if got := hex.EncodeToString(build(t, tt.keyID, 28)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	b, err := blob.Parse(build(t, singleKey, 40))
	if err != nil {
		t.Fatal(err)
	}
	if got := b.KeyID(); got != singleKey {
		t.Errorf("key id: got %s, want %s", got, singleKey)
	}
	if got, want := b.MaterialID().String(), materialID[:16]; got != want {
		t.Errorf("material id: got %s, want %s", got, want)
	}
	if len(b.Head()) != 60 || len(b.Prefix()) != 92 || len(b.Commitment()) != 32 || len(b.Box()) != 40 {
		t.Errorf("got parts of %d, %d, %d, %d bytes", len(b.Head()), len(b.Prefix()), len(b.Commitment()), len(b.Box()))
	}
}

func TestParseRefuses(t *testing.T) {
	set := func(at int, v byte) []byte {
		b := build(t, singleKey, 28)
		b[at] = v
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"shorter than the least", build(t, singleKey, 27)},
		{"longer than the most", build(t, singleKey, 6144-92+1)},
		{"another magic", set(0, 0x01)},
		{"version 0", set(1, 0)},
		{"version 2", set(1, 2)},
		{"suite 0", set(2, 0)},
		{"suite 2", set(2, 2)},
		{"a reserved flag", set(3, 0x02)},
		{"the highest flag", set(3, 0x81)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := blob.Parse(tt.b); !errors.Is(err, blob.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
	for _, n := range []int{28, 6144 - 92} {
		if _, err := blob.Parse(build(t, singleKey, n)); err != nil {
			t.Errorf("box of %d bytes: got %v, want it parsed", n, err)
		}
	}
}

func TestKeyIDsThatAreNotCanonical(t *testing.T) {
	for _, id := range []string{
		"", "mrk-", strings.ToUpper(singleKey), "MRK-1234abcd12ab34cd56ef1234567890ab",
		"mrk-1234ABCD12ab34cd56ef1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890a",
		"mrk-1234abcd12ab34cd56ef1234567890abc", "1234abcd12ab34cd56ef1234567890ab", "mrk-" + singleKey,
		"1234abcd-12ab-34cd-56ef-1234567890a", "1234abcd-12ab-34cd-56ef-1234567890abc",
		"1234abcd_12ab-34cd-56ef-1234567890ab", "1234abcd-12ab-34cd-56ef-1234567890ag",
		"1234abc-d12ab-34cd-56ef-1234567890ab", "{234abcd-12ab-34cd-56ef-1234567890a}",
	} {
		h := blob.Header{KeyID: id}
		if b, err := h.Append([]byte("before")); err == nil || string(b) != "before" {
			t.Errorf("%q: got %x, %v, want an error and nothing appended", id, b, err)
		}
	}
}

func TestShortRefuses(t *testing.T) {
	for _, id := range []string{"", materialID[:63], materialID + "0", strings.ToUpper(materialID), strings.Repeat("g", 64)} {
		if got, err := blob.Short(id); err == nil {
			t.Errorf("%q: got %s, want an error", id, got)
		}
	}
}

func TestParseIsInverseOfAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := blob.Header{
			KeyID: rapid.OneOf(
				rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
				rapid.StringMatching(`mrk-[0-9a-f]{32}`),
			).Draw(t, "key id"),
			MaterialID: blob.ShortID(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "material id")),
			Random:     [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "random")),
		}
		built, err := h.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		built = append(built, rapid.SliceOfN(rapid.Byte(), 60, 300).Draw(t, "commitment and box")...)
		b, err := blob.Parse(built)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Header(); got != h {
			t.Fatalf("got %+v, want %+v", got, h)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(build(f, singleKey, 28))
	f.Add(build(f, multiKey, 60))
	f.Add(build(f, singleKey, 27))
	f.Add([]byte("Q\x01\x01\x02"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := blob.Parse(in)
		if err != nil {
			if !errors.Is(err, blob.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			return
		}
		if got := again(t, b); !bytes.Equal(got, in) {
			t.Errorf("again: got %x, want %x", got, in)
		}
		if got := len(b.Prefix()) + len(b.Box()); got != len(in) {
			t.Errorf("parts: got %d bytes, want %d", got, len(in))
		}
	})
}
