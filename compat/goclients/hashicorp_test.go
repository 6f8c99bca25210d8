package goclients_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"
)

// The wrapper by which Vault and its kin unseal themselves. It is built on the AWS SDK before v2.
func TestHashiCorp(t *testing.T) {
	s := start(t)
	k := newKey(t, s, kms.CreateKeyInput{})
	newAlias(t, s, "alias/vault/unseal", k)
	for name, id := range map[string]string{"id": *k.KeyId, "ARN": *k.Arn, "alias": "alias/vault/unseal"} {
		t.Run(name, func(t *testing.T) {
			w := awskms.NewWrapper()
			if _, err := w.SetConfig(t.Context(), wrapping.WithConfigMap(map[string]string{"kms_key_id": id, "region": s.Region})); err != nil {
				t.Fatal(err)
			}
			sealed, err := w.Encrypt(t.Context(), []byte("the unseal key"))
			if err != nil {
				t.Fatal(err)
			}
			opened, err := w.Decrypt(t.Context(), sealed)
			if err != nil || string(opened) != "the unseal key" {
				t.Errorf("got %q, %v", opened, err)
			}
			if got, err := w.KeyId(t.Context()); err != nil || got != *k.Arn {
				t.Errorf("got key %s, %v; want %s", got, err, *k.Arn)
			}
		})
	}
	if got := served(t, s, "Decrypt"); got != 3 {
		t.Errorf("got %d Decrypt in the audit log, want 3", got)
	}
}
