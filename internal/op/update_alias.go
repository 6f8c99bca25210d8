package op

import (
	"context"

	"google.golang.org/protobuf/proto"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

var updateAlias = &Op[shape.UpdateAliasRequest, None]{
	Name:      "UpdateAlias",
	Restricts: true,
	Needs: func(in *shape.UpdateAliasRequest) ([]key.Need, error) {
		if err := key.CheckAliasName(in.AliasName); err != nil {
			return nil, err
		}
		if isAlias(in.TargetKeyId) {
			return nil, fault.AliasToAlias()
		}
		current := key.Need{Action: "kms:UpdateAlias", KeyID: in.AliasName, Forms: key.AnyForm}
		return append([]key.Need{current}, append(manage("kms:UpdateAlias", in.TargetKeyId),
			key.Need{Action: "kms:UpdateAlias", Alias: in.AliasName})...), nil
	},
	Check: func(c *Call, in *shape.UpdateAliasRequest) error {
		from, to := c.Keys[0], c.Keys[1]
		if err := key.Ready(to, "UpdateAlias", "", key.InAnyState&^key.WhilePendingDeletion); err != nil {
			return err
		}
		if from.Usage != to.Usage || kind(from) != kind(to) {
			return fault.AliasUsageChange(c.Naming.Alias(from.Account, from.Region, in.AliasName), from.Usage, to.Usage)
		}
		return nil
	},
	States: key.InAnyState, // of the key it leaves
	Run: func(ctx context.Context, c *Call, in *shape.UpdateAliasRequest) (*None, *record.Change, error) {
		from, to := c.Keys[0], c.Keys[1]
		old, ver, err := c.Resolver.Alias(ctx, from.Account, from.Region, in.AliasName)
		if err != nil {
			return nil, nil, err
		}
		if old == nil || old.KeyId != from.Id { // moved since it was resolved: begin anew
			return nil, nil, &store.Conflict{Key: []byte(in.AliasName)}
		}
		next := proto.CloneOf(old)
		next.KeyId, next.Updated = to.Id, c.Now.UnixMilli()
		change := c.Book.Change()
		change.Replace(record.OfAlias(from.Account, from.Region, in.AliasName), ver, next)
		if from.Id == to.Id {
			change.Require(to.Record(), to.Ver)
			return nil, change, nil
		}
		lose(change, from, in.AliasName)
		return nil, change, gain(c.Deps, change, to, in.AliasName)
	},
	Audit: func(in *shape.UpdateAliasRequest) audit.Detail {
		return audit.Detail{audit.String("aliasName", in.AliasName), audit.String("targetKeyId", in.TargetKeyId)}
	},
	Result: func(c *Call, _ *None) audit.Detail { return keyDetail(c.Keys[1].ARN) },
}

// kind is symmetric or not: an alias may move between two RSA sizes but not from AES to RSA.
func kind(k *key.Key) bool { return k.Spec == string(shape.KeySpecSymmetricDefault) }
