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

var updateCustomKeyStore = &Op[shape.UpdateCustomKeyStoreRequest, shape.UpdateCustomKeyStoreResponse]{
	Name: "UpdateCustomKeyStore",
	Needs: func(*shape.UpdateCustomKeyStoreRequest) ([]key.Need, error) {
		return anything("kms:UpdateCustomKeyStore"), nil
	},
	Says: func(c *Call, _ *shape.UpdateCustomKeyStoreRequest, name string) []string {
		return c.callerAccount(name)
	},
	Run: func(ctx context.Context, c *Call, in *shape.UpdateCustomKeyStoreRequest) (*shape.UpdateCustomKeyStoreResponse, *record.Change, error) {
		s, err := c.keyStore(ctx, in.CustomKeyStoreId)
		if err != nil {
			return nil, nil, err
		}
		said := saidOnUpdate(in)
		if err := s.mayChange(said); err != nil {
			return nil, nil, err
		}
		next, err := s.with(said)
		if err != nil {
			return nil, nil, err
		}
		c.Additional = next.told()
		change, err := c.changeKeyStore(ctx, s, next)
		return &shape.UpdateCustomKeyStoreResponse{}, change, err
	},
	Audit: func(in *shape.UpdateCustomKeyStoreRequest) audit.Detail {
		return append(audit.Detail{
			audit.String("customKeyStoreId", in.CustomKeyStoreId),
			audit.String("newCustomKeyStoreName", in.NewCustomKeyStoreName).If(in.NewCustomKeyStoreName != ""),
			audit.String("clusterId", in.CloudHsmClusterId).If(in.CloudHsmClusterId != ""),
		}, saidOnUpdate(in).proxyDetail()...)
	},
	Differs: []string{
		"Neither a cluster nor a proxy is asked whether it agrees with the change.",
		"`XksProxyVpcEndpointServiceName` is left out, not sent empty, when the connectivity becomes PUBLIC_ENDPOINT.",
	},
}

// mayChange refuses members that are not of the store's type, and then what its state does not allow:
// everything but while it is disconnected, and a name, path or credential also while it is connected.
func (s keyStore) mayChange(said keyStore) error {
	if err := said.fits(s.Type); err != nil {
		return err
	}
	if s.State == storeDisconnected || s.State == storeConnected && said.live() {
		return nil
	}
	return fault.KeyStoreInState(s.Id, s.State, "UpdateCustomKeyStore")
}

// changeKeyStore is the change that makes next of s.
func (c *Call) changeKeyStore(ctx context.Context, s, next keyStore) (*record.Change, error) {
	all, change, err := c.census(ctx)
	if err != nil {
		return nil, err
	}
	if err := next.named(all); err != nil {
		return nil, err
	}
	if err := next.alone(all); err != nil {
		return nil, err
	}
	change.Replace(s.at(), s.ver, next.whole())
	if next.Name != s.Name {
		change.Discard(s.names())
		change.Insert(next.names(), &recordpb.KeyStoreName{Id: s.Id})
	}
	return change, nil
}
