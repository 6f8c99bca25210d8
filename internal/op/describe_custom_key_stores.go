package op

import (
	"cmp"
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var describeCustomKeyStores = &Op[shape.DescribeCustomKeyStoresRequest, shape.DescribeCustomKeyStoresResponse]{
	Name: "DescribeCustomKeyStores",
	Needs: func(*shape.DescribeCustomKeyStoresRequest) ([]key.Need, error) {
		return anything("kms:DescribeCustomKeyStores"), nil
	},
	Says: func(c *Call, _ *shape.DescribeCustomKeyStoresRequest, name string) []string {
		return c.callerAccount(name)
	},
	Check: func(_ *Call, in *shape.DescribeCustomKeyStoresRequest) error {
		if in.CustomKeyStoreId != "" && in.CustomKeyStoreName != "" {
			return fault.KeyStoreByIDOrName()
		}
		return nil
	},
	Run: func(ctx context.Context, c *Call, in *shape.DescribeCustomKeyStoresRequest) (*shape.DescribeCustomKeyStoresResponse, *record.Change, error) {
		// No page of one store is ever continued, so a marker beside an id or a name opens under none.
		last, err := c.resume("DescribeCustomKeyStores", cmp.Or(in.CustomKeyStoreId, in.CustomKeyStoreName), in.Marker)
		if err != nil {
			return nil, nil, err
		}
		page, more, err := c.asked(ctx, in, last)
		if err != nil {
			return nil, nil, err
		}
		out := &shape.DescribeCustomKeyStoresResponse{CustomKeyStores: []shape.CustomKeyStoresListEntry{}, Truncated: more}
		for _, s := range page {
			out.CustomKeyStores = append(out.CustomKeyStores, s.entry())
		}
		if more {
			out.NextMarker = c.marker("DescribeCustomKeyStores", "", page[len(page)-1].Id)
		}
		return out, nil, nil
	},
	Audit: func(in *shape.DescribeCustomKeyStoresRequest) audit.Detail {
		return append(pageDetail(in.Limit, in.Marker),
			audit.String("customKeyStoreId", in.CustomKeyStoreId).If(in.CustomKeyStoreId != ""),
			audit.String("customKeyStoreName", in.CustomKeyStoreName).If(in.CustomKeyStoreName != ""))
	},
	ReadOnly: true,
	Differs:  []string{"Custom key stores come in the order of their ids, 100 to a page unless `Limit` says otherwise."},
}

// asked returns the store a request names, or a page of all.
func (c *Call) asked(ctx context.Context, in *shape.DescribeCustomKeyStoresRequest, last string) (page []keyStore, more bool, err error) {
	var s keyStore
	switch {
	case in.CustomKeyStoreId != "":
		s, err = c.keyStore(ctx, in.CustomKeyStoreId)
	case in.CustomKeyStoreName != "":
		s, err = c.keyStoreNamed(ctx, in.CustomKeyStoreName)
	default:
		return c.keyStores(ctx, last, pageSize(in.Limit, 100))
	}
	return []keyStore{s}, false, err
}

// entry is a store as its owner sees it: without a password, and of a credential only its id.
func (s keyStore) entry() shape.CustomKeyStoresListEntry {
	e := shape.CustomKeyStoresListEntry{
		CustomKeyStoreId:       s.Id,
		CustomKeyStoreName:     s.Name,
		CustomKeyStoreType:     shape.CustomKeyStoreType(s.Type),
		CloudHsmClusterId:      s.Cluster,
		TrustAnchorCertificate: s.TrustAnchor,
		ConnectionState:        shape.ConnectionStateType(s.State),
		ConnectionErrorCode:    shape.ConnectionErrorCodeType(s.Error),
		CreationDate:           at(s.Created),
	}
	if s.Type == externalStore {
		e.XksProxyConfiguration = &shape.XksProxyConfigurationType{
			Connectivity:            shape.XksProxyConnectivityType(s.Connectivity),
			AccessKeyId:             s.CredentialId,
			UriEndpoint:             s.Endpoint,
			UriPath:                 s.Path,
			VpcEndpointServiceName:  s.VpcService,
			VpcEndpointServiceOwner: s.VpcOwner,
		}
	}
	return e
}
