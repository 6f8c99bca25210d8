package seal_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/seal"
)

var now = time.UnixMilli(1790000000000).UTC()

// newKey makes a key file and returns it as a source.
func newKey(t testing.TB) seal.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return seal.KeyFile(path)
}

func newRing(t testing.TB) *seal.Ring {
	t.Helper()
	return must(t)(seal.Init(t.Context(), newKey(t), now))
}

// must turns (ring, err) into ring.
func must(t testing.TB) func(*seal.Ring, error) *seal.Ring {
	return func(r *seal.Ring, err error) *seal.Ring {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

var ad = seal.AD{Key: []byte("k\x00111122223333"), Ver: 7, Schema: 1}

func TestRecordRoundTrip(t *testing.T) {
	r := newRing(t)
	rapid.Check(t, func(t *rapid.T) {
		ad := seal.AD{
			Key:    rapid.SliceOf(rapid.Byte()).Draw(t, "key"),
			Ver:    rapid.Uint64().Draw(t, "ver"),
			Schema: rapid.Uint32().Draw(t, "schema"),
		}
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		sealed := r.Seal(ad, want)
		if len(sealed) != len(want)+seal.Overhead {
			t.Fatalf("got %d bytes, want %d", len(sealed), len(want)+seal.Overhead)
		}
		if got, err := r.Open(ad, sealed); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %x, %v, want %x", got, err, want)
		}
	})
}

// What a database writer can do to a record (storage design §9).
func TestRecordOutOfPlace(t *testing.T) {
	r, other := newRing(t), newRing(t)
	sealed := r.Seal(ad, []byte("body"))
	rows := []struct {
		name string
		ring *seal.Ring
		ad   seal.AD
	}{
		{"under another key", r, seal.AD{Key: []byte("k\x00111122223334"), Ver: 7, Schema: 1}},
		{"in another space", r, seal.AD{Key: []byte("p\x00111122223333"), Ver: 7, Schema: 1}},
		{"under a shorter key", r, seal.AD{Key: []byte("k\x0011112222333"), Ver: 7, Schema: 1}},
		{"under no key", r, seal.AD{Ver: 7, Schema: 1}},
		{"old body, new version", r, seal.AD{Key: ad.Key, Ver: 8, Schema: 1}},
		{"new body, old version", r, seal.AD{Key: ad.Key, Ver: 6, Schema: 1}},
		{"another schema", r, seal.AD{Key: ad.Key, Ver: 7, Schema: 2}},
		{"version and schema exchanged", r, seal.AD{Key: ad.Key, Ver: 1, Schema: 7}},
		{"in another store", other, ad},
	}
	for _, row := range rows {
		if got, err := row.ring.Open(row.ad, sealed); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("%s: got %q, %v, want ErrTampered", row.name, got, err)
		}
	}
}

func TestRecordAnyBitFlipped(t *testing.T) {
	r := must(t)(newRing(t).RotateKEK(now)) // two KEKs, so that a flipped id can name a real one
	rapid.Check(t, func(t *rapid.T) {
		sealed := r.Seal(ad, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "plaintext"))
		bit := rapid.IntRange(0, 8*len(sealed)-1).Draw(t, "bit")
		sealed[bit/8] ^= 1 << (bit % 8)
		got, err := r.Open(ad, sealed)
		if !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrUnknownKEK) {
			t.Fatalf("got %q, %v, want an error", got, err)
		}
	})
}

func TestRecordEveryBitOfOne(t *testing.T) {
	r := newRing(t)
	sealed := r.Seal(ad, []byte("body"))
	for bit := range 8 * len(sealed) {
		sealed[bit/8] ^= 1 << (bit % 8)
		if got, err := r.Open(ad, sealed); err == nil {
			t.Errorf("bit %d: got %q, want an error", bit, got)
		}
		sealed[bit/8] ^= 1 << (bit % 8)
	}
}

func TestRecordAtEveryOtherLength(t *testing.T) {
	r := newRing(t)
	sealed := r.Seal(ad, []byte("body"))
	for n := range sealed {
		if got, err := r.Open(ad, sealed[:n]); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("cut to %d: got %q, %v, want ErrTampered", n, got, err)
		}
	}
	if got, err := r.Open(ad, append(sealed, 0)); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("one byte more: got %q, %v, want ErrTampered", got, err)
	}
}

func TestRecordUnderAnotherKEK(t *testing.T) {
	first := newRing(t)
	second := must(t)(first.RotateKEK(now))
	sealed := second.Seal(ad, []byte("body"))
	if _, err := first.Open(ad, sealed); !errors.Is(err, seal.ErrUnknownKEK) {
		t.Errorf("got %v, want ErrUnknownKEK", err)
	}
	sealed[4] = 1 // names the first KEK instead
	if _, err := second.Open(ad, sealed); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("id changed: got %v, want ErrTampered", err)
	}
}

func TestKEKOfRefusesOtherFormats(t *testing.T) {
	sealed := newRing(t).Seal(ad, nil)
	sealed[0]++
	if _, err := seal.KEKOf(sealed); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
}

func TestSealNeverRepeats(t *testing.T) {
	r := newRing(t)
	if bytes.Equal(r.Seal(ad, []byte("body"))[5:49], r.Seal(ad, []byte("body"))[5:49]) {
		t.Error("salt and nonce are the same twice")
	}
}

func TestWipe(t *testing.T) {
	r := newRing(t)
	next := must(t)(r.RotateKEK(now))
	sealed, token := r.Seal(ad, []byte("body")), r.SealToken("p", nil, nil)
	r.Wipe()
	r.Wipe()
	if _, err := r.Open(ad, sealed); !errors.Is(err, seal.ErrWiped) {
		t.Errorf("Open: got %v, want ErrWiped", err)
	}
	if _, err := r.OpenToken("p", nil, token); !errors.Is(err, seal.ErrWiped) {
		t.Errorf("OpenToken: got %v, want ErrWiped", err)
	}
	if _, err := r.RotateKEK(now); !errors.Is(err, seal.ErrWiped) {
		t.Errorf("RotateKEK: got %v, want ErrWiped", err)
	}
	if _, err := r.Reload(next.State()); !errors.Is(err, seal.ErrWiped) {
		t.Errorf("Reload: got %v, want ErrWiped", err)
	}
	for name, use := range map[string]func(){
		"Seal":      func() { r.Seal(ad, nil) },
		"SealToken": func() { r.SealToken("p", nil, nil) },
		"Derive":    func() { r.Derive("x") },
	} {
		if !panics(use) {
			t.Errorf("%s with wiped keys: got a result, want a panic", name)
		}
	}
	if got, err := next.Open(ad, sealed); err != nil || string(got) != "body" {
		t.Errorf("the next ring lost its keys: got %q, %v", got, err)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// Whatever opens while the ring is wiped under it was sealed under whole keys.
func TestWipeWhileInUse(t *testing.T) {
	r := newRing(t)
	twin := must(t)(r.RotateKEK(now)) // keeps a copy of the KEK to check with
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 200 {
				var sealed []byte
				if panics(func() { sealed = r.Seal(ad, []byte("body")) }) {
					return
				}
				if _, err := twin.Open(ad, sealed); err != nil {
					t.Errorf("sealed under damaged keys: %v", err)
				}
			}
		})
	}
	r.Wipe()
	work.Wait()
}

func BenchmarkSeal(b *testing.B) {
	r, body := newRing(b), make([]byte, 300)
	b.SetBytes(300)
	b.ReportAllocs()
	for b.Loop() {
		r.Seal(ad, body)
	}
}

func BenchmarkOpen(b *testing.B) {
	r := newRing(b)
	sealed := r.Seal(ad, make([]byte, 300))
	b.SetBytes(300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(ad, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
