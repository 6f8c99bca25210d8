package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

var deleteAlias = &Op[shape.DeleteAliasRequest, None]{
	Name:      "DeleteAlias",
	Restricts: true,
	Needs: func(in *shape.DeleteAliasRequest) ([]key.Need, error) {
		if err := key.CheckAliasName(in.AliasName); err != nil {
			return nil, err
		}
		return []key.Need{
			{Action: "kms:DeleteAlias", KeyID: in.AliasName, Forms: key.AnyForm},
			{Action: "kms:DeleteAlias", Alias: in.AliasName},
		}, nil
	},
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, in *shape.DeleteAliasRequest) (*None, *record.Change, error) {
		k := c.Key()
		old, ver, err := c.Resolver.Alias(ctx, k.Account, k.Region, in.AliasName)
		if err != nil {
			return nil, nil, err
		}
		if old == nil || old.KeyId != k.Id { // moved since it was resolved: begin anew
			return nil, nil, &store.Conflict{Key: []byte(in.AliasName)}
		}
		change := c.Book.Change()
		change.Remove(record.OfAlias(k.Account, k.Region, in.AliasName), ver)
		lose(change, k, in.AliasName)
		return nil, change, nil
	},
	Audit: func(in *shape.DeleteAliasRequest) audit.Detail {
		return audit.Detail{audit.String("aliasName", in.AliasName)}
	},
	Result: keyResult,
}
