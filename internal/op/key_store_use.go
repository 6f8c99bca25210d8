package op

import (
	"context"

	"qkms/internal/fault"
	"qkms/internal/wire/shape"
)

// storeOrigin refuses, of CreateKey, a custom key store without an origin that has one, an origin
// without its store, and what no key in a custom key store can be (operations.md §13.1.1).
func storeOrigin(in *shape.CreateKeyRequest) error {
	origin := orDefault(in.Origin, shape.OriginTypeAwsKms)
	inStore := origin == shape.OriginTypeAwsCloudhsm || origin == shape.OriginTypeExternalKeyStore
	isExternal := origin == shape.OriginTypeExternalKeyStore
	switch {
	case in.CustomKeyStoreId != "" && !inStore:
		return fault.NotAllowedFor("CustomKeyStoreId", "Origin", string(origin))
	case in.CustomKeyStoreId == "" && inStore:
		return fault.RequiredFor("CustomKeyStoreId", "Origin", string(origin))
	case in.XksKeyId != "" && !isExternal:
		return fault.NotAllowedFor("XksKeyId", "Origin", string(origin))
	case in.XksKeyId == "" && isExternal:
		return fault.RequiredFor("XksKeyId", "Origin", string(origin))
	case in.MultiRegion && inStore:
		return fault.RegionsNotForOrigin(string(origin))
	}
	return nil
}

// keyInStore says why no key is made in a custom key store: as long as this release connects to none,
// there is always a reason.
func (c *Call) keyInStore(ctx context.Context, in *shape.CreateKeyRequest) error {
	s, err := c.keyStore(ctx, in.CustomKeyStoreId)
	switch {
	case err != nil:
		return err
	case s.Type != string(in.Origin): // the two enumerations share their words
		return fault.KeyStoreNotForOrigin(s.Id, s.Type, string(in.Origin))
	case s.State != storeConnected:
		return fault.KeyStoreInState(s.Id, s.State, "CreateKey")
	}
	return fault.NotBuilt("Origin " + string(in.Origin))
}

// randomFrom says why a custom key store gives no random bytes.
func (c *Call) randomFrom(ctx context.Context, id string) error {
	s, err := c.keyStore(ctx, id)
	switch {
	case err != nil:
		return err
	case s.Type != hsmStore:
		return fault.NoRandomFrom(s.Id, s.Type)
	case s.State != storeConnected:
		return fault.KeyStoreInState(s.Id, s.State, "GenerateRandom")
	}
	return fault.NotBuilt("GenerateRandom with CustomKeyStoreId")
}
