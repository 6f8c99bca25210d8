package record_test

import (
	"slices"
	"strings"
	"testing"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A name is found by whatever it begins with, and by nothing that another account's begins with: also where bytes are at the
// edge of how keys are written.
func TestScanStart(t *testing.T) {
	f := open(t)
	names := []string{"a", "a\x00", "a\x00\x01", "a\x00b", "a\x00\xff", "a\x01", "ab", "abc", "b", "\xff", "\xff\xff", "\xffa", "\x00"}
	c := f.Change()
	for _, name := range names {
		c.Insert(record.OfAlias(account, region, name), &recordpb.Alias{})
	}
	c.Insert(record.OfAlias(account, region+"a", "of another Region"), &recordpb.Alias{})
	f.commit(c)
	for _, start := range append(names, "", "abcd", "c", "\x00\x00", "\x01") {
		var want, got []string
		for _, name := range names {
			if strings.HasPrefix(name, start) {
				want = append(want, name)
			}
		}
		var after record.Key
		for more := true; more; {
			var page []record.Item[*recordpb.Alias]
			var err error
			if page, more, err = record.ScanStart[recordpb.Alias](t.Context(), f.Book, record.AliasesOf(account, region), start, after, 2); err != nil {
				t.Fatal(err)
			}
			for _, it := range page {
				got, after = append(got, it.Key.Part(2)), it.Key
			}
		}
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("beginning with %q: got %q, want %q", start, got, want)
		}
	}
}
