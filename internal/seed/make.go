package seed

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

// MakeAlias sees to it that an alias exists, with a new key of its own if need be. A crash between
// the two leaves a key without a name, and the next call makes another.
func MakeAlias(ctx context.Context, n *node.Node, account, region, name string) error {
	old, _, err := n.Resolver.Alias(ctx, account, region, name)
	if err != nil || old != nil {
		return err
	}
	m := newKey(n, account, region, key.NewID(false), "made by qkms dev")
	if err := makeKey(ctx, n, m, nil); err != nil {
		return err
	}
	return point(ctx, n, account, region, m.Id, name)
}

// newKey is the record of a symmetric key.
func newKey(n *node.Node, account, region, id, description string) *recordpb.Key {
	return &recordpb.Key{
		Account: account, Region: region, Id: id, Description: description, Created: n.Now().UnixMilli(), State: key.Enabled,
		Spec: string(shape.KeySpecSymmetricDefault), Usage: string(shape.KeyUsageTypeEncryptDecrypt), Origin: string(shape.OriginTypeAwsKms),
	}
}

// makeKey stores m with material, random when given is nil.
func makeKey(ctx context.Context, n *node.Node, m *recordpb.Key, given []byte) error {
	e := event{"CreateKey", m.Account, m.Region, n.Naming.Key(m.Account, m.Region, m.Id)}
	deps := *n.Ops
	if given != nil {
		deps.Maker = maker(n)
	}
	return commit(ctx, n, e, func() (*record.Change, error) { return op.Fresh(ctx, &deps, m, given) })
}

// maker names materials alike in every store. Elsewhere the key is secret, because an id made with a
// known one is a check value for guessing the material (soft); here the material itself is written
// down in a file.
func maker(n *node.Node) custody.Maker {
	return soft.New(n.Book, []byte("qkms seed key material id key v1"), nil)
}

// point makes an alias of a key.
func point(ctx context.Context, n *node.Node, account, region, id, name string) error {
	e := event{"CreateAlias", account, region, n.Naming.Alias(account, region, name)}
	return commit(ctx, n, e, func() (*record.Change, error) {
		k, err := n.Resolver.Load(ctx, account, region, id)
		if err == nil && k == nil {
			err = fmt.Errorf("key %s is gone", id)
		}
		if err != nil {
			return nil, err
		}
		return op.NewAlias(ctx, n.Ops, k, name, n.Now().UnixMilli())
	})
}

func accessKeyOf(plain []byte) (*recordpb.AccessKey, error) {
	m := new(recordpb.AccessKey)
	if err := proto.Unmarshal(plain, m); err != nil {
		return nil, fmt.Errorf("%w: access key: %w", record.ErrDamaged, err)
	}
	return m, nil
}

// dev is who makes fixtures, as the audit log has it.
var dev = audit.Identity{Type: "Operator", InvokedBy: "qkms dev"}

// An event is what the audit log says of a fixture.
type event struct{ name, account, region, arn string }

func (e event) record() *audit.Record {
	rec := &audit.Record{
		EventName: e.name, EventSource: audit.SourceAdmin, EventType: audit.TypeAdminAction,
		Identity: dev, Region: e.region, RecipientAccount: e.account,
	}
	if e.arn != "" {
		rec.Resources = []audit.Resource{{AccountID: e.account, ARN: e.arn}}
	}
	return rec
}

const attempts = 8 // nobody else is at work yet but the sweep

// commit makes a change and its record durable, the change being built again when it met another.
func commit(ctx context.Context, n *node.Node, e event, build func() (*record.Change, error)) (err error) {
	for range attempts {
		var change *record.Change
		if change, err = build(); err != nil {
			return err
		}
		err = n.Ledger.Commit(ctx, change, e.record())
		if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
			return err
		}
	}
	return err
}
