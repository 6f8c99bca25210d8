package metrics_test

import (
	"path/filepath"
	"testing"

	"qkms/internal/metrics"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/store/sqlite"
)

// What an engine can besides is not lost by counting its calls.
func TestCountedEngineCanWhatItCould(t *testing.T) {
	lite, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "qkms.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lite.Close() })
	pg, err := postgres.Open(t.Context(), pgtest.URL(t), postgres.Options{Make: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Close() })
	for name, row := range map[string]struct {
		engine store.Engine
		hints  bool
	}{
		"sqlite":   {lite, false},
		"postgres": {pg, true},
	} {
		counted := metrics.New(metrics.Config{}).Store(row.engine)
		if _, ok := store.As[store.Hinter](counted); ok != row.hints {
			t.Errorf("%s: got a Hinter %v, want %v", name, ok, row.hints)
		}
		if _, ok := store.As[store.Loader](counted); !ok {
			t.Errorf("%s: got no Loader", name)
		}
	}
	if _, ok := store.As[store.Hinter](nil); ok {
		t.Error("got a Hinter of no engine")
	}
}
