package op

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var tagResource = &Op[shape.TagResourceRequest, None]{
	Name:      "TagResource",
	Restricts: true,
	Needs: func(in *shape.TagResourceRequest) ([]key.Need, error) {
		return manage("kms:TagResource", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.TagResourceRequest, name string) []string {
		return tagged(in.Tags, name)
	},
	Check:  func(_ *Call, in *shape.TagResourceRequest) error { return checkTags(in.Tags) },
	States: key.InAnyState &^ key.WhilePendingDeletion,
	Run: func(_ context.Context, c *Call, in *shape.TagResourceRequest) (*None, *record.Change, error) {
		tags := map[string]string{}
		for _, t := range c.Key().Tags {
			tags[t.Key] = t.Value
		}
		for _, t := range in.Tags {
			tags[t.TagKey] = t.TagValue
		}
		if len(tags) > maxTags {
			return nil, nil, fault.TooManyTags()
		}
		return nil, c.retag(tags), nil
	},
	Audit: func(in *shape.TagResourceRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.Objects("tags", tagDetails(in.Tags))}
	},
	Result: keyResult,
}

// retag replaces the tags of the call's key. Tags that stay are the same messages still, with what a newer program
// has put there.
func (c *Call) retag(tags map[string]string) *record.Change {
	next := c.Key().Edit()
	was := map[string]*recordpb.Tag{}
	for _, t := range next.Tags {
		was[t.Key] = t
	}
	next.Tags = nil
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		t := cmp.Or(was[name], &recordpb.Tag{Key: name})
		t.Value = tags[name]
		next.Tags = append(next.Tags, t)
	}
	change := c.Book.Change()
	change.Replace(c.Key().Record(), c.Key().Ver, next)
	return change
}
