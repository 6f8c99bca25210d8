package op

import (
	"context"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var createAlias = &Op[shape.CreateAliasRequest, None]{
	Name:      "CreateAlias",
	Restricts: true, // a policy of an identity may deny by kms:ResourceAliases, as by a tag
	Needs: func(in *shape.CreateAliasRequest) ([]key.Need, error) {
		if err := key.CheckAliasName(in.AliasName); err != nil {
			return nil, err
		}
		if isAlias(in.TargetKeyId) {
			return nil, fault.AliasToAlias()
		}
		return append(manage("kms:CreateAlias", in.TargetKeyId), key.Need{Action: "kms:CreateAlias", Alias: in.AliasName}), nil
	},
	States: key.InAnyState &^ key.WhilePendingDeletion,
	Run: func(ctx context.Context, c *Call, in *shape.CreateAliasRequest) (*None, *record.Change, error) {
		change, err := NewAlias(ctx, c.Deps, c.Key(), in.AliasName, c.Now.UnixMilli())
		return nil, change, err
	},
	Audit: func(in *shape.CreateAliasRequest) audit.Detail {
		return audit.Detail{audit.String("aliasName", in.AliasName), audit.String("targetKeyId", in.TargetKeyId)}
	},
	Result: keyResult,
}

// NewAlias is the change that points a new alias at k. Fixtures of `dev --seed` come this way too.
func NewAlias(ctx context.Context, d *Deps, k *key.Key, name string, now int64) (*record.Change, error) {
	old, _, err := d.Resolver.Alias(ctx, k.Account, k.Region, name)
	if err != nil {
		return nil, err
	}
	if old != nil {
		return nil, fault.AliasExists(d.Naming.Alias(k.Account, k.Region, name))
	}
	change := d.Book.Change()
	change.Insert(record.OfAlias(k.Account, k.Region, name),
		&recordpb.Alias{Account: k.Account, Region: k.Region, Name: name, KeyId: k.Id, Created: now, Updated: now})
	return change, gain(d, change, k, name)
}

// gain lists name under k and counts it. That the count is in the key's own record makes the quota
// exact, and makes a key that is being deleted refuse the alias.
func gain(d *Deps, change *record.Change, k *key.Key, name string) error {
	if int(k.Aliases) >= d.Quota.AliasesPerKey {
		return fault.AliasQuota(d.Quota.AliasesPerKey, int(k.Aliases))
	}
	next := k.Edit()
	next.Aliases++
	change.Replace(k.Record(), k.Ver, next)
	change.Insert(record.OfAliasOf(k.Account, k.Region, k.Id, name), &recordpb.AliasOf{})
	return nil
}

// lose undoes gain.
func lose(change *record.Change, k *key.Key, name string) {
	next := k.Edit()
	next.Aliases--
	change.Replace(k.Record(), k.Ver, next)
	change.Discard(record.OfAliasOf(k.Account, k.Region, k.Id, name))
}

// isAlias reports whether a KeyId is an alias name or ARN, in either spelling.
func isAlias(id string) bool {
	return strings.HasPrefix(id, "alias/") || strings.HasPrefix(id, "arn:") && strings.Contains(id, ":alias/")
}
