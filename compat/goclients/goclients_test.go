// Package goclients_test runs Go programs' KMS clients, as their authors publish them, against the real
// binary. Nothing of them is changed: they find the server by the environment that `qkms dev` writes.
package goclients_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// start runs a server, and points the environment of the test at it and at nothing else.
func start(t *testing.T) *harness.Server {
	t.Helper()
	s := harness.Start(t)
	for name, value := range s.Env() {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_KMS_ENDPOINT", s.URL) // where SDKs older than AWS_ENDPOINT_URL are told
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	return s
}

// newKey creates a key; the zero input is a symmetric one.
func newKey(t *testing.T, s *harness.Server, in kms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	out, err := s.KMS().CreateKey(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata
}

// newAlias names a key.
func newAlias(t *testing.T, s *harness.Server, name string, k *types.KeyMetadata) {
	t.Helper()
	if _, err := s.KMS().CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(name), TargetKeyId: k.KeyId}); err != nil {
		t.Fatal(err)
	}
}

// served counts the requests of an operation that succeeded, so that no test passes beside the server.
func served(t *testing.T, s *harness.Server, operation string) (n int) {
	t.Helper()
	for _, r := range s.Records() {
		if r.EventName == operation && r.ErrorCode == "" {
			n++
		}
	}
	return n
}
