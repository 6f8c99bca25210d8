package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/metrics"
	"qkms/internal/node"
	"qkms/internal/seal"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestProbes(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true})
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 404, "/debug/pprof/": 404, "/debug/vars": 404} {
		if got, body := get(t, s.MetricsURL+path); got != want {
			t.Errorf("%s: got %d %.100s, want %d", path, got, body, want)
		}
	}
	res, err := http.Post(s.MetricsURL+"/metrics", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %s", res.Status)
	}
	s.Ready.Drain()
	if got, body := get(t, s.MetricsURL+"/readyz"); got != 503 || body != "draining\n" {
		t.Errorf("draining: got %d %q", got, body)
	}
	if got, _ := get(t, s.MetricsURL+"/healthz"); got != 200 {
		t.Errorf("draining: got %d of a process that answers", got)
	}
	s.As(kmstest.Account).Must("ListKeys", `{}`) // until connections are refused
}

func TestNotReadyWithoutRoomForRecords(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true, AuditSpool: 64 << 10})
	s.As(kmstest.Account).Must("ListKeys", `{}`) // its record leaves less than some dozens would take
	if got, body := get(t, s.MetricsURL+"/readyz"); got != 503 || body != "the audit log has no room\n" {
		t.Errorf("got %d %q", got, body)
	}
}

func TestNotReadyWithoutStore(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root.key")
	c := node.Config{Dir: t.TempDir(), Unseal: []seal.Source{seal.KeyFile(root)}}
	err := errors.Join(seal.NewKeyFile(root), node.Init(t.Context(), c, c.Unseal[0]))
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	if got := n.Ready.Err(); got == nil || got.Error() != "the store does not answer" {
		t.Errorf("got %v", got)
	}
	if err := n.Close(); err == nil {
		t.Error("got no error of a store that was closed already")
	}
}

// However many probes come, the store is asked once a second.
func TestProbesAreCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		broken := errors.New("broken")
		r := &metrics.Readiness{Check: func(context.Context) error {
			if asked.Add(1) > 1 {
				return broken
			}
			return nil
		}}
		for range 100 {
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
		}
		if got := asked.Load(); got != 1 {
			t.Errorf("got %d checks for a hundred probes", got)
		}
		time.Sleep(time.Second)
		for range 100 {
			if err := r.Err(); !errors.Is(err, broken) {
				t.Fatalf("got %v, want what is the matter now", err)
			}
		}
		if got := asked.Load(); got != 2 {
			t.Errorf("got %d checks in two seconds", got)
		}
	})
}

// A check that hangs holds up no probe but its own, and what was good once does not stay so.
func TestProbesDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hang atomic.Bool
		release := make(chan struct{})
		r := &metrics.Readiness{Check: func(context.Context) error {
			if hang.Load() {
				<-release
			}
			return nil
		}}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		hang.Store(true)
		time.Sleep(2 * time.Second)
		var stuck sync.WaitGroup
		stuck.Go(func() { _ = r.Err() })
		synctest.Wait()
		if err := r.Err(); err != nil {
			t.Errorf("got %v, want the last answer while the next is found", err)
		}
		time.Sleep(5 * time.Second)
		if err := r.Err(); err == nil {
			t.Error("got ready seven seconds after the last answer")
		}
		close(release)
		stuck.Wait()
		if err := r.Err(); err != nil {
			t.Errorf("got %v after the check has ended", err)
		}
	})
}
