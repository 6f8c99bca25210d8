package op

// Quota is how much of something there may be (operations.md §18.1). A zero field means AWS's default.
type Quota struct {
	Keys          int // customer managed keys of an account in a Region, in any state
	AliasesPerKey int
	GrantsPerKey  int
	KeyStores     int // custom key stores of an account in a Region
}

// DefaultQuota is AWS's.
var DefaultQuota = Quota{Keys: 100_000, AliasesPerKey: 50, GrantsPerKey: 50_000, KeyStores: 10}

// Fields are the quotas by the names an operator gives them.
func (q *Quota) Fields() map[string]*int {
	return map[string]*int{"keys": &q.Keys, "aliases-per-key": &q.AliasesPerKey, "grants-per-key": &q.GrantsPerKey, "key-stores": &q.KeyStores}
}

// WithDefaults returns q with AWS's default where it says nothing.
func (q Quota) WithDefaults() Quota {
	standard := DefaultQuota
	defaults := standard.Fields()
	for name, field := range q.Fields() {
		if *field == 0 {
			*field = *defaults[name]
		}
	}
	return q
}
