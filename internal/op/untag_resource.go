package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var untagResource = &Op[shape.UntagResourceRequest, None]{
	Name:      "UntagResource",
	Restricts: true,
	Needs: func(in *shape.UntagResourceRequest) ([]key.Need, error) {
		return manage("kms:UntagResource", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.UntagResourceRequest, name string) []string {
		switch name {
		case "aws:tagkeys":
			return in.TagKeys
		}
		return nil
	},
	States: key.InAnyState &^ key.WhilePendingDeletion,
	Run: func(_ context.Context, c *Call, in *shape.UntagResourceRequest) (*None, *record.Change, error) {
		tags := map[string]string{}
		for _, t := range c.Key().Tags {
			tags[t.Key] = t.Value
		}
		for _, name := range in.TagKeys { // one that is not there is no mistake
			delete(tags, name)
		}
		return nil, c.retag(tags), nil
	},
	Audit: func(in *shape.UntagResourceRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.Strings("tagKeys", in.TagKeys)}
	},
	Result: keyResult,
}
