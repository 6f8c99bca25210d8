package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// maxAliases is the most of one page, below the model's 1,000 (operations.md §14).
const maxAliases = 100

var listAliases = &Op[shape.ListAliasesRequest, shape.ListAliasesResponse]{
	Name: "ListAliases",
	Needs: func(in *shape.ListAliasesRequest) ([]key.Need, error) {
		if in.Limit > maxAliases {
			return nil, shape.TooLarge("limit", in.Limit, maxAliases)
		}
		if in.KeyId != "" {
			return []key.Need{{Action: "kms:ListAliases", KeyID: in.KeyId, Forms: key.KeyOnly, Listing: true}}, nil
		}
		return anything("kms:ListAliases"), nil
	},
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, in *shape.ListAliasesRequest) (*shape.ListAliasesResponse, *record.Change, error) {
		var filter string
		if k := c.Key(); k != nil {
			filter = k.Id
		}
		last, err := c.resume("ListAliases", filter, in.Marker)
		if err != nil {
			return nil, nil, err
		}
		names, more, err := c.aliasNames(ctx, filter, last, pageSize(in.Limit, 50))
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ListAliasesResponse{Aliases: []shape.AliasListEntry{}, Truncated: more}
		for _, name := range names {
			if err := c.listAlias(ctx, name, out); err != nil {
				return nil, nil, err
			}
		}
		if more {
			out.NextMarker = c.marker("ListAliases", filter, names[len(names)-1])
		}
		return out, nil, nil
	},
	Audit: func(in *shape.ListAliasesRequest) audit.Detail {
		return append(pageDetail(in.Limit, in.Marker), audit.String("keyId", in.KeyId).If(in.KeyId != ""))
	},
	ReadOnly: true,
	Differs: []string{
		"Aliases come in the order of their names; there are no `alias/aws/…` aliases.",
		"A `Limit` above 100 is refused as by the model's own range.",
	},
}

// aliasNames returns one page of names: of the key with this id, or all of the account.
func (c *Call) aliasNames(ctx context.Context, id, last string, limit int) (names []string, more bool, err error) {
	account, region := c.Caller.Account, c.Caller.Region
	var after record.Key
	if id == "" {
		if last != "" {
			after = record.OfAlias(account, region, last)
		}
		page, more, err := record.Scan[recordpb.Alias](ctx, c.Book, record.AliasesOf(account, region), after, limit)
		for _, it := range page {
			names = append(names, it.Msg.Name)
		}
		return names, more, err
	}
	if last != "" {
		after = record.OfAliasOf(account, region, id, last)
	}
	page, more, err := record.Scan[recordpb.AliasOf](ctx, c.Book, record.AliasesOfKey(account, region, id), after, limit)
	for _, it := range page {
		names = append(names, it.Key.Part(3))
	}
	return names, more, err
}

func (c *Call) listAlias(ctx context.Context, name string, out *shape.ListAliasesResponse) error {
	a, _, err := c.Resolver.Alias(ctx, c.Caller.Account, c.Caller.Region, name)
	if err != nil || a == nil {
		return err // deleted since the page was read
	}
	k, err := c.Resolver.Load(ctx, a.Account, a.Region, a.KeyId)
	if err != nil || k == nil {
		return err // its key is gone, and takes it along
	}
	out.Aliases = append(out.Aliases, shape.AliasListEntry{
		AliasName:       a.Name,
		AliasArn:        c.Naming.Alias(a.Account, a.Region, a.Name),
		TargetKeyId:     a.KeyId,
		CreationDate:    at(a.Created),
		LastUpdatedDate: at(a.Updated),
	})
	return nil
}
