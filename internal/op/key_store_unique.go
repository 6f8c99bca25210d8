package op

import "qkms/internal/fault"

// named refuses a name that another store of the account has in the Region.
func (s keyStore) named(all []keyStore) error {
	for _, o := range all {
		if o.Id != s.Id && o.Name == s.Name {
			return fault.KeyStoreNameTaken(s.Name)
		}
	}
	return nil
}

// alone refuses a store that would share with another what each store has for itself: a cluster, the
// URI of a proxy, an endpoint where one of the two is behind a VPC endpoint service, and that service
// (key-material.md §3.1). The first rule that is broken by any store is the one that is reported.
func (s keyStore) alone(all []keyStore) error {
	rules := []struct {
		shared func(o keyStore) bool
		text   *fault.Error
	}{
		{func(o keyStore) bool { return s.Cluster != "" && s.Cluster == o.Cluster }, s.clusterTaken()},
		{func(o keyStore) bool { return s.neighbour(o) && s.Path == o.Path }, fault.ProxyURITaken(s.Endpoint + s.Path)},
		{func(o keyStore) bool { return s.neighbour(o) && (s.onVPC() || o.onVPC()) }, fault.ProxyEndpointTaken(s.Endpoint)},
		{func(o keyStore) bool { return s.VpcService != "" && s.VpcService == o.VpcService }, fault.ProxyServiceTaken(s.VpcService)},
	}
	for _, r := range rules {
		for _, o := range all {
			if o.Id != s.Id && r.shared(o) {
				return r.text
			}
		}
	}
	return nil
}

func (s keyStore) neighbour(o keyStore) bool {
	return s.Endpoint != "" && proxyHost(s.Endpoint) == proxyHost(o.Endpoint)
}

// clusterTaken depends on who asks: an existing store may only move to a cluster that is related to its
// own, which the cluster of another store cannot be (key-material.md §3.6).
func (s keyStore) clusterTaken() *fault.Error {
	if s.ver == 0 {
		return fault.ClusterTaken(s.Cluster)
	}
	return fault.ClusterUnrelated(s.Cluster)
}
