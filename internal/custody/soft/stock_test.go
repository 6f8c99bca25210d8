package soft

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/bulkhead"
	"qkms/internal/custody"
)

var someKey = custody.Ref{Account: "111122223333", KeyID: "k"}

// pairOf makes a pair of spec and returns its private key.
func pairOf(t *testing.T, s *Soft, spec string) *rsa.PrivateKey {
	t.Helper()
	private, public, err := s.MakePair(t.Context(), someKey, spec)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if der, err := x509.MarshalPKIXPublicKey(k.(*rsa.PrivateKey).Public()); err != nil || !bytes.Equal(der, public) {
		t.Fatalf("got another key's public key, %v", err)
	}
	return k.(*rsa.PrivateKey)
}

// keep begins to keep pairs ready; end waits until that has ended.
func keep(t *testing.T, s *Soft, most int) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.KeepReady(ctx, most) })
	synctest.Wait()
	return func() { cancel(); wg.Wait() }
}

func wantReady(t *testing.T, s *Soft, now int, taken uint64) {
	t.Helper()
	synctest.Wait() // until there is nothing to make
	if n, all := s.Ready(); n != now || all != taken {
		t.Errorf("got %d ready and %d taken, want %d and %d", n, all, now, taken)
	}
}

func TestReadyPairsAreHandedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil, secretBytes, nil)
		pairOf(t, s, "RSA_2048")
		wantReady(t, s, 0, 0) // not opened
		end := keep(t, s, 2)
		wantReady(t, s, 0, 0) // nobody has asked
		pairOf(t, s, "RSA_2048")
		wantReady(t, s, 2, 0)

		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range 4 { // two more than there are
			wg.Go(func() {
				n := string(pairOf(t, s, "RSA_2048").N.Bytes())
				mu.Lock()
				defer mu.Unlock()
				seen[n]++
			})
		}
		wg.Wait()
		if len(seen) != 4 {
			t.Errorf("got %d different pairs of 4", len(seen))
		}
		if _, taken := s.Ready(); taken < 2 {
			t.Errorf("got %d taken, want 2 at least", taken)
		}
		end()
		if n, _ := s.Ready(); n != 0 {
			t.Errorf("got %d ready after the end", n)
		}
		pairOf(t, s, "RSA_2048") // as before it was opened
	})
}

// Pairs are sealed while they wait, each for its spec, and wiped when nobody has asked for an hour.
func TestReadyPairsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil, secretBytes, nil)
		defer keep(t, s, 1)()
		pairOf(t, s, "RSA_2048")
		wantReady(t, s, 1, 0)
		box := s.stock.boxes["RSA_2048"][0]
		if x, err := newBox(s.stock.key.bytes()).Open(nil, nil, box, []byte("RSA_3072")); err == nil {
			t.Errorf("opens as another spec, to %d bytes", len(x))
		}
		stored, err := newBox(s.stock.key.bytes()).Open(nil, nil, box, []byte("RSA_2048"))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+8 <= len(stored); i += 8 {
			if bytes.Contains(box, stored[i:i+8]) {
				t.Fatalf("bytes %d to %d of the key are in the stock in clear", i, i+8)
			}
		}
		<-time.After(wantedFor - time.Second) // of the bubble's clock
		wantReady(t, s, 1, 0)
		<-time.After(time.Second)
		wantReady(t, s, 0, 0)
		if !bytes.Equal(box, make([]byte, len(box))) {
			t.Error("what was dropped was not wiped")
		}
	})
}

// Whoever has asked for something that takes long comes first.
func TestReadyPairsAreMadeLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil, secretBytes, nil)
		defer keep(t, s, 1)()
		gate := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.slow.Short.Do(t.Context(), bulkhead.Flow{}, func() { <-gate }) })
		synctest.Wait()
		pairOf(t, s, "RSA_2048")
		wantReady(t, s, 0, 0)
		close(gate)
		wg.Wait()
		wantReady(t, s, 1, 0)
	})
}
