package op

import (
	"maps"
	"slices"
	"time"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/wire/shape"
)

// metadata is KeyMetadata with the members that operations.md §7.1 says are present.
func metadata(k *key.Key) *shape.KeyMetadata {
	m := &shape.KeyMetadata{
		AWSAccountId:          k.Account,
		KeyId:                 k.Id,
		Arn:                   k.ARN,
		CreationDate:          at(k.Created),
		Enabled:               k.State == key.Enabled,
		Description:           k.Description,
		KeyUsage:              shape.KeyUsageType(k.Usage),
		KeyState:              shape.KeyState(k.State),
		Origin:                shape.OriginType(k.Origin),
		KeyManager:            shape.KeyManagerTypeCustomer,
		CustomerMasterKeySpec: shape.CustomerMasterKeySpec(k.Spec),
		KeySpec:               shape.KeySpec(k.Spec),
		MultiRegion:           k.MultiRegion,
	}
	switch k.State {
	case key.PendingDeletion:
		m.DeletionDate = at(k.Deletion)
	case key.PendingReplicaDeletion:
		m.PendingDeletionWindowInDays = int(k.DeletionWindow)
	}
	if k.Spec == string(shape.KeySpecSymmetricDefault) { // the materials of other keys have no id to see (§7.1)
		m.CurrentKeyMaterialId = k.CurrentMaterial
	}
	algorithms(m)
	model, validTo := k.Expiration()
	m.ExpirationModel, m.ValidTo = shape.ExpirationModelType(model), at(validTo)
	return m
}

// metadataDetail is KeyMetadata as CloudTrail writes it, dates in words (access.md §7.3).
func metadataDetail(m *shape.KeyMetadata) audit.Detail {
	return audit.Detail{
		audit.String("aWSAccountId", m.AWSAccountId),
		audit.String("keyId", m.KeyId),
		audit.String("arn", m.Arn),
		audit.String("creationDate", inWords(m.CreationDate)),
		audit.Bool("enabled", m.Enabled),
		audit.String("description", m.Description),
		audit.String("keyUsage", m.KeyUsage),
		audit.String("keyState", m.KeyState),
		audit.String("origin", m.Origin),
		audit.String("keyManager", m.KeyManager),
		audit.String("customerMasterKeySpec", m.CustomerMasterKeySpec),
		audit.String("keySpec", m.KeySpec),
		audit.Strings("encryptionAlgorithms", m.EncryptionAlgorithms),
		audit.Strings("signingAlgorithms", m.SigningAlgorithms),
		audit.Strings("macAlgorithms", m.MacAlgorithms),
		audit.Strings("keyAgreementAlgorithms", m.KeyAgreementAlgorithms),
		audit.Strings("encapsulationAlgorithms", m.EncapsulationAlgorithms),
		audit.Bool("multiRegion", m.MultiRegion),
		audit.String("currentKeyMaterialId", m.CurrentKeyMaterialId).If(m.CurrentKeyMaterialId != ""),
		audit.String("expirationModel", m.ExpirationModel).If(m.ExpirationModel != ""),
		audit.String("validTo", inWords(m.ValidTo)).If(!m.ValidTo.IsZero()),
	}
}

func inWords(t time.Time) string { return t.UTC().Format("Jan 2, 2006, 3:04:05 PM") }

func tagDetails(tags []shape.Tag) []audit.Detail {
	var out []audit.Detail
	for _, t := range tags {
		out = append(out, audit.Detail{audit.String("tagKey", t.TagKey), audit.String("tagValue", t.TagValue)})
	}
	return out
}

// keyDetail is the record of a request that has a KeyId and nothing else to tell.
func keyDetail(id string) audit.Detail { return audit.Detail{audit.String("keyId", id)} }

// keyResult is the record of an answer that has none: which key it was (access.md §7.3).
func keyResult(c *Call, _ *None) audit.Detail {
	for _, k := range c.Keys {
		if k != nil {
			return audit.Detail{audit.String("keyId", k.ARN)}
		}
	}
	return nil
}

// sortedMembers is a map as pairs, in order of its keys.
func sortedMembers(m map[string]string) [][2]string {
	var out [][2]string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, [2]string{k, m[k]})
	}
	return out
}
