package seed

import (
	"context"
	"errors"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

// newKey is the record of a symmetric key.
func newKey(n *node.Node, account, region, id, description string) *recordpb.Key {
	return &recordpb.Key{
		Account: account, Region: region, Id: id, Description: description, Created: n.Now().UnixMilli(), State: key.Enabled,
		Spec: string(shape.KeySpecSymmetricDefault), Usage: string(shape.KeyUsageTypeEncryptDecrypt), Origin: string(shape.OriginTypeAwsKms),
	}
}

// MakeAlias sees to it that an alias exists, with a new key of its own if need be.
func MakeAlias(ctx context.Context, n *node.Node, account, region, name string) error {
	old, _, err := n.Resolver.Alias(ctx, account, region, name)
	if err != nil || old != nil {
		return err
	}
	m := newKey(n, account, region, key.NewID(false), name[len("alias/"):])
	if err := makeKey(ctx, n, m, nil); err != nil {
		return err
	}
	return point(ctx, n, account, region, m.Id, name)
}

// makeKey stores m with material, random when given is nil.
func makeKey(ctx context.Context, n *node.Node, m *recordpb.Key, given []byte) error {
	return commit(ctx, n, "CreateKey", m.Account, m.Region, n.Naming.Key(m.Account, m.Region, m.Id), func() (*record.Change, error) {
		return op.Fresh(n.Ops, m, given)
	})
}

// point makes an alias of a key.
func point(ctx context.Context, n *node.Node, account, region, id, name string) error {
	return commit(ctx, n, "CreateAlias", account, region, n.Naming.Alias(account, region, name), func() (*record.Change, error) {
		k, err := n.Resolver.Load(ctx, account, region, id)
		if err != nil {
			return nil, err
		}
		return op.NewAlias(ctx, n.Ops, k, name, n.Now().UnixMilli())
	})
}

// commit makes a change and its record durable, the change being built again when it met another.
func commit(ctx context.Context, n *node.Node, event, account, region, arn string, build func() (*record.Change, error)) error {
	for {
		change, err := build()
		if err != nil {
			return err
		}
		err = n.Commit(ctx, change, &audit.Record{
			EventName: event, EventSource: audit.SourceAdmin, EventType: audit.TypeAdminAction,
			Identity: audit.Identity{Type: "Operator", InvokedBy: "qkms dev"}, Region: region, RecipientAccount: account,
			Resources: []audit.Resource{{AccountID: account, ARN: arn}},
		})
		if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
			return err
		}
	}
}
