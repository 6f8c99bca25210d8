package record

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"qkms/internal/memo"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// OfGrant is a grant, by its id.
func OfGrant(account, region, id, grant string) Key {
	return newKey(spaceGrant, account, region, id, grant)
}

// OfGrantCount says how many grants a key has.
func OfGrantCount(account, region, id string) Key { return newKey(spaceGrants, account, region, id) }

// With is k with further parts: a prefix for Scan becomes a narrower one, or a record's key.
func (k Key) With(parts ...string) Key {
	enc := k.bytes()
	for _, p := range parts {
		enc = appendPart(enc, p)
	}
	return Key{string(enc)}
}

// Prefixes for Scan. Principals stand in keys as keyed hashes: they are longer than a key may be, and
// who reads the database must not be able to try out whom a grant is for.

// GrantsOf is every grant on a key; the part that follows is the grant's id.
func GrantsOf(account, region, id string) Key { return newKey(spaceGrant, account, region, id) }

// Subject is what a principal of a grant is indexed by: the unique id of a user or role, which stays when it
// is renamed and which nobody else ever has; the ARN of any other, a session of a role among them.
func Subject(arn, id string) string {
	if id == "" || strings.Contains(arn, ":assumed-role/") {
		return arn
	}
	return id
}

// grantees remembers the hashes of those who ask. The zero one is empty.
type grantees struct {
	mu     sync.RWMutex // guards hashes; held for a look-up, or while a full table is cleared
	hashes map[string]string
}

// maxGrantees bounds them, to about a megabyte: those who ask have proved who they are, but there may be many.
const maxGrantees = 8192

func (g *grantees) of(b *Book, grantee string) string {
	g.mu.RLock()
	hash, ok := g.hashes[grantee]
	g.mu.RUnlock()
	if ok {
		return hash
	}
	hash = b.grantHash("grantee", grantee)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hashes == nil || len(g.hashes) >= maxGrantees {
		g.hashes = map[string]string{}
	}
	g.hashes[strings.Clone(grantee)] = hash
	return hash
}

// GrantsTo is the grants on a key that one grantee has, by Subject; the part that follows is the grant's id.
func (b *Book) GrantsTo(account, region, id, grantee string) Key {
	return newKey(spaceGrantTo, account, region, id, b.grantHash("grantee", grantee))
}

// Granted returns the grants on a key that one grantee has, from memory where it can. They are shared: never
// change one. What a grant says never changes, so the list is as new as the index it was read by.
func (b *Book) Granted(ctx context.Context, account, region, id, grantee string) ([]*recordpb.Grant, error) {
	var room [192]byte
	enc := appendKey(room[:0], spaceGrantTo, account, region, id, b.grantees.of(b, grantee))
	if r, ok := memo.Find(b.cache, enc); ok {
		return r.value.([]*recordpb.Grant), nil
	}
	list := Key{string(enc)}
	r, err := b.cache.Load(ctx, list.enc, func(ctx context.Context) (cached, int64, error) {
		grants, err := b.granted(ctx, list)
		return cached{value: grants}, list.MemorySize() + sizeOf(grants, 0), err
	})
	if err != nil {
		return nil, waiting(err)
	}
	return r.value.([]*recordpb.Grant), nil
}

func (b *Book) granted(ctx context.Context, list Key) (grants []*recordpb.Grant, err error) {
	account, region, id := list.Part(0), list.Part(1), list.Part(2)
	var last Key
	for more := true; more; {
		var page []Item[*recordpb.GrantRef]
		if page, more, err = Scan[recordpb.GrantRef](ctx, b, list, last, store.MaxList); err != nil {
			return nil, err
		}
		keys := make([]Key, len(page))
		for i, it := range page {
			keys[i], last = OfGrant(account, region, id, it.Key.Part(4)), it.Key
		}
		if grants, err = appendGrants(ctx, b, grants, keys); err != nil {
			return nil, err
		}
	}
	return grants, nil
}

// appendGrants reads many grants at once. They are not kept one by one: the list is.
func appendGrants(ctx context.Context, b *Book, grants []*recordpb.Grant, keys []Key) ([]*recordpb.Grant, error) {
	names := make([][]byte, len(keys))
	for i, k := range keys {
		names[i] = k.bytes()
	}
	got, err := b.get(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, r := range got {
		if r.Ver == 0 {
			continue // revoked since the page was read
		}
		plain, err := b.open(ctx, r)
		if err != nil {
			return nil, err
		}
		g, err := decode[recordpb.Grant](plain)
		clear(plain)
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	return grants, nil
}

// AliasNames returns the names of a key's aliases in their order, from memory where it can. The list is
// shared: never change it.
func (b *Book) AliasNames(ctx context.Context, account, region, id string) ([]string, error) {
	list := AliasesOfKey(account, region, id)
	if r, ok := b.cache.Get(list.enc); ok {
		return r.value.([]string), nil
	}
	r, err := b.cache.Load(ctx, list.enc, func(ctx context.Context) (cached, int64, error) {
		names, err := b.aliasNames(ctx, list)
		return cached{value: names}, list.MemorySize() + sizeOf(names, 0), err
	})
	if err != nil {
		return nil, waiting(err)
	}
	return r.value.([]string), nil
}

func (b *Book) aliasNames(ctx context.Context, list Key) (names []string, err error) {
	var last Key
	for more := true; more; {
		var page []Item[*recordpb.AliasOf]
		if page, more, err = Scan[recordpb.AliasOf](ctx, b, list, last, store.MaxList); err != nil {
			return nil, err
		}
		for _, it := range page {
			names, last = append(names, it.Key.Part(3)), it.Key
		}
	}
	return names, nil
}

// list is the key under which the cache has the list that k is in, if it keeps such lists.
func (k Key) list() (Key, bool) {
	if !strings.HasPrefix(k.enc, spaceGrantTo+endOfPart) && !strings.HasPrefix(k.enc, spaceAliasOf+endOfPart) {
		return Key{}, false
	}
	return Key{k.enc[:strings.LastIndex(k.enc[:len(k.enc)-len(endOfPart)], endOfPart)+len(endOfPart)]}, true
}

// GrantsLike is the grants on a key with one fingerprint; the part that follows is the grant's id.
func (b *Book) GrantsLike(account, region, id string, fingerprint []byte) Key {
	return newKey(spaceGrantBy, account, region, id, string(fingerprint))
}

// GrantsRetiredBy is the grants in a region that one principal, by Subject, may retire, on whosever keys; the parts
// that follow are the key's account and id, and the grant's id.
func (b *Book) GrantsRetiredBy(region, principal string) Key {
	return newKey(spaceRetiring, region, b.grantHash("retiring", principal))
}

// GrantIndex returns the keys of the GrantRef records that lead to g: they are written with g and
// deleted with it.
func (b *Book) GrantIndex(g *recordpb.Grant) []Key {
	keys := []Key{b.GrantsTo(g.Account, g.Region, g.KeyId, Subject(g.Grantee, g.GranteeId)+g.GranteeService).With(g.Id)} // it has one of the two
	if len(g.Fingerprint) > 0 {
		keys = append(keys, b.GrantsLike(g.Account, g.Region, g.KeyId, g.Fingerprint).With(g.Id))
	}
	if p := Subject(g.Retiring, g.RetiringId) + g.RetiringService; p != "" { // at most one
		keys = append(keys, b.GrantsRetiredBy(g.Region, p).With(g.Account, g.KeyId, g.Id))
	}
	return keys
}

// GrantFingerprint hashes what makes two grants on a key the same to a caller that repeats itself: name,
// principals, constraints, who issued it, and the set of operations. Each part is length-prefixed, so
// that no name can stand in for a principal. Who is made anew under a name is another principal: whoever
// repeats the grant for them shall not be given that of the former one, which is theirs alone.
func (b *Book) GrantFingerprint(g *recordpb.Grant) []byte {
	operations := slices.Sorted(slices.Values(g.Operations))
	parts := []string{
		g.Name, g.Grantee, g.GranteeService, g.Retiring, g.RetiringService, g.IssuingAccount, g.SourceArn,
		string(seal.Bind(operations...)), bindMap(g.ContextEquals), bindMap(g.ContextSubset),
	}
	if g.GranteeId != "" || g.RetiringId != "" {
		parts = append(parts, g.GranteeId, g.RetiringId)
	}
	return []byte(b.grantHash("fingerprint", parts...))
}

func bindMap(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k, m[k])
	}
	return string(seal.Bind(parts...))
}

// grantHash is 32 bytes of HMAC-SHA-256 under a key that never changes, so that indexes outlive the
// rotation of every other key. about keeps the uses apart.
func (b *Book) grantHash(about string, parts ...string) string {
	k := b.Ring().Derive("grant index v1")
	mac := hmac.New(sha256.New, k[:])
	mac.Write(seal.Bind(about))
	mac.Write(seal.Bind(parts...))
	return string(mac.Sum(nil))
}

const grantTokenPurpose = "grant token v1"

// GrantToken returns a token for g, another with every call. It opens in g's region for the life of the
// store: whether g is still there is for its reader to see. at are the positions of a commit that made g or found it.
func (b *Book) GrantToken(g *recordpb.Grant, at []store.Position) (string, error) {
	t := &recordpb.GrantToken{Account: g.Account, KeyId: g.KeyId, GrantId: g.Id}
	shard := OfGrant(g.Account, g.Region, g.KeyId, g.Id).Shard()
	for _, p := range at {
		if p.Shard == shard {
			t.Shard, t.Rev = int32(p.Shard), p.Rev
		}
	}
	plain, err := proto.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("grant token: %w", err)
	}
	return b.Ring().SealToken(grantTokenPurpose, seal.Bind(g.Region), plain), nil
}

// OpenGrantToken returns what GrantToken was given; whether the grant still exists is not looked at.
// Every token that is none of region's is seal.ErrToken.
func (b *Book) OpenGrantToken(region, token string) (*recordpb.GrantToken, error) {
	plain, err := b.Ring().OpenToken(grantTokenPurpose, seal.Bind(region), token)
	if err != nil {
		return nil, err
	}
	return decode[recordpb.GrantToken](plain)
}
