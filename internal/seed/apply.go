package seed

import (
	"bytes"
	"context"

	"qkms/internal/custody"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// Apply sees to it that everything in the file is in the store. What is there is left as it is, also
// where its state or description has changed since; what contradicts the file (another material,
// account, secret, an alias of another key) is an error, and what stands before it has been applied.
// Applying a file twice changes nothing the second time.
func (f *File) Apply(ctx context.Context, n *node.Node) error {
	for i := range f.AccessKeys {
		if err := f.applyAccessKey(ctx, n, &f.AccessKeys[i]); err != nil {
			return err
		}
	}
	for i := range f.Keys {
		k := &f.Keys[i]
		if err := f.applyKey(ctx, n, k); err != nil {
			return err
		}
		for _, name := range k.Aliases {
			if err := f.applyAlias(ctx, n, k, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *File) applyAccessKey(ctx context.Context, n *node.Node, a *AccessKey) error {
	plain, ver, err := n.Book.Take(ctx, record.OfAccessKey(a.ID))
	if err != nil {
		return err
	}
	defer clear(plain)
	if ver == 0 {
		return commit(ctx, n, event{name: "CreateAccessKey", account: a.Account}, func() (*record.Change, error) {
			return n.AccessKeys.With(a.ID, a.Secret, a.Account, a.Description, n.Now()), nil
		})
	}
	old, err := accessKeyOf(plain)
	switch {
	case err != nil:
		return err
	case old.Account != a.Account:
		return f.at(a.line, "access key %s is in the store, of account %s instead of %s", a.ID, old.Account, a.Account)
	case !bytes.Equal(old.Secret, []byte(a.Secret)):
		return f.at(a.line, "access key %s is in the store with another secret", a.ID)
	}
	return nil
}

func (f *File) applyKey(ctx context.Context, n *node.Node, k *Key) error {
	owner, _, err := record.Load[recordpb.Owner](ctx, n.Book, record.OfOwner(k.ID, k.Region))
	if err != nil {
		return err
	}
	if owner == nil {
		m := newKey(n, k.Account, k.Region, k.ID, k.Description)
		if k.Enabled != nil && !*k.Enabled {
			m.State = key.Disabled
		}
		return makeKey(ctx, n, m, k.material)
	}
	if owner.Account != k.Account {
		return f.at(k.line, "key %s is in the store, of account %s instead of %s", k.ID, owner.Account, k.Account)
	}
	old, err := n.Resolver.Load(ctx, k.Account, k.Region, k.ID)
	switch {
	case err != nil:
		return err
	case old == nil:
		return f.at(k.line, "key %s is being deleted, its waiting period being over; start again in a minute", k.ID)
	case k.material == nil:
		return nil
	}
	ref := custody.Ref{Account: k.Account, Region: k.Region, KeyID: k.ID}
	made, err := maker(n).Make(ctx, ref, string(shape.KeySpecSymmetricDefault), k.material) // for its id alone
	if err == nil && old.Version(made.MaterialID) == nil {
		err = f.at(k.line, "key %s is in the store with other material", k.ID)
	}
	return err
}

func (f *File) applyAlias(ctx context.Context, n *node.Node, k *Key, name string) error {
	old, _, err := n.Resolver.Alias(ctx, k.Account, k.Region, name)
	switch {
	case err != nil:
		return err
	case old != nil && old.KeyId != k.ID:
		return f.at(k.line, "%s is in the store, of key %s instead of %s", name, old.KeyId, k.ID)
	case old != nil:
		return nil
	}
	if err := point(ctx, n, k.Account, k.Region, k.ID, name); err != nil {
		return f.at(k.line, "%s: %w", name, err)
	}
	return nil
}
