package sdk_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// A custom key store as a record: nothing is at its other end.
func TestCustomKeyStores(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	in := &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("outside"), CustomKeyStoreType: types.CustomKeyStoreTypeExternalKeyStore,
		XksProxyConnectivity: types.XksProxyConnectivityTypePublicEndpoint,
		XksProxyUriEndpoint:  aws.String("https://proxy.example.com"), XksProxyUriPath: aws.String("/kms/xks/v1"),
		XksProxyAuthenticationCredential: &types.XksProxyAuthenticationCredentialType{
			AccessKeyId: aws.String("ABCDE234567EXAMPLE22"), RawSecretAccessKey: aws.String("0123456789012345678901234567890123456789012"),
		},
	}
	made, err := c.CreateCustomKeyStore(ctx, in)
	id := ok(t, made, err).CustomKeyStoreId
	_, err = c.CreateCustomKeyStore(ctx, in)
	refused[*types.CustomKeyStoreNameInUseException](t, err, "CustomKeyStoreNameInUseException", "A custom key store named outside already exists.")

	store := func() types.CustomKeyStoresListEntry {
		t.Helper()
		out, err := c.DescribeCustomKeyStores(ctx, &kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: id})
		all := ok(t, out, err).CustomKeyStores
		if len(all) != 1 || *all[0].CustomKeyStoreId != *id {
			t.Fatalf("got %v, want %s alone", all, *id)
		}
		return all[0]
	}
	if s := store(); *s.CustomKeyStoreName != "outside" || s.ConnectionState != types.ConnectionStateTypeDisconnected || s.ConnectionErrorCode != "" ||
		*s.XksProxyConfiguration.AccessKeyId != "ABCDE234567EXAMPLE22" || *s.XksProxyConfiguration.UriPath != "/kms/xks/v1" {
		t.Errorf("created: got %+v %+v", s, s.XksProxyConfiguration)
	}
	failed := func(operation string) string {
		return "Custom key store " + *id + " is FAILED, in which state " + operation + " is not valid."
	}
	connected, err := c.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id})
	ok(t, connected, err)
	if s := store(); s.ConnectionState != types.ConnectionStateTypeFailed || s.ConnectionErrorCode != types.ConnectionErrorCodeTypeXksProxyNotReachable {
		t.Errorf("connected: got %s %s, want FAILED XKS_PROXY_NOT_REACHABLE", s.ConnectionState, s.ConnectionErrorCode)
	}
	_, err = c.CreateKey(ctx, &kms.CreateKeyInput{Origin: types.OriginTypeExternalKeyStore, CustomKeyStoreId: id, XksKeyId: aws.String("key-1")})
	refused[*types.CustomKeyStoreInvalidStateException](t, err, "CustomKeyStoreInvalidStateException", failed("CreateKey"))
	_, err = c.DeleteCustomKeyStore(ctx, &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	refused[*types.CustomKeyStoreInvalidStateException](t, err, "CustomKeyStoreInvalidStateException", failed("DeleteCustomKeyStore"))
	disconnected, err := c.DisconnectCustomKeyStore(ctx, &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id})
	ok(t, disconnected, err)
	updated, err := c.UpdateCustomKeyStore(ctx, &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: id, NewCustomKeyStoreName: aws.String("renamed"), XksProxyUriPath: aws.String("/other/kms/xks/v1")})
	ok(t, updated, err)
	if s := store(); *s.CustomKeyStoreName != "renamed" || *s.XksProxyConfiguration.UriPath != "/other/kms/xks/v1" || s.ConnectionState != types.ConnectionStateTypeDisconnected {
		t.Errorf("updated: got %+v %+v", s, s.XksProxyConfiguration)
	}
	deleted, err := c.DeleteCustomKeyStore(ctx, &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	ok(t, deleted, err)
	_, err = c.DescribeCustomKeyStores(ctx, &kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: id})
	refused[*types.CustomKeyStoreNotFoundException](t, err, "CustomKeyStoreNotFoundException", "")
	listed, err := c.DescribeCustomKeyStores(ctx, &kms.DescribeCustomKeyStoresInput{})
	if l := ok(t, listed, err); len(l.CustomKeyStores) != 0 || l.Truncated {
		t.Errorf("got %v, want none", l.CustomKeyStores)
	}
}
