//go:build !race

// One request after the other, and thousands of them: this runs without the race detector (make test-norace).

package server_test

import (
	"fmt"
	"slices"
	"testing"

	"qkms/internal/kmstest"
)

// With thousands of grants on a key a page takes what it takes with a few, and the pages of every list
// show each grant once.
func TestManyGrants(t *testing.T) {
	s := withAlice(t)
	for i := range 200 {
		s.Exists(fmt.Sprintf("user/alice-%d", i))
	}
	root := s.As(kmstest.Account)
	few, many := newKey(root), newKey(root)
	grantTo := func(id string, i int) {
		root.Must("CreateGrant", aGrant(id, map[string]any{
			"GranteePrincipal": fmt.Sprintf("%s-%d", alice, i%200), "RetiringPrincipal": fmt.Sprintf("%s-%d", alice, i%200),
		}))
	}
	for i := range 10 {
		grantTo(few, 200*i) // all to one
	}
	const n = 2000
	for i := range n {
		grantTo(many, i)
	}
	for name, list := range map[string]struct {
		operation string
		body      map[string]any
		want, in  int // grants, pages
	}{
		"all":               {"ListGrants", map[string]any{"KeyId": many, "Limit": 100}, n, n / 100},
		"of the few":        {"ListGrants", map[string]any{"KeyId": few}, 10, 1},
		"of one grantee":    {"ListGrants", map[string]any{"KeyId": many, "GranteePrincipal": alice + "-0", "Limit": 3}, n / 200, 4},
		"retirable by one":  {"ListRetirableGrants", map[string]any{"RetiringPrincipal": alice + "-0", "Limit": 7}, n/200 + 10, 3},
		"fifty by default":  {"ListGrants", map[string]any{"KeyId": many}, n, n / 50},
		"retirable by none": {"ListRetirableGrants", map[string]any{"RetiringPrincipal": alice}, 0, 1},
	} {
		ids, in := pages(root, list.operation, list.body)
		slices.Sort(ids)
		if once := len(slices.Compact(slices.Clone(ids))); len(ids) != list.want || once != list.want || in != list.in {
			t.Errorf("%s: got %d grants, %d different, on %d pages, want %d on %d", name, len(ids), once, in, list.want, list.in)
		}
	}
	for name, body := range map[string]func(id string) map[string]any{
		"ten of all": func(id string) map[string]any { return map[string]any{"KeyId": id, "Limit": 10} },
		"ten of grantee": func(id string) map[string]any {
			return map[string]any{"KeyId": id, "GranteePrincipal": alice + "-0", "Limit": 10}
		},
	} {
		cost := func(id string) float64 {
			return testing.AllocsPerRun(20, func() { root.Must("ListGrants", body(id)) })
		}
		if of10, of2000 := cost(few), cost(many); of2000 > 1.5*of10 {
			t.Errorf("%s: got %.0f allocations among %d grants and %.0f among 10", name, of2000, n, of10)
		}
	}
	if got := counted(t, s, many); got != n {
		t.Errorf("got a count of %d, want %d", got, n)
	}
}
