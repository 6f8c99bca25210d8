package op

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Quota is how much of something there may be (operations.md §18.1). A zero field means AWS's default.
type Quota struct {
	Keys          int // customer managed keys of an account in a Region, in any state
	AliasesPerKey int
	GrantsPerKey  int
	KeyStores     int // custom key stores of an account in a Region
}

// DefaultQuota is AWS's.
var DefaultQuota = Quota{Keys: 100_000, AliasesPerKey: 50, GrantsPerKey: 50_000, KeyStores: 10}

// fields are the quotas by the names an operator gives them.
func (q *Quota) fields() map[string]*int {
	return map[string]*int{"keys": &q.Keys, "aliases-per-key": &q.AliasesPerKey, "grants-per-key": &q.GrantsPerKey, "key-stores": &q.KeyStores}
}

// WithDefaults returns q with AWS's default where it says nothing.
func (q Quota) WithDefaults() Quota {
	standard := DefaultQuota
	defaults := standard.fields()
	for name, field := range q.fields() {
		if *field == 0 {
			*field = *defaults[name]
		}
	}
	return q
}

// Set reads NAME=N, several separated by commas: it makes a *Quota a flag.Value.
func (q *Quota) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(one, "=")
		field, known := q.fields()[name]
		if !known {
			return fmt.Errorf("%q is no quota; there are %s", name, strings.Join(slices.Sorted(maps.Keys(q.fields())), ", "))
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return fmt.Errorf("the quota %s is a number from 1 on", name)
		}
		*field = n
	}
	return nil
}

// String is what Set reads, without what is the default.
func (q *Quota) String() string {
	if q == nil {
		return ""
	}
	var out []string
	for name, field := range q.fields() {
		if *field != 0 {
			out = append(out, fmt.Sprintf("%s=%d", name, *field))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}
