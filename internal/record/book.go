// Package record reads the sealed records of a store.
//
// A Book is the store with its seals open: Load and Scan return decoded messages, a Change collects
// what is to be written, Commit writes it whole. What the messages mean is their owners' business
// (key, authn, custody, sweep).
package record

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"qkms/internal/memo"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// schema is the version of the messages in recordpb, bound into every seal.
const schema = 1

// A Book reads and changes records. Its methods may be called concurrently.
type Book struct {
	// Changed is called when a commit's records have been dropped from memory, before Commit returns; nil:
	// nobody asks. It is set before the book is used.
	Changed func()

	// Reopen opens wrapped keys under a root key that another process has put in place of the one in use; nil:
	// nothing does.
	Reopen func(ctx context.Context, state []byte) (*seal.Ring, error)

	// Log is the origin of the audit log that records of commits are for; set before the book is used.
	Log string

	engine store.Engine
	ring   atomic.Pointer[seal.Ring]
	cache  *memo.Cache[string, cached]
	budget *memo.Budget
	reads  reads
	link   [32]byte // keys the chain over the change log; the same for the life of the store

	// exchanging holds a token for whoever compares the ring with the keys in the store; taken before swap.
	exchanging chan struct{}

	// swap is held for reading while a commit is in the engine and for writing while the ring is
	// exchanged: once SwapRing has returned, nothing sealed under the former ring can still arrive from here.
	swap  sync.RWMutex
	swaps atomic.Uint64 // what commits require of each shard: that keys were exchanged as often; learnt from a conflict

	inquiries inquiries // on behalf of strangers

	counting sync.Mutex // held while a change that counts keys is in the engine

	delivered outbox
	grantees  grantees
}

// Open opens the book of an initialised store. What is kept of it in memory takes up to so many bytes, see Budget.
func Open(engine store.Engine, ring *seal.Ring, bytes int64) *Book {
	budget := memo.NewBudget(bytes)
	b := &Book{engine: engine, cache: memo.New[cached](budget), budget: budget, exchanging: make(chan struct{}, 1), link: ring.Derive("change log link v1")}
	b.ring.Store(ring)
	return b
}

// Budget is what the memory of the book is paid from; other memory of the store's contents may be too.
func (b *Book) Budget() *memo.Budget { return b.budget }

// Ring returns the keys now in force.
func (b *Book) Ring() *seal.Ring { return b.ring.Load() }

// Engine returns the store below, for what needs no seal: claims, backups, checks.
func (b *Book) Engine() store.Engine { return b.engine }

// ErrDamaged is returned when a record does not open under its own name: it was altered, moved or
// rolled back by someone who can write the database.
var ErrDamaged = errors.New("record: damaged")

// Load returns the message at k and its version, or nil and 0 when there is none. The message may be
// shared with other callers: clone it before changing it.
func Load[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, b *Book, k Key) (P, uint64, error) {
	v, ver, err := b.Cached(ctx, k, func(plain []byte, _ uint64) (any, error) { return decode[T, P](plain) })
	if err != nil || ver == 0 {
		return nil, 0, err
	}
	return v.(P), ver, nil
}

// Read is Load past the memory: for what changes a record that is kept in memory in another form.
func Read[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, b *Book, k Key) (P, uint64, error) {
	plain, ver, err := b.Take(ctx, k)
	if err != nil || ver == 0 {
		return nil, 0, err
	}
	defer clear(plain)
	m, err := decode[T, P](plain)
	return m, ver, err
}

func decode[T any, P interface {
	*T
	proto.Message
}](plain []byte) (P, error) {
	m := P(new(T))
	if err := proto.Unmarshal(plain, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return m, nil
}

// Cached returns what make makes of the record at k, from memory where it can. Two callers with the
// same k must pass the same make; what it returns must not be changed. plain is make's to read, not
// to keep: it is wiped afterwards. Of those who miss k at once one reads it, and the others get what it gets.
func (b *Book) Cached(ctx context.Context, k Key, make func(plain []byte, ver uint64) (any, error)) (any, uint64, error) {
	return b.remember(ctx, k, false, make)
}

// CachedOr is Cached for a record that may be missing: make is then given nil and 0, and what it makes of
// that is kept until there is a record. It is for what every request asks about, under names that exist:
// kept for names that strangers make up, absences would drive out what is of use.
func (b *Book) CachedOr(ctx context.Context, k Key, make func(plain []byte, ver uint64) (any, error)) (any, uint64, error) {
	return b.remember(ctx, k, true, make)
}

// A Sought is a Key that is looked for: its parts, of which no Key is made while they are found in memory.
type Sought struct {
	space string
	parts [3]string
	n     int
}

// SeekKey is OfKey, for Seek.
func SeekKey(account, region, id string) Sought {
	return Sought{spaceKey, [3]string{account, region, id}, 3}
}

// SeekAccessKey is OfAccessKey, for Seek.
func SeekAccessKey(id string) Sought { return Sought{spaceAccess, [3]string{id}, 1} }

// Seek is Cached, for what every request asks about.
func (b *Book) Seek(ctx context.Context, s Sought, make func(plain []byte, ver uint64) (any, error)) (any, uint64, error) {
	var room [192]byte
	if r, ok := memo.Find(b.cache, appendKey(room[:0], s.space, s.parts[:s.n]...)); ok {
		return r.value, r.ver, nil
	}
	return b.Cached(ctx, newKey(s.space, s.parts[:s.n]...), make)
}

func (b *Book) remember(ctx context.Context, k Key, absence bool, make func(plain []byte, ver uint64) (any, error)) (any, uint64, error) {
	if r, ok := b.cache.Get(k.enc); ok {
		return r.value, r.ver, nil
	}
	r, err := b.cache.Load(ctx, k.enc, func(ctx context.Context) (cached, int64, error) {
		plain, ver, err := b.Take(ctx, k)
		if err != nil || ver == 0 && !absence {
			return cached{}, 0, err
		}
		defer clear(plain)
		v, err := make(plain, ver)
		if err != nil {
			return cached{}, 0, err
		}
		return cached{v, ver}, k.MemorySize() + sizeOf(v, len(plain)), nil
	})
	return r.value, r.ver, waiting(err)
}

// Take returns the plaintext of the record at k and its version, or nil and 0. It is not cached; the
// caller owns the bytes, and wipes them when they are secret.
func (b *Book) Take(ctx context.Context, k Key) ([]byte, uint64, error) {
	got, err := b.get(ctx, k.bytes())
	if err != nil {
		return nil, 0, err
	}
	if got[0].Ver == 0 {
		return nil, 0, nil
	}
	plain, err := b.open(ctx, got[0])
	return plain, got[0].Ver, err
}

// open must not be called while b.swap is held. Errors: ErrDamaged; store.ErrUnavailable when r may be under keys that
// another process has put in force, and they cannot be had.
func (b *Book) open(ctx context.Context, r store.Record) ([]byte, error) {
	for ad := (seal.AD{Key: r.Key, Ver: r.Ver, Schema: schema}); ; {
		ring := b.Ring()
		plain, err := ring.Open(ad, r.Body)
		if errors.Is(err, seal.ErrUnknownKEK) {
			others, failed := b.catchUp(ctx, ring)
			if failed != nil {
				return nil, failed
			}
			if others {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: record %x version %d: %w", ErrDamaged, r.Key, r.Ver, err)
		}
		return plain, nil
	}
}

// An Item is one record of a page.
type Item[P proto.Message] struct {
	Key Key
	Ver uint64
	Msg P
}

// Scan returns up to limit records below prefix (a key with fewer parts than its space has), those
// behind after when after is not the zero Key, and whether there are more.
func Scan[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, b *Book, prefix, after Key, limit int) (page []Item[P], more bool, err error) {
	return ScanStart[T, P](ctx, b, prefix, "", after, limit)
}

// ScanStart is Scan of the records whose part behind prefix begins with start, which may be any text.
func ScanStart[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, b *Book, prefix Key, start string, after Key, limit int) (page []Item[P], more bool, err error) {
	from, to := prefix.begins(start)
	if after != (Key{}) {
		from = append(after.bytes(), 0)
	}
	got, more, err := b.list(ctx, from, to, limit)
	if err != nil {
		return nil, false, err
	}
	for _, r := range got {
		plain, err := b.open(ctx, r)
		if err != nil {
			return nil, false, err
		}
		m, err := decode[T, P](plain)
		if err != nil {
			return nil, false, err
		}
		page = append(page, Item[P]{Key{string(r.Key)}, r.Ver, m})
	}
	return page, more, nil
}

// Count returns how many records there are below prefix, at most most, without opening any.
func (b *Book) Count(ctx context.Context, prefix Key, most int) (n int, err error) {
	for from, more := prefix.bytes(), true; more && n < most; {
		var page []store.Record
		if page, more, err = b.list(ctx, from, prefix.after(), min(most-n, store.MaxList)); err != nil {
			return 0, err
		}
		if n += len(page); more {
			from = append(page[len(page)-1].Key, 0)
		}
	}
	return n, nil
}

// Prefixes for Scan.

func AllKeys() Key                                { return newKey(spaceKey) }
func KeysOf(account, region string) Key           { return newKey(spaceKey, account, region) }
func AliasesOf(account, region string) Key        { return newKey(spaceAlias, account, region) }
func AliasesOfKey(account, region, id string) Key { return newKey(spaceAliasOf, account, region, id) }
func Dues() Key                                   { return newKey(spaceDue) }
func AccessKeys() Key                             { return newKey(spaceAccess) }

func (b *Book) put(ring *seal.Ring, k Key, ver uint64, plain []byte) store.Put {
	return store.Put{Shard: k.Shard(), Key: k.bytes(), Ver: ver, Body: ring.Seal(seal.AD{Key: k.bytes(), Ver: ver, Schema: schema}, plain)}
}

// chain is the value stored with a note: an HMAC over the one before, so that whoever writes the
// database cannot drop, alter or reorder changes without the next reader noticing (storage §9).
func (b *Book) chain(shard int, rev uint64, note, previous []byte) []byte {
	mac := hmac.New(sha256.New, b.link[:])
	var fixed [24]byte
	binary.BigEndian.PutUint64(fixed[0:], uint64(shard))
	binary.BigEndian.PutUint64(fixed[8:], rev)
	binary.BigEndian.PutUint64(fixed[16:], uint64(len(previous)))
	mac.Write(fixed[:])
	mac.Write(previous)
	mac.Write(note)
	return mac.Sum(nil)
}
