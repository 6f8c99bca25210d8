package op

import (
	"cmp"
	"context"
	"slices"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var deleteImportedKeyMaterial = &Op[shape.DeleteImportedKeyMaterialRequest, shape.DeleteImportedKeyMaterialResponse]{
	Name:      "DeleteImportedKeyMaterial",
	Restricts: true,
	Needs: func(in *shape.DeleteImportedKeyMaterialRequest) ([]key.Need, error) {
		return manage("kms:DeleteImportedKeyMaterial", in.KeyId), nil
	},
	Check:  func(c *Call, _ *shape.DeleteImportedKeyMaterialRequest) error { return imported(c.Key()) },
	States: key.WhileDisabled | key.WhilePendingDeletion | key.WhilePendingImport,
	Run: func(ctx context.Context, c *Call, in *shape.DeleteImportedKeyMaterialRequest) (*shape.DeleteImportedKeyMaterialResponse, *record.Change, error) {
		k := c.Key()
		out := &shape.DeleteImportedKeyMaterialResponse{KeyId: k.ARN}
		if !isSymmetric(k) && in.KeyMaterialId != "" {
			return nil, nil, fault.NotForImported("keyMaterialId", k.Spec)
		}
		id := cmp.Or(in.KeyMaterialId, k.CurrentMaterial)
		switch {
		case id == "": // it never had any
			return out, nil, nil
		case k.Version(id) == nil:
			return nil, nil, fault.MaterialUnknown(id, k.ARN)
		}
		if isSymmetric(k) {
			out.KeyMaterialId = id
		}
		change, err := c.leave(ctx, id)
		return out, change, err
	},
	Audit: func(in *shape.DeleteImportedKeyMaterialRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.String("keyMaterialId", in.KeyMaterialId).If(in.KeyMaterialId != "")}
	},
	Result: func(_ *Call, out *shape.DeleteImportedKeyMaterialResponse) audit.Detail {
		return audit.Detail{
			audit.String("keyId", out.KeyId),
			audit.String("keyMaterialId", out.KeyMaterialId).If(out.KeyMaterialId != ""),
		}
	},
}

// leave returns the change that takes a material from the call's key, nil when it is gone already. What
// awaits its rotation leaves no trace, in any Region, unless it is only a replica's copy.
func (c *Call) leave(ctx context.Context, id string) (*record.Change, error) {
	k := c.Key()
	s, err := c.setOf(ctx, k)
	if err != nil {
		return nil, err
	}
	relatives, err := c.relatives(ctx, s, k)
	if err != nil {
		return nil, err
	}
	next, change := k.Edit(), c.Book.Change()
	v := material(next, id)
	switch awaits := key.Awaits(v); {
	case awaits && (s == nil || s.isPrimary(k)):
		c.withdraw(change, next, id)
		for _, r := range relatives {
			c.withdraw(change, r.next, id)
			r.changed = true
		}
	case v.Missing:
		return nil, nil
	default:
		c.remove(change, next, v)
		key.Lose(next, v)
		if awaits {
			ready(v, relatives)
		}
	}
	c.save(change, s, next, relatives)
	return change, nil
}

// withdraw takes a material out of m as if it had never been there.
func (c *Call) withdraw(change *record.Change, m *recordpb.Key, id string) {
	v := material(m, id)
	if v == nil {
		return
	}
	c.remove(change, m, v)
	m.Versions = slices.DeleteFunc(m.Versions, func(v *recordpb.Version) bool { return v.Id == id })
}

// remove has the change delete the bytes of a material, and the call have custody forget them.
func (c *Call) remove(change *record.Change, m *recordpb.Key, v *recordpb.Version) {
	date(change, m, v, 0)
	if !v.Missing {
		change.Discard(record.OfMaterial(m.Account, m.Region, m.Id, v.Id))
	}
	c.Lost = append(c.Lost, c.Resolver.Of(m, 0).MaterialVersion(v.Id))
}
