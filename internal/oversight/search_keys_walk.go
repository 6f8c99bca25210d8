package oversight

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

const (
	mostFound = 100  // keys of one page: each is decided about, and looked up in three places
	budget    = 2000 // records that one request reads in search of what has no order
	aliasCost = 10   // of the budget: behind an alias there are its key and that one's aliases to read
	decisions = 200  // about keys that the request does not show, since the caller may not see what was searched for
)

// A search is one request of SearchKeys on its way.
type search struct {
	call            *query.Call
	in              *KeySearch
	account, region string
	page            *query.Page
	at              place
	names           names
	aliases         bool // the caller may list them
	looker          *looker
	resolver        *key.Resolver
	out             *FoundKeys

	read    int // records, by this request
	decided int // about keys that are not in out
}

// A place is where a search goes on; it is sealed into the marker.
type place struct {
	Ids    bool   // among the keys, in order of their ids; before that, among the aliases
	Last   string // the id, or alias, that was looked at last; "" at the beginning
	Looked int    // by the requests before
}

func newSearch(ctx context.Context, c *query.Call, in *KeySearch) (*search, error) {
	s := &search{
		call: c, in: in, account: c.Caller.Account, region: c.Caller.Region, out: &FoundKeys{Keys: []FoundKey{}},
		resolver: &key.Resolver{Book: c.Book, Naming: c.Naming, Now: func() time.Time { return c.Now }},
		looker:   newLooker(c),
	}
	filter, err := json.Marshal([]any{s.region, in.Text, in.TagKey, in.TagValue, in.KeyState, in.KeySpec})
	if err != nil {
		return nil, err
	}
	if s.page, err = c.Page("SearchKeys", string(filter), in.Marker, in.MaxItems); err != nil {
		return nil, err
	}
	s.page.Items = min(s.page.Items, mostFound)
	if s.page.After != "" {
		if err := json.Unmarshal([]byte(s.page.After), &s.at); err != nil {
			return nil, fault.InvalidMarkerOf(in.Marker).Because(err)
		}
	}
	s.out.Looked = s.at.Looked
	if s.aliases, err = s.looker.may(c.Authz.Allow(ctx, s.looker.request, listAliases)); err != nil {
		return nil, err
	}
	s.names = namesOf(in.Text, c.Naming, s.account, s.region)
	return s, nil
}

// run looks among the aliases, if any are searched for, and then among the keys, until the page is full, the budget is
// spent or everything was looked at.
func (s *search) run(ctx context.Context) error {
	if !s.at.Ids {
		if s.byAlias() {
			if more, err := s.walk(ctx, aliasCost, s.nextAliases); more || err != nil {
				return err
			}
		}
		s.at.Ids, s.at.Last = true, ""
	}
	if !s.names.byID {
		return nil
	}
	_, err := s.walk(ctx, 1, s.nextKeys)
	return err
}

// A candidate is a record that was looked at, and the key it may be about.
type candidate struct {
	last  string   // where to go on behind it
	alias string   // that was looked at; "" of a key
	id    string   // of the key of that alias
	key   *key.Key // nil of one that is gone, and of an alias
}

// walk looks at the candidates in their order, and shows those that are searched for. more: it ended before they did, and
// out has the marker. Each costs so many records of the budget.
func (s *search) walk(ctx context.Context, cost int, next func(ctx context.Context, n int) ([]candidate, bool, error)) (more bool, err error) {
	for behind := true; behind; {
		var some []candidate
		if some, behind, err = next(ctx, s.chunk()); err != nil {
			return false, err
		}
		for i := range some {
			s.at.Last = some[i].last
			s.read += cost
			s.out.Looked++
			if err := s.consider(ctx, &some[i]); err != nil {
				return false, err
			}
			if s.spent() && (behind || i < len(some)-1 || s.unbegun()) {
				return true, s.stop()
			}
		}
	}
	return false, nil
}

// chunk is how many records to read at once: what the page needs, and more the longer nothing is found.
func (s *search) chunk() int {
	n := max(s.page.Items-len(s.out.Keys), s.read)
	return max(1, min(n, budget-s.read, 500))
}

func (s *search) spent() bool {
	return len(s.out.Keys) >= s.page.Items || s.read >= budget || s.decided >= decisions
}

// unbegun reports whether keys are to be looked at by their ids, after the aliases.
func (s *search) unbegun() bool { return !s.at.Ids && s.names.byID }

// stop leaves a marker.
func (s *search) stop() error {
	s.at.Looked = s.out.Looked
	at, err := json.Marshal(s.at)
	s.out.Marker = s.page.Marker(string(at))
	return err
}

// nextKeys are the keys behind the last one, in the order of their ids.
func (s *search) nextKeys(ctx context.Context, n int) (some []candidate, more bool, err error) {
	var after record.Key
	if s.at.Last != "" {
		after = record.OfKey(s.account, s.region, s.at.Last)
	}
	page, more, err := record.ScanStart[recordpb.Key](ctx, s.call.Book, record.KeysOf(s.account, s.region), s.names.id, after, n)
	for _, it := range page {
		some = append(some, candidate{last: it.Msg.Id, key: s.resolver.Seen(it.Msg, it.Ver)})
	}
	return some, more, err
}

// nextAliases are the aliases behind the last one, in their order.
func (s *search) nextAliases(ctx context.Context, n int) (some []candidate, more bool, err error) {
	var after record.Key
	if s.at.Last != "" {
		after = record.OfAlias(s.account, s.region, s.at.Last)
	}
	page, more, err := record.ScanStart[recordpb.Alias](ctx, s.call.Book, record.AliasesOf(s.account, s.region), s.names.alias, after, n)
	for _, it := range page {
		some = append(some, candidate{last: it.Msg.Name, alias: it.Msg.Name, id: it.Msg.KeyId})
	}
	return some, more, err
}

// consider shows the key of c if it is one that is searched for, as far as the caller may know. A key that has several of
// the aliases comes with the first, and not again with its id: so every key is found once.
func (s *search) consider(ctx context.Context, c *candidate) (err error) {
	k := c.key
	if c.alias != "" {
		k, err = s.resolver.Load(ctx, s.account, s.region, c.id)
	}
	if err != nil || k == nil || !s.in.matches(k) {
		return err
	}
	if first, err := s.firstAlias(ctx, k); err != nil || first != c.alias {
		return err
	}
	row, ok, err := s.row(ctx, k)
	switch {
	case err != nil:
		return err
	case ok:
		s.out.Keys = append(s.out.Keys, row)
	default:
		s.decided++
	}
	return nil
}

// firstAlias is the first alias of k that is searched for, or "".
func (s *search) firstAlias(ctx context.Context, k *key.Key) (string, error) {
	if !s.byAlias() {
		return "", nil
	}
	all, err := s.call.Book.AliasNames(ctx, k.Account, k.Region, k.Id)
	for _, name := range all {
		if strings.HasPrefix(name, s.names.alias) {
			return name, err
		}
	}
	return "", err
}

// byAlias reports whether aliases are looked at: somebody who may not list them finds keys by their ids alone.
func (s *search) byAlias() bool { return s.names.byAlias && s.aliases }

// matches reports whether k is what is searched for, apart from its names.
func (in *KeySearch) matches(k *key.Key) bool {
	return (in.KeyState == "" || k.State == in.KeyState) && (in.KeySpec == "" || k.Spec == in.KeySpec) &&
		(in.TagKey == "" || len(in.tagsOf(k)) > 0)
}

// tagsOf are the tags of k that are searched for.
func (in *KeySearch) tagsOf(k *key.Key) (found []FoundTag) {
	for _, t := range k.Tags {
		if in.TagKey != "" && t.Key == in.TagKey && (in.TagValue == nil || t.Value == *in.TagValue) {
			found = append(found, FoundTag{t.Key, t.Value})
		}
	}
	return found
}
