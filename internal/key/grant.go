package key

import (
	"context"

	"qkms/internal/fault"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Grant is the grant that a need is about, as the caller named it; Resolve finds it.
type Grant struct {
	Token string // either this
	ID    string // or this, on the need's KeyID

	Found *recordpb.Grant // nil when the caller must not learn whether there is one
	Ver   uint64          // of the record
}

// CheckGrantID refuses what no grant has for an id: 64 lower-case hex digits (operations.md §2.1).
func CheckGrantID(id string) error {
	if len(id) != 64 || !isHex(id) {
		return fault.BadGrantID()
	}
	return nil
}

// Grant returns a grant on k and its version, or nil.
func (r *Resolver) Grant(ctx context.Context, k *Key, id string) (*recordpb.Grant, uint64, error) {
	return record.Load[recordpb.Grant](ctx, r.Book, record.OfGrant(k.Account, k.Region, k.Id, id))
}

// Redeem returns the grant that a token is for, its version and its key: nils when the token is none of
// region's, or its grant or key is gone.
func (r *Resolver) Redeem(ctx context.Context, region, token string) (*recordpb.Grant, uint64, *Key, error) {
	t, err := r.Book.OpenGrantToken(region, token)
	if err != nil {
		return nil, 0, nil, nil //nolint:nilerr // whatever is wrong with it, it is no token of ours
	}
	k, err := r.Load(ctx, t.Account, region, t.KeyId)
	if k == nil {
		return nil, 0, nil, err
	}
	g, ver, err := r.Grant(ctx, k, t.GrantId)
	if g == nil {
		return nil, 0, nil, err
	}
	return g, ver, k, nil
}

// resolveGrant finds the grant of n, and its key. By token, a grant that is gone is as unknown as the
// token of another store. By id, that it is gone is said to the key's own account only.
func (r *Resolver) resolveGrant(ctx context.Context, account, region string, n *Need) (k *Key, err error) {
	if n.Grant.Token != "" {
		n.Grant.Found, n.Grant.Ver, k, err = r.Redeem(ctx, region, n.Grant.Token)
		if err == nil && k == nil {
			err = fault.BadGrantToken()
		}
		return k, err
	}
	ref, err := r.Naming.ParseReference(n.KeyID, account, region, n.Forms)
	if err != nil {
		return nil, err
	}
	if k, err = r.Find(ctx, ref, account); k == nil {
		return nil, err
	}
	n.Grant.Found, n.Grant.Ver, err = r.Grant(ctx, k, n.Grant.ID)
	switch {
	case err != nil || n.Grant.Found != nil:
		return k, err
	case k.Account == account:
		return nil, fault.GrantNotFound(n.Grant.ID)
	}
	return nil, nil
}
