package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var createCustomKeyStore = &Op[shape.CreateCustomKeyStoreRequest, shape.CreateCustomKeyStoreResponse]{
	Name: "CreateCustomKeyStore",
	Needs: func(*shape.CreateCustomKeyStoreRequest) ([]key.Need, error) {
		return anything("kms:CreateCustomKeyStore"), nil
	},
	Says: func(c *Call, _ *shape.CreateCustomKeyStoreRequest, name string) []string {
		return c.callerAccount(name)
	},
	Check: func(_ *Call, in *shape.CreateCustomKeyStoreRequest) error {
		s := saidOnCreate(in)
		if err := s.fits(s.Type); err != nil {
			return err
		}
		if err := s.complete(); err != nil {
			return err
		}
		if s.Type == externalStore {
			return s.route()
		}
		return checkTrustAnchor(s.TrustAnchor)
	},
	Run: func(ctx context.Context, c *Call, in *shape.CreateCustomKeyStoreRequest) (*shape.CreateCustomKeyStoreResponse, *record.Change, error) {
		all, change, err := c.census(ctx)
		if err != nil {
			return nil, nil, err
		}
		s := c.newKeyStore(in)
		if err := s.join(all, c.Quota.KeyStores); err != nil {
			return nil, nil, err
		}
		change.Insert(s.at(), s.whole())
		change.Insert(s.names(), &recordpb.KeyStoreName{Id: s.Id})
		return &shape.CreateCustomKeyStoreResponse{CustomKeyStoreId: s.Id}, change, nil
	},
	Audit: func(in *shape.CreateCustomKeyStoreRequest) audit.Detail {
		return append(audit.Detail{
			audit.String("customKeyStoreName", in.CustomKeyStoreName),
			audit.String("clusterId", in.CloudHsmClusterId).If(in.CloudHsmClusterId != ""),
			audit.String("customKeyStoreType", in.CustomKeyStoreType).If(in.CustomKeyStoreType != ""),
		}, saidOnCreate(in).proxyDetail()...)
	},
	Result: func(_ *Call, out *shape.CreateCustomKeyStoreResponse) audit.Detail {
		return keyStoreDetail(out.CustomKeyStoreId)
	},
	Differs: []string{
		"Neither a cluster nor a proxy is asked whether it exists and agrees with the request: the store is recorded as it is described.",
	},
}

// newKeyStore is the store a request asks for; it was checked.
func (c *Call) newKeyStore(in *shape.CreateCustomKeyStoreRequest) keyStore {
	s := saidOnCreate(in)
	s.Account, s.Region, s.Id = c.Caller.Account, c.Caller.Region, newKeyStoreID()
	s.State, s.Created = storeDisconnected, c.Now.UnixMilli()
	_ = s.route() // was asked before; here it fills in the owner
	return s
}

// join refuses a new store beside those there are, of which there may be most.
func (s keyStore) join(all []keyStore, most int) error {
	if err := s.named(all); err != nil {
		return err
	}
	if len(all) >= most {
		return fault.KeyStoreQuota(most, len(all))
	}
	return s.alone(all)
}
