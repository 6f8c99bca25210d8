package postgres_test

import (
	"testing"

	"qkms/internal/store/postgres"
)

func TestNamesOfStandbys(t *testing.T) {
	for text, want := range map[string]postgres.Names{
		`db1`:                     {Count: 1, List: []string{"db1"}},
		` DB1 , db2 `:             {Count: 1, List: []string{"db1", "db2"}},
		`2 (db1, db2)`:            {Count: 2, List: []string{"db1", "db2"}},
		`FIRST 1(db1,db2)`:        {Count: 1, List: []string{"db1", "db2"}},
		`any 1 ("db-1", "db""2")`: {Any: true, Count: 1, List: []string{"db-1", `db"2`}},
		`"first", ","`:            {Count: 1, List: []string{"first", ","}},
		`*`:                       {Count: 1, List: []string{"*"}},
	} {
		if got, ok := postgres.ParseNames(text); !ok || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{``, ` `, `,`, `db1,`, `(db1)`, `1 db1`, `1 ()`, `0 (db1)`, `MOST 1 (db1)`, `ANY (db1)`, `ANY 1 (db1`, `ANY 1 (db1) db2`, `"db1`, `db1 db2`, `1 2 3 (db1)`, `1 ((db1)`} {
		if got, ok := postgres.ParseNames(text); ok {
			t.Errorf("%s: got %v, want none", text, got)
		}
	}
}

// Whatever is understood names at least one standby, and commits wait for one at least.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{`db1`, `ANY 1 ("a""b", *)`, `FIRST 2 (a, b)`, `"`, `1(`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := postgres.ParseNames(text); ok && (got.Count < 1 || len(got.List) == 0) {
			t.Errorf("%q: got %v", text, got)
		}
	})
}
