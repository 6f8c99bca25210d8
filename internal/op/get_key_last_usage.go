package op

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var getKeyLastUsage = &Op[shape.GetKeyLastUsageRequest, shape.GetKeyLastUsageResponse]{
	Name: "GetKeyLastUsage",
	Needs: func(in *shape.GetKeyLastUsageRequest) ([]key.Need, error) {
		return manage("kms:GetKeyLastUsage", in.KeyId), nil
	},
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, _ *shape.GetKeyLastUsageRequest) (*shape.GetKeyLastUsageResponse, *record.Change, error) {
		k := c.Key()
		out := &shape.GetKeyLastUsageResponse{
			KeyId: k.Id, KeyLastUsage: &shape.KeyLastUsageData{},
			TrackingStartDate: at(k.Created), KeyCreationDate: at(k.Created),
		}
		use, used, err := c.LastUses.Last(ctx, lastuse.Key{Account: k.Account, Region: k.Region, ID: k.Id})
		if err != nil {
			return nil, nil, err
		}
		if used && use.At >= k.Created { // else of a replica that was here before, with the same id
			out.KeyLastUsage = &shape.KeyLastUsageData{
				Operation: shape.KeyLastUsageTrackingOperation(use.Operation), Timestamp: at(use.At).Truncate(time.Second),
				CloudTrailEventId: use.EventID, KmsRequestId: use.RequestID,
			}
		}
		return out, nil, nil
	},
	Audit:    func(in *shape.GetKeyLastUsageRequest) audit.Detail { return keyDetail(in.KeyId) },
	ReadOnly: true,
	Differs:  []string{"Immediate on the node that served the use, within a minute on others. The last minute may be lost when a node crashes."},
}
