package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var listKeys = &Op[shape.ListKeysRequest, shape.ListKeysResponse]{
	Name:  "ListKeys",
	Needs: func(*shape.ListKeysRequest) ([]key.Need, error) { return anything("kms:ListKeys"), nil },
	Run: func(ctx context.Context, c *Call, in *shape.ListKeysRequest) (*shape.ListKeysResponse, *record.Change, error) {
		last, err := c.resume("ListKeys", "", in.Marker)
		if err != nil {
			return nil, nil, err
		}
		account, region := c.Caller.Account, c.Caller.Region
		var after record.Key
		if last != "" {
			after = record.OfKey(account, region, last)
		}
		page, more, err := record.Scan[recordpb.Key](ctx, c.Book, record.KeysOf(account, region), after, pageSize(in.Limit, 100))
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ListKeysResponse{Keys: []shape.KeyListEntry{}, Truncated: more}
		for _, it := range page { // a page may hold fewer than its limit: §14
			if k := c.Resolver.Of(it.Msg, it.Ver); !k.Gone(c.Now) {
				out.Keys = append(out.Keys, shape.KeyListEntry{KeyId: k.Id, KeyArn: k.ARN})
			}
		}
		if more {
			out.NextMarker = c.marker("ListKeys", "", page[len(page)-1].Msg.Id)
		}
		return out, nil, nil
	},
	Audit: func(in *shape.ListKeysRequest) audit.Detail {
		return pageDetail(in.Limit, in.Marker)
	},
	ReadOnly: true,
	Differs:  []string{"Keys come in the order of their ids."},
}

func pageDetail(limit int, marker string) audit.Detail {
	return audit.Detail{
		audit.Int("limit", limit).If(limit != 0),
		audit.String("marker", marker).If(marker != ""),
	}
}
