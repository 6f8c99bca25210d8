package storetest

import (
	"fmt"
	"time"

	"qkms/internal/store"
)

const (
	many  = 50_000 // records
	times = 6      // what a page may cost more among many records than among few; to read them all is some hundred times as much
)

const costs = "CostsAsThePage"

// costsAsThePage lists ten records of an almost empty store and of a full one: its beginning, middle and end. Of
// many tries the cheapest counts, so that what else the machine does is left out, and what the way to the
// database costs is in both.
func costsAsThePage(f *fixture) {
	f.fill("list/", 0, 100)
	few := f.cheapest("list/000000")
	f.fill("list/", 100, many)
	for _, from := range []int{0, many / 2, many - 10} {
		if cost := f.cheapest(fmt.Sprintf("list/%06d", from)); cost > times*few {
			f.Errorf("ten records from number %d of %d on cost %v, of 100 %v", from, many, cost, few)
		}
	}
}

// fill writes records from number a to b, as many at a time as go into a commit.
func (f *fixture) fill(prefix string, a, b int) {
	for ; a < b && !f.Failed(); a += store.MaxOps {
		var t store.Txn
		for i := a; i < min(a+store.MaxOps, b); i++ {
			t.Puts = append(t.Puts, put(a/store.MaxOps%store.Shards, fmt.Sprintf("%s%06d", prefix, i), 1, "0123456789"))
		}
		f.commit(t)
	}
}

// cheapest is what a page of ten records costs.
func (f *fixture) cheapest(from string) time.Duration {
	best := time.Hour
	for range 20 {
		begin := time.Now()
		page, _, err := f.List(f.ctx, []byte(from), []byte("list0"), 10)
		best = min(best, time.Since(begin))
		if err != nil || len(page) != 10 {
			f.Fatalf("List: got %d records, %v, want 10", len(page), err)
		}
	}
	return best
}
