package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var connectCustomKeyStore = &Op[shape.ConnectCustomKeyStoreRequest, shape.ConnectCustomKeyStoreResponse]{
	Name: "ConnectCustomKeyStore",
	Needs: func(*shape.ConnectCustomKeyStoreRequest) ([]key.Need, error) {
		return anything("kms:ConnectCustomKeyStore"), nil
	},
	Says: func(c *Call, _ *shape.ConnectCustomKeyStoreRequest, name string) []string {
		return c.callerAccount(name)
	},
	// The answer says only that the attempt was accepted; how it ended, DescribeCustomKeyStores says.
	Run: func(ctx context.Context, c *Call, in *shape.ConnectCustomKeyStoreRequest) (*shape.ConnectCustomKeyStoreResponse, *record.Change, error) {
		s, err := c.keyStore(ctx, in.CustomKeyStoreId)
		if err != nil {
			return nil, nil, err
		}
		c.Additional = s.told()
		switch s.State {
		case storeConnected, storeConnecting:
			return &shape.ConnectCustomKeyStoreResponse{}, nil, nil
		case storeDisconnected:
			next := s.edit()
			next.State, next.Error = storeFailed, string(s.unreachable())
			change := c.Book.Change()
			change.Replace(s.at(), s.ver, next.whole())
			return &shape.ConnectCustomKeyStoreResponse{}, change, nil
		}
		return nil, nil, fault.KeyStoreInState(s.Id, s.State, "ConnectCustomKeyStore")
	},
	Audit: func(in *shape.ConnectCustomKeyStoreRequest) audit.Detail { return keyStoreDetail(in.CustomKeyStoreId) },
	Differs: []string{
		"No cluster and no proxy is connected to yet: the store is FAILED at once, with CLUSTER_NOT_FOUND, XKS_PROXY_NOT_REACHABLE or XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND.",
	},
}

// unreachable is how an attempt to connect ends as long as this release connects to nothing.
func (s keyStore) unreachable() shape.ConnectionErrorCodeType {
	switch {
	case s.Type == hsmStore:
		return shape.ConnectionErrorCodeTypeClusterNotFound
	case s.onVPC():
		return shape.ConnectionErrorCodeTypeXksVpcEndpointServiceNotFound
	}
	return shape.ConnectionErrorCodeTypeXksProxyNotReachable
}
