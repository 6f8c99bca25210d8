package storetest

import (
	"fmt"
	"slices"
	"sync/atomic"

	"qkms/internal/store"
)

var getTests = []subtest{
	{"AbsentIsVersionZero", func(f *fixture) {
		records, err := f.Get(f.ctx, []byte("nobody"))
		if err != nil || len(records) != 1 || records[0].Ver != 0 || records[0].Body != nil || string(records[0].Key) != "nobody" {
			f.Errorf("got %v, %v, want one record of version 0 without a body", records, err)
		}
	}},
	{"OneRecordPerKeyInOrder", func(f *fixture) {
		f.commit(puts(put(1, "a", 3, "A"), put(1, "b", 4, "B")))
		got := f.get("b", "none", "a", "b")
		if want := []string{"b@4=B", "none@0=", "a@3=A", "b@4=B"}; !slices.Equal(got, want) {
			f.Errorf("got %q, want %q", got, want)
		}
	}},
	{"NoKeys", func(f *fixture) {
		if got := f.get(); len(got) != 0 {
			f.Errorf("got %q, want nothing", got)
		}
	}},
	{"EmptyBodyIsPresent", func(f *fixture) {
		f.commit(store.Txn{Puts: []store.Put{{Shard: 1, Key: []byte("e"), Ver: 1}}})
		f.want("e", "e@1=")
	}},
	{"KeysAndBodiesAreAnyBytes", func(f *fixture) {
		for b := range 256 {
			f.commit(puts(put(b%store.Shards, "any\x00"+string([]byte{byte(b)}), 1, string([]byte{byte(b), 0}))))
		}
		for b := range 256 {
			key := "any\x00" + string([]byte{byte(b)})
			f.want(key, key+"@1="+string([]byte{byte(b), 0}))
		}
	}},
	{"SeesEveryFinishedCommit", func(f *fixture) {
		together(8, func(i int) {
			key := fmt.Sprint("key", i)
			for ver := uint64(1); ver <= 20; ver++ {
				f.commit(puts(put(i, key, ver, "")))
				f.want(key, fmt.Sprintf("%s@%d=", key, ver))
			}
		})
	}},
	{"IsOneSnapshot", func(f *fixture) {
		f.whileWriting(func() {
			records, err := f.Get(f.ctx, []byte("pair/a"), []byte("pair/b"))
			if err != nil {
				f.Errorf("Get: %v", err)
			} else if records[0].Ver != records[1].Ver {
				f.Errorf("got versions %d and %d of two records always written together", records[0].Ver, records[1].Ver)
			}
		})
	}},
}

var listTests = []subtest{
	{"BytewiseOrderFromInclusiveToExclusive", func(f *fixture) {
		f.commit(puts(put(1, "b", 1, ""), put(1, "a", 1, ""), put(1, "ab", 1, ""), put(1, "a\x00", 1, ""), put(1, "a\xff", 1, ""), put(1, "B", 1, "")))
		for _, test := range []struct {
			from, to []byte
			want     []string
		}{
			{nil, nil, []string{"B@1=", "a@1=", "a\x00@1=", "ab@1=", "a\xff@1=", "b@1="}},
			{[]byte("a"), []byte("b"), []string{"a@1=", "a\x00@1=", "ab@1=", "a\xff@1="}},
			{[]byte("a\x00"), []byte("ab"), []string{"a\x00@1="}},
			{[]byte("b"), nil, []string{"b@1="}},
			{[]byte("c"), nil, []string{}},
			{[]byte("b"), []byte("a"), []string{}},
			{nil, []byte{}, []string{}},
		} {
			page, more, err := f.List(f.ctx, test.from, test.to, 100)
			if got := texts(page); err != nil || more || !slices.Equal(got, test.want) {
				f.Errorf("List %q to %q: got %q, %v, %v, want %q", test.from, test.to, got, more, err, test.want)
			}
		}
	}},
	{"LimitAndMore", func(f *fixture) {
		f.commit(puts(put(1, "a", 1, ""), put(1, "b", 1, ""), put(1, "c", 1, "")))
		for limit, wantMore := range map[int]bool{1: true, 2: true, 3: false, 4: false, store.MaxList: false} {
			page, more, err := f.List(f.ctx, nil, nil, limit)
			if err != nil || len(page) != min(limit, 3) || more != wantMore {
				f.Errorf("limit %d: got %d records, more %v, %v, want more %v", limit, len(page), more, err, wantMore)
			}
		}
	}},
	{"LimitOutOfRangeIsRefused", func(f *fixture) {
		for _, limit := range []int{-1, 0, store.MaxList + 1} {
			if _, _, err := f.List(f.ctx, nil, nil, limit); err == nil {
				f.Errorf("limit %d: got no error", limit)
			}
		}
	}},
	{"PagesMeetWithoutGapOrOverlap", func(f *fixture) {
		var want []string
		for i := range 250 {
			key := fmt.Sprintf("page/%04d", i)
			f.commit(puts(put(i%store.Shards, key, 1, "")))
			want = append(want, key+"@1=")
		}
		var got []string
		from := []byte("page/")
		for more := true; more; {
			var page []store.Record
			var err error
			if page, more, err = f.List(f.ctx, from, []byte("page0"), 17); err != nil {
				f.Fatalf("List: %v", err)
			}
			got = append(got, texts(page)...)
			from = append(slices.Clone(page[len(page)-1].Key), 0)
		}
		if !slices.Equal(got, want) {
			f.Errorf("got %d records in pages of 17, want %d", len(got), len(want))
		}
	}},
	{costs, costsAsThePage},
	{"OnePageIsOneSnapshot", func(f *fixture) {
		f.whileWriting(func() {
			page, _, err := f.List(f.ctx, []byte("pair/"), []byte("pair0"), 10)
			if err != nil {
				f.Errorf("List: %v", err)
			} else if len(page) == 2 && page[0].Ver != page[1].Ver || len(page) == 1 {
				f.Errorf("got %q of two records always written together", texts(page))
			}
		})
	}},
}

// whileWriting runs read again and again while pair/a and pair/b are written together 100 times, in
// different shards.
func (f *fixture) whileWriting(read func()) {
	var done atomic.Bool
	together(2, func(i int) {
		if i == 1 {
			for !done.Load() && !f.Failed() {
				read()
			}
			return
		}
		defer done.Store(true)
		for ver := uint64(1); ver <= 100; ver++ {
			f.commit(puts(put(1, "pair/a", ver, "A"), put(2, "pair/b", ver, "B")))
		}
	})
	read()
}
