package soft

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// Project Wycheproof's vectors of AES-KWP, those of google/wycheproof at 2196000605e4. What it calls
// acceptable, short keys and weak wrapping, is well-formed all the same, save for a key of no bytes: that is
// below the limit of SP 800-38F §5.3.1.
func TestKWPWycheproof(t *testing.T) {
	file, err := os.ReadFile("testdata/wycheproof/kwp.json")
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct {
		Bits  int
		Tests []struct {
			ID                            int
			Comment, Key, Msg, CT, Result string
		}
	}
	if err := json.Unmarshal(file, &groups); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, g := range groups {
		for _, tt := range g.Tests {
			got, ok := unwrapKWP(fromHex(t, tt.Key), fromHex(t, tt.CT))
			seen[tt.Result]++
			switch {
			case tt.Msg == "" && ok:
				t.Errorf("%d bits, %d: got an answer for nothing", g.Bits, tt.ID)
			case tt.Msg == "":
			case tt.Result == "invalid" && ok:
				t.Errorf("%d bits, %d (%s): got %x, want no answer", g.Bits, tt.ID, tt.Comment, got)
			case tt.Result != "invalid" && (!ok || !bytes.Equal(got, fromHex(t, tt.Msg))):
				t.Errorf("%d bits, %d (%s): got %x, %t, want %s", g.Bits, tt.ID, tt.Comment, got, ok, tt.Msg)
			}
		}
	}
	if seen["valid"] != 20 || seen["acceptable"] != 60 || seen["invalid"] != 174 {
		t.Errorf("got %v vectors, want 20 valid, 60 acceptable, 174 invalid", seen)
	}
}

// RFC 5649 §6, and the vectors of the key material specification (§10).
func TestKWPVectors(t *testing.T) {
	const (
		rfc  = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"
		ours = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	)
	for _, tt := range []struct{ name, kek, material, wrapped string }{
		{"RFC 5649, 20 bytes", rfc, "c37b7e6492584340bed12207808941155068f738", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		{"RFC 5649, 7 bytes", rfc, "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
		{"7 bytes", ours, "a0a1a2a3a4a5a6", "d68f76249fa80a8bd38ca26b24bd5508"},
		{"20 bytes", ours, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3", "45af342463d7c908087662dbba4bbdcb5b717bc58911b629334060221a3fa24b"},
		{"32 bytes", ours, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "38e280155ccf3f09397e0b9f610a43c91183334bc5eb520a01ff1377bf9f95f3e20cb09f4f3d59cd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wrapped := fromHex(t, tt.wrapped)
			got, ok := unwrapKWP(fromHex(t, tt.kek), wrapped)
			if want := fromHex(t, tt.material); !ok || !bytes.Equal(got, want) {
				t.Fatalf("got %x, %t, want %x", got, ok, want)
			}
			for i := range 8 * len(wrapped) {
				wrapped[i/8] ^= 1 << (i % 8)
				if got, ok := unwrapKWP(fromHex(t, tt.kek), wrapped); ok {
					t.Errorf("bit %d flipped: got %x, want no answer", i, got)
				}
				wrapped[i/8] ^= 1 << (i % 8)
			}
		})
	}
}

func FuzzUnwrapKWP(f *testing.F) {
	kek := bytes.Repeat([]byte{7}, 32)
	for _, n := range []int{0, 8, 16, 24, 31, 40, maxKWP, maxKWP + 8} {
		f.Add(make([]byte, n))
	}
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		if got, ok := unwrapKWP(kek, wrapped); ok && (len(got) == 0 || len(got) > len(wrapped)-semiblock) {
			t.Errorf("got %d bytes from %d", len(got), len(wrapped))
		}
	})
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
