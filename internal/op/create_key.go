package op

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var createKey = &Op[shape.CreateKeyRequest, shape.CreateKeyResponse]{
	Name: "CreateKey",
	Needs: func(in *shape.CreateKeyRequest) ([]key.Need, error) {
		return append(anything("kms:CreateKey"), tagging(in.Tags)...), nil
	},
	Says: func(c *Call, in *shape.CreateKeyRequest, name string) []string {
		switch name {
		case "kms:bypasspolicylockoutsafetycheck":
			return bypassed(in.BypassPolicyLockoutSafetyCheck)
		case "kms:keyspec", "kms:customermasterkeyspec":
			return said(specOf(in))
		case "kms:keyusage", "kms:customermasterkeyusage":
			return said(orDefault(in.KeyUsage, shape.KeyUsageTypeEncryptDecrypt))
		case "kms:keyorigin":
			return said(orDefault(in.Origin, shape.OriginTypeAwsKms))
		case "kms:multiregion":
			return []string{strconv.FormatBool(in.MultiRegion)}
		case "kms:multiregionkeytype":
			return said(regionType(in.MultiRegion))
		}
		return c.begins(in.Tags, name)
	},
	Check: func(c *Call, in *shape.CreateKeyRequest) error {
		if err := keyShape(in); err != nil {
			return err
		}
		if err := checkTags(in.Tags); err != nil {
			return err
		}
		if err := specInRegion(string(specOf(in)), c.Caller.Region); err != nil {
			return err
		}
		return storeOrigin(in)
	},
	Run: func(ctx context.Context, c *Call, in *shape.CreateKeyRequest) (*shape.CreateKeyResponse, *record.Change, error) {
		if in.CustomKeyStoreId != "" {
			return nil, nil, c.keyInStore(ctx, in)
		}
		k, change, err := c.newKey(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		if in.Policy != "" {
			stored, err := c.policy(ctx, k, in.Policy, in.BypassPolicyLockoutSafetyCheck)
			if err != nil {
				return nil, nil, err
			}
			change.Insert(record.OfPolicy(k.Account, k.Region, k.Id), stored)
		}
		c.Made = []audit.Resource{{AccountID: k.Account, ARN: k.ARN}}
		m := metadata(k)
		if in.MultiRegion {
			shared := &recordpb.MultiRegion{Account: k.Account, Primary: k.Region}
			change.Insert(record.OfMultiRegion(k.Id), shared)
			m.MultiRegionConfiguration = c.configuration(&set{MultiRegion: shared}, k)
		}
		return &shape.CreateKeyResponse{KeyMetadata: m}, change, nil
	},
	Audit: func(in *shape.CreateKeyRequest) audit.Detail {
		return audit.Detail{
			audit.String("description", in.Description),
			audit.String("keyUsage", orDefault(in.KeyUsage, shape.KeyUsageTypeEncryptDecrypt)),
			audit.String("keySpec", specOf(in)),
			audit.String("customerMasterKeySpec", specOf(in)),
			audit.String("origin", orDefault(in.Origin, shape.OriginTypeAwsKms)),
			audit.Bool("multiRegion", in.MultiRegion),
			audit.String("policy", in.Policy).If(in.Policy != ""),
			audit.Bool("bypassPolicyLockoutSafetyCheck", in.BypassPolicyLockoutSafetyCheck),
			audit.Objects("tags", tagDetails(in.Tags)),
			audit.String("customKeyStoreId", in.CustomKeyStoreId).If(in.CustomKeyStoreId != ""),
			audit.String("xksKeyId", in.XksKeyId).If(in.XksKeyId != ""),
		}
	},
	Result: func(_ *Call, out *shape.CreateKeyResponse) audit.Detail {
		return audit.Detail{audit.Object("keyMetadata", metadataDetail(out.KeyMetadata))}
	},
	Differs: []string{
		"No custom key store is ever CONNECTED yet, so a key in one is CustomKeyStoreInvalidStateException.",
	},
}

// usages says what each family of key specs can be for (operations.md §7.2). The first usage of a
// spec is no default: only SYMMETRIC_DEFAULT has one.
var usages = map[shape.KeySpec][]shape.KeyUsageType{
	shape.KeySpecSymmetricDefault:    {shape.KeyUsageTypeEncryptDecrypt},
	shape.KeySpecRsa2048:             {shape.KeyUsageTypeEncryptDecrypt, shape.KeyUsageTypeSignVerify},
	shape.KeySpecRsa3072:             {shape.KeyUsageTypeEncryptDecrypt, shape.KeyUsageTypeSignVerify},
	shape.KeySpecRsa4096:             {shape.KeyUsageTypeEncryptDecrypt, shape.KeyUsageTypeSignVerify},
	shape.KeySpecEccNistP256:         {shape.KeyUsageTypeSignVerify, shape.KeyUsageTypeKeyAgreement},
	shape.KeySpecEccNistP384:         {shape.KeyUsageTypeSignVerify, shape.KeyUsageTypeKeyAgreement},
	shape.KeySpecEccNistP521:         {shape.KeyUsageTypeSignVerify, shape.KeyUsageTypeKeyAgreement},
	shape.KeySpecEccSecgP256k1:       {shape.KeyUsageTypeSignVerify},
	shape.KeySpecEccNistEdwards25519: {shape.KeyUsageTypeSignVerify},
	shape.KeySpecHmac224:             {shape.KeyUsageTypeGenerateVerifyMac},
	shape.KeySpecHmac256:             {shape.KeyUsageTypeGenerateVerifyMac},
	shape.KeySpecHmac384:             {shape.KeyUsageTypeGenerateVerifyMac},
	shape.KeySpecHmac512:             {shape.KeyUsageTypeGenerateVerifyMac},
	shape.KeySpecSm2:                 {shape.KeyUsageTypeEncryptDecrypt, shape.KeyUsageTypeSignVerify, shape.KeyUsageTypeKeyAgreement},
	shape.KeySpecMlDsa44:             {shape.KeyUsageTypeSignVerify},
	shape.KeySpecMlDsa65:             {shape.KeyUsageTypeSignVerify},
	shape.KeySpecMlDsa87:             {shape.KeyUsageTypeSignVerify},
	shape.KeySpecMlKem512:            {shape.KeyUsageTypeEncapsulateDecapsulate},
	shape.KeySpecMlKem768:            {shape.KeyUsageTypeEncapsulateDecapsulate},
	shape.KeySpecMlKem1024:           {shape.KeyUsageTypeEncapsulateDecapsulate},
}

// keyShape refuses combinations of spec, usage and origin that no KMS key has, in the order of
// operations.md §4.2.
func keyShape(in *shape.CreateKeyRequest) error {
	if in.KeySpec != "" && in.CustomerMasterKeySpec != "" {
		return fault.TwoKeySpecs()
	}
	spec := specOf(in)
	usage := in.KeyUsage
	switch {
	case usage == "" && spec == shape.KeySpecSymmetricDefault:
		usage = shape.KeyUsageTypeEncryptDecrypt
	case usage == "":
		return fault.KeyUsageRequired()
	}
	for _, u := range usages[spec] {
		if u == usage {
			return specForOrigin(spec, in.Origin)
		}
	}
	return fault.UsageNotForSpec(string(usage), string(spec))
}

// specForOrigin refuses what §7.3 does not allow.
func specForOrigin(spec shape.KeySpec, origin shape.OriginType) error {
	switch origin {
	case shape.OriginTypeExternal:
		switch spec {
		case shape.KeySpecMlDsa44, shape.KeySpecMlDsa65, shape.KeySpecMlDsa87, shape.KeySpecMlKem512, shape.KeySpecMlKem768, shape.KeySpecMlKem1024:
			return fault.SpecNotForOrigin(string(spec), string(origin))
		}
	case shape.OriginTypeAwsCloudhsm, shape.OriginTypeExternalKeyStore:
		if spec != shape.KeySpecSymmetricDefault {
			return fault.SpecNotForOrigin(string(spec), string(origin))
		}
	}
	return nil
}

func specOf(in *shape.CreateKeyRequest) shape.KeySpec {
	if in.CustomerMasterKeySpec != "" {
		return shape.KeySpec(in.CustomerMasterKeySpec)
	}
	return orDefault(in.KeySpec, shape.KeySpecSymmetricDefault)
}

// newKey makes a key with one random material, or one that waits for an imported material.
func (c *Call) newKey(ctx context.Context, in *shape.CreateKeyRequest) (*key.Key, *record.Change, error) {
	m := &recordpb.Key{
		Account: c.Caller.Account, Region: c.Caller.Region, Id: key.NewID(in.MultiRegion), MultiRegion: in.MultiRegion,
		Spec: string(specOf(in)), Usage: string(orDefault(in.KeyUsage, shape.KeyUsageTypeEncryptDecrypt)),
		Origin: string(orDefault(in.Origin, shape.OriginTypeAwsKms)), State: key.Enabled,
		Description: in.Description, Created: c.Now.UnixMilli(), Tags: storedTags(in.Tags),
	}
	if m.Origin == key.External {
		return c.Resolver.Of(m, 1), empty(c.Deps, m), nil
	}
	change, err := Fresh(ctx, c.Deps, m, nil)
	if err != nil {
		return nil, nil, err
	}
	return c.Resolver.Of(m, 1), change, nil
}

// Fresh completes m, a key that is to be, with material (random when given is nil) and returns the
// change that stores it. Fixtures of `dev --seed` come this way too, with an id and bytes of their own.
func Fresh(ctx context.Context, d *Deps, m *recordpb.Key, given []byte) (*record.Change, error) {
	ref := custody.Ref{Account: m.Account, Region: m.Region, KeyID: m.Id}
	made, err := d.Maker.Make(ctx, ref, m.Spec, given)
	if errors.Is(err, custody.ErrBadMaterial) {
		return nil, fmt.Errorf("material of key %s: %w", m.Id, err)
	}
	if err != nil {
		return nil, sealFault(err)
	}
	m.CurrentMaterial, m.PublicKey = made.MaterialID, made.PublicKey
	m.Versions = []*recordpb.Version{{Id: made.MaterialID, Made: m.Created, State: string(shape.KeyMaterialStateCurrent)}}
	change := d.Book.Change()
	change.Insert(record.OfKey(m.Account, m.Region, m.Id), m)
	change.Insert(record.OfOwner(m.Id, m.Region), &recordpb.Owner{Account: m.Account})
	d.countKey(change, m)
	change.Add(made.Record)
	return change, nil
}

// countKey counts a key that change makes, against the quota of its account and Region.
func (d *Deps) countKey(change *record.Change, m *recordpb.Key) {
	change.CountKeys(m.Account, m.Region, 1, func(keys uint64) error {
		if keys >= uint64(d.Quota.Keys) {
			return fault.KeyQuota(d.Quota.Keys, keys)
		}
		return nil
	})
}

func orDefault[S ~string](s, otherwise S) S {
	if s == "" {
		return otherwise
	}
	return s
}
