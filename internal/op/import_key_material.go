package op

import (
	"cmp"
	"context"
	"errors"
	"time"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// longestValidity is how many days ahead a material may expire (operations.md §10.5 [R2]).
const longestValidity = 365

var importKeyMaterial = &Op[shape.ImportKeyMaterialRequest, shape.ImportKeyMaterialResponse]{
	Name:      "ImportKeyMaterial",
	Restricts: true, // of a material that is there it may bring the end nearer
	Needs: func(in *shape.ImportKeyMaterialRequest) ([]key.Need, error) {
		return manage("kms:ImportKeyMaterial", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.ImportKeyMaterialRequest, name string) []string {
		switch name {
		case "kms:expirationmodel":
			return said(in.ExpirationModel)
		case "kms:validto":
			return epoch(in.ValidTo)
		}
		return nil
	},
	Check:  func(c *Call, _ *shape.ImportKeyMaterialRequest) error { return imported(c.Key()) },
	States: key.WhileDisabled | key.WhilePendingImport | key.WhileUpdating,
	Run: func(ctx context.Context, c *Call, in *shape.ImportKeyMaterialRequest) (*shape.ImportKeyMaterialResponse, *record.Change, error) {
		k := c.Key()
		s, err := c.setOf(ctx, k)
		if err != nil {
			return nil, nil, err
		}
		if err := cmp.Or(checkValidity(c.Now, in), c.checkImport(s, in)); err != nil {
			return nil, nil, err
		}
		made, err := c.unwrapped(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		if err := c.identify(in, made.MaterialID); err != nil {
			return nil, nil, err
		}
		relatives, err := c.relatives(ctx, s, k)
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ImportKeyMaterialResponse{KeyId: k.ARN}
		if isSymmetric(k) {
			out.KeyMaterialId = made.MaterialID
		}
		return out, c.arrive(s, relatives, in, made), nil
	},
	Audit: func(in *shape.ImportKeyMaterialRequest) audit.Detail { // neither the token nor the material
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.String("validTo", inWords(in.ValidTo)).If(!in.ValidTo.IsZero()),
			audit.String("expirationModel", orDefault(in.ExpirationModel, shape.ExpirationModelTypeKeyMaterialExpires)),
			audit.String("importType", in.ImportType).If(in.ImportType != ""),
			audit.String("keyMaterialDescription", in.KeyMaterialDescription).If(in.KeyMaterialDescription != ""),
		}
	},
	Result: func(_ *Call, out *shape.ImportKeyMaterialResponse) audit.Detail {
		return audit.Detail{
			audit.String("keyId", out.KeyId),
			audit.String("keyMaterialId", out.KeyMaterialId).If(out.KeyMaterialId != ""),
		}
	},
}

// checkValidity refuses dates that no material can have.
func checkValidity(now time.Time, in *shape.ImportKeyMaterialRequest) error {
	expires := in.ExpirationModel != shape.ExpirationModelTypeKeyMaterialDoesNotExpire // the default, too
	switch {
	case expires && in.ValidTo.IsZero():
		return fault.ValidToRequired()
	case !expires && !in.ValidTo.IsZero():
		return fault.ValidToNotAllowed()
	case expires && !wholeSeconds(in.ValidTo).After(now):
		return fault.ValidToPast()
	case expires && in.ValidTo.After(now.Add(longestValidity*24*time.Hour)):
		return fault.ValidToFar(longestValidity)
	}
	return nil
}

// wholeSeconds is how a date of expiry is kept and shown (§7.1 [R2]).
func wholeSeconds(t time.Time) time.Time { return t.Truncate(time.Second) }

// checkImport refuses parameters that do not go with the key, or with one another.
func (c *Call) checkImport(s *set, in *shape.ImportKeyMaterialRequest) error {
	k := c.Key()
	replica := s != nil && !s.isPrimary(k)
	switch {
	case !isSymmetric(k) && in.ImportType != "":
		return fault.NotForImported("importType", k.Spec)
	case !isSymmetric(k) && in.KeyMaterialId != "":
		return fault.NotForImported("keyMaterialId", k.Spec)
	case !isSymmetric(k) && in.KeyMaterialDescription != "":
		return fault.NotForImported("keyMaterialDescription", k.Spec)
	case in.KeyMaterialId != "" && c.isNew(in):
		return fault.MaterialIDWithNew()
	case replica && in.ImportType == shape.ImportTypeNewKeyMaterial:
		return fault.NewMaterialOnReplica()
	case replica && in.KeyMaterialDescription != "":
		return fault.MaterialDescriptionOnReplica()
	}
	return nil
}

// isNew says whether the material is meant to be another than those the key has: by default the first
// one only.
func (c *Call) isNew(in *shape.ImportKeyMaterialRequest) bool {
	if in.ImportType == "" {
		return len(c.Key().Versions) == 0
	}
	return in.ImportType == shape.ImportTypeNewKeyMaterial
}

// unwrapped has custody open what the caller sent. Whatever is wrong with it has one answer: a caller
// who can tell a bad padding from a bad key learns other people's materials bit by bit.
func (c *Call) unwrapped(ctx context.Context, in *shape.ImportKeyMaterialRequest) (custody.Made, error) {
	k := c.Key()
	token, err := c.openImportToken(in.ImportToken)
	if err != nil {
		return custody.Made{}, err
	}
	ref := custody.Ref{Account: k.Account, Region: k.Region, KeyID: k.Id}
	made, err := c.Importer.Import(ctx, ref, k.Spec, token.algorithm, token.private, in.EncryptedKeyMaterial)
	switch {
	case errors.Is(err, custody.ErrWrongCiphertext):
		return made, fault.BadCiphertext().Because(err)
	case errors.Is(err, custody.ErrWrappingKey):
		return made, fault.BadImportToken().Because(err)
	}
	return made, sealFault(err)
}

// identify refuses a material that is not the one it is said to be.
func (c *Call) identify(in *shape.ImportKeyMaterialRequest, id string) error {
	k := c.Key()
	known, waits := k.Version(id) != nil, awaited(k.Key)
	switch {
	case c.isNew(in) && known:
		return fault.MaterialKnown(id, k.ARN)
	case c.isNew(in) && waits != nil:
		return fault.MaterialAwaited(id, k.ARN, waits.Id)
	case c.isNew(in):
		return nil
	case len(k.Versions) == 0:
		return fault.NoMaterialYet()
	case !known || in.KeyMaterialId != "" && in.KeyMaterialId != id:
		return fault.OtherMaterial(cmp.Or(in.KeyMaterialId, k.CurrentMaterial))
	}
	return nil
}

// arrive returns the change that makes the material part of the call's key. A material that is there
// already is not stored again: with the same id it is the same key, to the bit.
func (c *Call) arrive(s *set, relatives []*relative, in *shape.ImportKeyMaterialRequest, made custody.Made) *record.Change {
	next, change := c.Key().Edit(), c.Book.Change()
	v := material(next, made.MaterialID)
	if v == nil {
		v = c.begin(next, made)
		for _, r := range relatives {
			r.next.Versions = append(r.next.Versions, &recordpb.Version{Id: v.Id, Made: v.Made, State: v.State, Missing: true})
			r.changed = true
		}
	}
	if v.Missing {
		change.Add(made.Record)
	}
	v.Missing = false
	v.ExpirationModel = string(orDefault(in.ExpirationModel, shape.ExpirationModelTypeKeyMaterialExpires))
	validTo := int64(0)
	if !in.ValidTo.IsZero() {
		validTo = wholeSeconds(in.ValidTo).UnixMilli()
	}
	date(change, next, v, validTo)
	if in.KeyMaterialDescription != "" { // shared, and the primary's to say
		v.Description = in.KeyMaterialDescription
		each(relatives, v.Id, func(other *recordpb.Version) { other.Description = v.Description })
	}
	if key.Awaits(v) {
		ready(v, relatives)
	} else if key.Complete(next, c.Now) && (next.State == key.PendingImport || next.State == key.Disabled) {
		next.State = key.Enabled
	}
	c.save(change, s, next, relatives)
	return change
}

// begin adds a material that is yet to arrive: the first becomes current at once.
func (c *Call) begin(next *recordpb.Key, made custody.Made) *recordpb.Version {
	v := &recordpb.Version{Id: made.MaterialID, Made: c.Now.UnixMilli(), State: key.PendingRotation, Missing: true}
	if len(next.Versions) == 0 {
		v.State = key.Current
		next.CurrentMaterial, next.PublicKey = made.MaterialID, made.PublicKey
	}
	next.Versions = append(next.Versions, v)
	return v
}
