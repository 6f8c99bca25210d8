package op

import (
	"context"
	"strconv"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var listKeyRotations = &Op[shape.ListKeyRotationsRequest, shape.ListKeyRotationsResponse]{
	Name: "ListKeyRotations",
	Needs: func(in *shape.ListKeyRotationsRequest) ([]key.Need, error) {
		return manage("kms:ListKeyRotations", in.KeyId), nil
	},
	Check: func(c *Call, in *shape.ListKeyRotationsRequest) error {
		if in.IncludeKeyMaterial != "" && !isSymmetric(c.Key()) {
			return fault.MaterialOfSymmetricOnly()
		}
		return nil
	},
	States: key.InAnyState,
	Run: func(_ context.Context, c *Call, in *shape.ListKeyRotationsRequest) (*shape.ListKeyRotationsResponse, *record.Change, error) {
		k := c.Key()
		filter := k.Id + "\x00" + string(in.IncludeKeyMaterial)
		last, err := c.resume("ListKeyRotations", filter, in.Marker)
		if err != nil {
			return nil, nil, err
		}
		var begin int
		if last != "" {
			begin, _ = strconv.Atoi(last) // a marker that opens is ours
		}
		all := rotations(k, in.IncludeKeyMaterial)
		begin = min(begin, len(all)) // material that waited may have been deleted since
		end := min(begin+pageSize(in.Limit, 100), len(all))
		out := &shape.ListKeyRotationsResponse{Rotations: all[begin:end], Truncated: end < len(all)}
		if out.Truncated {
			out.NextMarker = c.marker("ListKeyRotations", filter, strconv.Itoa(end))
		}
		return out, nil, nil
	},
	Audit: func(in *shape.ListKeyRotationsRequest) audit.Detail {
		return append(audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.String("includeKeyMaterial", in.IncludeKeyMaterial).If(in.IncludeKeyMaterial != ""),
		}, pageDetail(in.Limit, in.Marker)...)
	},
	ReadOnly: true,
}

// rotations lists the materials that came by rotation, or all of them, oldest first (§10.3).
func rotations(k *key.Key, include shape.IncludeKeyMaterial) []shape.RotationsListEntry {
	out := []shape.RotationsListEntry{}
	for _, v := range k.Versions {
		if v.Rotated != 0 || include == shape.IncludeKeyMaterialAllKeyMaterial {
			out = append(out, rotationEntry(k, v))
		}
	}
	return out
}

func rotationEntry(k *key.Key, v *recordpb.Version) shape.RotationsListEntry {
	e := shape.RotationsListEntry{
		KeyId:            k.ARN,
		KeyMaterialId:    v.Id,
		KeyMaterialState: shape.KeyMaterialState(v.State),
		RotationDate:     at(v.Rotated),
		RotationType:     shape.RotationType(v.Rotation),
	}
	if k.Origin != key.External {
		return e
	}
	e.KeyMaterialDescription = v.Description
	if !key.Imported(v) {
		e.ImportState = shape.ImportStatePendingImport
		return e
	}
	e.ImportState, e.ExpirationModel = shape.ImportStateImported, shape.ExpirationModelType(v.ExpirationModel)
	if e.ExpirationModel == shape.ExpirationModelTypeKeyMaterialExpires {
		e.ValidTo = at(v.ValidTo)
	}
	return e
}
