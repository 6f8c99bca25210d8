package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

// maxTagPage is the most of one page, below the model's 1,000, and what a page has by itself (§14).
const maxTagPage = 50

var listResourceTags = &Op[shape.ListResourceTagsRequest, shape.ListResourceTagsResponse]{
	Name: "ListResourceTags",
	Needs: func(in *shape.ListResourceTagsRequest) ([]key.Need, error) {
		if in.Limit > maxTagPage {
			return nil, shape.TooLarge("limit", in.Limit, maxTagPage)
		}
		return manage("kms:ListResourceTags", in.KeyId), nil
	},
	States: key.InAnyState,
	Run: func(_ context.Context, c *Call, in *shape.ListResourceTagsRequest) (*shape.ListResourceTagsResponse, *record.Change, error) {
		last, err := c.resume("ListResourceTags", c.Key().Id, in.Marker)
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ListResourceTagsResponse{Tags: []shape.Tag{}}
		for _, t := range c.Key().Tags {
			switch {
			case t.Key <= last:
			case len(out.Tags) == pageSize(in.Limit, maxTagPage):
				out.Truncated = true
				out.NextMarker = c.marker("ListResourceTags", c.Key().Id, out.Tags[len(out.Tags)-1].TagKey)
				return out, nil, nil
			default:
				out.Tags = append(out.Tags, shape.Tag{TagKey: t.Key, TagValue: t.Value})
			}
		}
		return out, nil, nil
	},
	Audit: func(in *shape.ListResourceTagsRequest) audit.Detail {
		return append(keyDetail(in.KeyId), pageDetail(in.Limit, in.Marker)...)
	},
	ReadOnly: true,
	Differs:  []string{"A `Limit` above 50 is refused as by the model's own range."},
}
