package server_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"qkms/internal/kmstest"
)

// Keys that take long to make do not hold up those who want something else: one by one, more data keys
// come back while RSA keys are pending than there are RSA keys. If a request had to wait for an RSA key
// that somebody else asked for, at most one would get through for each.
func TestSlowKeysStallNobody(t *testing.T) {
	const slow = 4
	root := kmstest.New(t).As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	var pending atomic.Int32
	pending.Store(slow)
	var wg sync.WaitGroup
	for range slow {
		wg.Go(func() {
			r := root.Call("CreateKey", `{"KeySpec":"RSA_4096","KeyUsage":"SIGN_VERIFY"}`)
			pending.Add(-1)
			if r.Status != 200 {
				t.Errorf("CreateKey: got %s", r.Raw)
			}
		})
	}
	meanwhile := 0
	for pending.Load() > 0 {
		root.Must("GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256"})
		if pending.Load() > 0 {
			meanwhile++
		}
	}
	wg.Wait()
	if meanwhile <= slow {
		t.Errorf("got %d data keys while an RSA key was pending, want more than %d", meanwhile, slow)
	}
}
