package key

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unique"

	"google.golang.org/protobuf/proto"

	"qkms/internal/fault"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Resolver finds keys by what callers call them. It may be used concurrently.
type Resolver struct {
	Book   *record.Book
	Naming Naming
	Now    func() time.Time
}

// Find returns the key that ref means for a caller of account. A key or alias of the caller's own
// account that does not exist is NotFoundException. One of another account that does not exist is a
// nil Key and no error: whether it exists is not for this package to say, authz refuses both alike.
func (r *Resolver) Find(ctx context.Context, ref Reference, account string) (*Key, error) {
	id := ref.ID
	if ref.Alias != "" {
		a, _, err := r.Alias(ctx, ref.Account, ref.Region, ref.Alias)
		if err != nil {
			return nil, err
		}
		if a == nil {
			return nil, own(ref, account, fault.AliasNotFound(r.Naming.Alias(ref.Account, ref.Region, ref.Alias)))
		}
		id = a.KeyId
	}
	k, err := r.Load(ctx, ref.Account, ref.Region, id)
	switch {
	case err != nil || k != nil:
		return k, err
	case ref.Alias != "": // it went with its key
		return nil, own(ref, account, fault.AliasNotFound(r.Naming.Alias(ref.Account, ref.Region, ref.Alias)))
	}
	return nil, own(ref, account, fault.KeyNotFound(r.Naming.Key(ref.Account, ref.Region, id)))
}

// own hides what is missing when it is another account's.
func own(ref Reference, account string, missing error) error {
	if ref.Account != account {
		return nil
	}
	return missing
}

// Owned returns the key with this id in region, whichever account owns it, or nil. Decrypt uses it
// for the id inside a ciphertext.
func (r *Resolver) Owned(ctx context.Context, id, region string) (*Key, error) {
	o, _, err := record.Load[recordpb.Owner](ctx, r.Book, record.OfOwner(id, region))
	if err != nil || o == nil {
		return nil, err
	}
	return r.Load(ctx, o.Account, region, id)
}

// Load returns a key by its full name as it stands now, or nil when it does not exist (any more).
func (r *Resolver) Load(ctx context.Context, account, region, id string) (*Key, error) {
	k, err := r.Stored(ctx, account, region, id)
	now := r.Now()
	if k == nil || k.Gone(now) {
		return nil, err
	}
	return k.asOf(now), nil
}

// Stored returns a key as it is in the store, what is gone to callers included.
func (r *Resolver) Stored(ctx context.Context, account, region, id string) (*Key, error) {
	v, _, err := r.Book.Seek(ctx, record.SeekKey(account, region, id), func(plain []byte, ver uint64) (any, error) {
		return r.decode(plain, ver)
	})
	if err != nil || v == nil {
		return nil, err
	}
	return v.(*Key), nil
}

func (r *Resolver) decode(plain []byte, ver uint64) (*Key, error) {
	m := new(recordpb.Key)
	if err := proto.Unmarshal(plain, m); err != nil {
		return nil, fmt.Errorf("%w: key: %w", record.ErrDamaged, err)
	}
	k := r.Of(m, ver)
	k.share()
	return k, nil
}

// share has the strings of k that are the same in a great many keys, or twice in k, be in memory once: a quarter of what
// a key takes there.
func (k *Key) share() {
	m := k.Key
	if id, ends := len(k.ARN)-len(m.Id), strings.HasSuffix(k.ARN, m.Id); ends {
		m.Id = k.ARN[id:]
	}
	for _, s := range []*string{&m.Account, &m.Region, &m.Spec, &m.Usage, &m.Origin, &m.State} {
		*s = unique.Make(*s).Value()
	}
	for _, v := range m.Versions {
		v.State = unique.Make(v.State).Value()
		if v.Id == m.CurrentMaterial {
			m.CurrentMaterial = v.Id
		}
	}
}

// Of returns the Key of a record.
func (r *Resolver) Of(m *recordpb.Key, ver uint64) *Key {
	return &Key{Key: m, Ver: ver, ARN: r.Naming.Key(m.Account, m.Region, m.Id), policy: record.OfPolicy(m.Account, m.Region, m.Id)}
}

// Seen is Load of a key whose record was just read: nil when it does not exist any more.
func (r *Resolver) Seen(m *recordpb.Key, ver uint64) *Key {
	k, now := r.Of(m, ver), r.Now()
	if k.Gone(now) {
		return nil
	}
	return k.asOf(now)
}

// Alias returns an alias of account in region and its version, or nil. Names longer than any alias
// can be are not looked for.
func (r *Resolver) Alias(ctx context.Context, account, region, name string) (*recordpb.Alias, uint64, error) {
	if len(name) > maxAlias {
		return nil, 0, nil
	}
	return record.Load[recordpb.Alias](ctx, r.Book, record.OfAlias(account, region, name))
}

// Edit returns a copy of k's record to change.
func (k *Key) Edit() *recordpb.Key {
	if k.stored != nil {
		return proto.CloneOf(k.stored)
	}
	return proto.CloneOf(k.Key)
}
