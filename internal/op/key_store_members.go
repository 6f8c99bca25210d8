package op

import (
	"crypto/x509"
	"encoding/pem"
	"strings"

	"google.golang.org/protobuf/proto"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// storeMembers says what CreateCustomKeyStore and UpdateCustomKeyStore take besides ids and names
// (key-material.md §3.1).
var storeMembers = []struct {
	name     string
	of       string // the type of store it belongs to
	required bool   // when a store of that type is made
	live     bool   // may change while the store is connected
	get      func(keyStore) string
}{
	{"CloudHsmClusterId", hsmStore, true, false, keyStore.GetCluster},
	{"TrustAnchorCertificate", hsmStore, true, false, keyStore.GetTrustAnchor},
	{"KeyStorePassword", hsmStore, true, false, func(s keyStore) string { return s.secrets.password() }},
	{"XksProxyUriEndpoint", externalStore, true, false, keyStore.GetEndpoint},
	{"XksProxyUriPath", externalStore, true, true, keyStore.GetPath},
	{"XksProxyVpcEndpointServiceName", externalStore, false, false, keyStore.GetVpcService},
	{"XksProxyVpcEndpointServiceOwner", externalStore, false, false, keyStore.GetVpcOwner},
	{"XksProxyAuthenticationCredential", externalStore, true, true, func(s keyStore) string { return s.secrets.credential() }},
	{"XksProxyConnectivity", externalStore, true, false, keyStore.GetConnectivity},
}

// saidOnCreate is a store with what the request says of it and nothing else.
func saidOnCreate(in *shape.CreateCustomKeyStoreRequest) keyStore {
	m := &recordpb.KeyStore{
		Name: in.CustomKeyStoreName, Type: string(orDefault(in.CustomKeyStoreType, shape.CustomKeyStoreTypeAwsCloudhsm)),
		Cluster: in.CloudHsmClusterId, TrustAnchor: in.TrustAnchorCertificate, Password: in.KeyStorePassword,
		Connectivity: string(in.XksProxyConnectivity), Endpoint: in.XksProxyUriEndpoint, Path: in.XksProxyUriPath,
		VpcService: in.XksProxyVpcEndpointServiceName, VpcOwner: in.XksProxyVpcEndpointServiceOwner,
	}
	return withCredential(m, in.XksProxyAuthenticationCredential)
}

// saidOnUpdate is the same for what is to change.
func saidOnUpdate(in *shape.UpdateCustomKeyStoreRequest) keyStore {
	m := &recordpb.KeyStore{
		Name: in.NewCustomKeyStoreName, Cluster: in.CloudHsmClusterId, Password: in.KeyStorePassword,
		Connectivity: string(in.XksProxyConnectivity), Endpoint: in.XksProxyUriEndpoint, Path: in.XksProxyUriPath,
		VpcService: in.XksProxyVpcEndpointServiceName, VpcOwner: in.XksProxyVpcEndpointServiceOwner,
	}
	return withCredential(m, in.XksProxyAuthenticationCredential)
}

func withCredential(m *recordpb.KeyStore, cred *shape.XksProxyAuthenticationCredentialType) keyStore {
	if cred != nil {
		m.CredentialId, m.CredentialSecret = cred.AccessKeyId, cred.RawSecretAccessKey
	}
	return keyStoreOf(m, 0)
}

// fits refuses members that a store of this type does not have.
func (s keyStore) fits(kind string) error {
	for _, m := range storeMembers {
		if m.of != kind && m.get(s) != "" {
			return fault.NotAllowedFor(m.name, "CustomKeyStoreType", kind)
		}
	}
	return nil
}

// complete refuses a new store that lacks what its type needs.
func (s keyStore) complete() error {
	for _, m := range storeMembers {
		if m.of == s.Type && m.required && m.get(s) == "" {
			return fault.RequiredFor(m.name, "CustomKeyStoreType", s.Type)
		}
	}
	return nil
}

// live reports whether what said changes may change while a store is connected.
func (s keyStore) live() bool {
	for _, m := range storeMembers {
		if !m.live && m.get(s) != "" {
			return false
		}
	}
	return true
}

// onVPC reports whether the proxy is reached through a VPC endpoint service.
func (s keyStore) onVPC() bool {
	return s.Connectivity == string(shape.XksProxyConnectivityTypeVpcEndpointService)
}

// route refuses an endpoint service that does not go with the connectivity, and completes one that
// does: its owner is the store's own account unless the request says otherwise.
func (s keyStore) route() error {
	switch {
	case s.onVPC() && s.VpcService == "":
		return fault.RequiredFor("XksProxyVpcEndpointServiceName", "XksProxyConnectivity", s.Connectivity)
	case s.onVPC() && s.VpcOwner == "":
		s.VpcOwner = s.Account
	case !s.onVPC() && s.VpcService != "":
		return fault.NotAllowedFor("XksProxyVpcEndpointServiceName", "XksProxyConnectivity", s.Connectivity)
	case !s.onVPC() && s.VpcOwner != "":
		return fault.NotAllowedFor("XksProxyVpcEndpointServiceOwner", "XksProxyConnectivity", s.Connectivity)
	}
	return nil
}

// with returns s after the change that said asks for. Another connectivity needs another endpoint, and
// leaves no endpoint service behind that nobody named (key-material.md §3.1 [M]).
func (s keyStore) with(said keyStore) (keyStore, error) {
	next := s.edit()
	if said.Connectivity != "" && said.Connectivity != s.Connectivity {
		if said.Endpoint == "" || proxyHost(said.Endpoint) == proxyHost(s.Endpoint) {
			return keyStore{}, fault.ConnectivityNeedsEndpoint()
		}
		next.VpcService, next.VpcOwner = "", ""
	}
	proto.Merge(next.KeyStore, said.KeyStore) // what is empty was not said
	next.secrets = said.secrets.or(s.secrets)
	if s.Type == externalStore {
		return next, next.route()
	}
	return next, nil
}

// proxyHost is the host of an endpoint, spelled so that equal ones are equal: DNS knows no case and no
// final dot.
func proxyHost(endpoint string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimPrefix(endpoint, "https://")), ".")
}

// checkTrustAnchor refuses what is not exactly one certificate: of two, each reader could trust another.
func checkTrustAnchor(text string) error {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.Count(text, "-----BEGIN ") != 1 || strings.TrimSpace(string(rest)) != "" {
		return fault.BadTrustAnchor()
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return fault.BadTrustAnchor().Because(err)
	}
	return nil
}

// proxyDetail is what the audit record shows of how a proxy is reached: who sent the keys of a store to
// another proxy must be found there. No part of the credential is: the model calls even its id
// sensitive.
func (s keyStore) proxyDetail() audit.Detail {
	return audit.Detail{
		audit.String("xksProxyUriEndpoint", s.Endpoint).If(s.Endpoint != ""),
		audit.String("xksProxyUriPath", s.Path).If(s.Path != ""),
		audit.String("xksProxyVpcEndpointServiceName", s.VpcService).If(s.VpcService != ""),
		audit.String("xksProxyVpcEndpointServiceOwner", s.VpcOwner).If(s.VpcOwner != ""),
		audit.String("xksProxyConnectivity", s.Connectivity).If(s.Connectivity != ""),
	}
}
