package seed

import (
	"bytes"
	"context"
	"errors"

	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/iam"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/roster"
	"qkms/internal/wire/shape"
)

// Apply sees to it that everything in the file is in the store. What is there is left as it is, also
// where its state or description has changed since; what contradicts the file (another material,
// account, secret, an alias of another key) is an error, and what stands before it has been applied.
// Identities are made what the file says, see package roster. Applying a file twice changes nothing the
// second time.
func (f *File) Apply(ctx context.Context, n *node.Node) error {
	if err := f.applyIdentities(ctx, n); err != nil {
		return err
	}
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

func (f *File) applyIdentities(ctx context.Context, n *node.Node) error {
	if f.identities == nil {
		return nil // a File that was not read
	}
	plan, err := roster.Compare(ctx, n, f.identities, false)
	if err != nil {
		return err
	}
	return plan.Apply(ctx, dev, nil)
}

func (f *File) applyAccessKey(ctx context.Context, n *node.Node, a *AccessKey) error {
	plain, ver, err := n.Book.Take(ctx, record.OfAccessKey(a.ID))
	if err != nil {
		return err
	}
	defer clear(plain)
	if ver == 0 {
		err := commit(ctx, n, event{name: "CreateAccessKey", account: a.Account}, func() (*record.Change, error) { return a.change(ctx, n) })
		if refused, is := errors.AsType[*fault.Error](err); is {
			return f.at(a.line, "access key %s: %s", a.ID, refused.Text)
		}
		return err
	}
	old, err := accessKeyOf(plain)
	switch {
	case err != nil:
		return err
	case old.Account != a.Account:
		return f.at(a.line, "access key %s is in the store, of account %s instead of %s", a.ID, old.Account, a.Account)
	case old.User != a.User || old.Service != "":
		return f.at(a.line, "access key %s is in the store, of %s instead of %s", a.ID, whose(old.User, old.Service), whose(a.User, ""))
	case !bytes.Equal(old.Secret, []byte(a.Secret)):
		return f.at(a.line, "access key %s is in the store with another secret", a.ID)
	}
	return nil
}

func (a *AccessKey) change(ctx context.Context, n *node.Node) (*record.Change, error) {
	if a.User == "" {
		return n.AccessKeys.With(a.ID, a.Secret, a.Account, a.Description, n.Now()), nil
	}
	m := &recordpb.AccessKey{Id: a.ID, Secret: []byte(a.Secret), Description: a.Description}
	return iam.AccessKeyOf(ctx, roster.Call(n, a.Account), a.User, m)
}

// whose says of whom an access key is.
func whose(user, service string) string {
	switch {
	case service != "":
		return "service " + service
	case user != "":
		return "user " + user
	}
	return "the root user"
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
