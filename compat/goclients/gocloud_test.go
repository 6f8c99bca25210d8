package goclients_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/awskms" // the scheme awskms
)

// The Go CDK opens a key by a URL, with an encryption context in its query.
func TestGoCloud(t *testing.T) {
	s := start(t)
	k := newKey(t, s, kms.CreateKeyInput{})
	newAlias(t, s, "alias/cdk", k)
	open := func(url string) *secrets.Keeper {
		t.Helper()
		keeper, err := secrets.OpenKeeper(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { keeper.Close() })
		return keeper
	}
	for name, id := range map[string]string{"id": "/" + *k.KeyId, "ARN": "/" + *k.Arn, "alias": "alias/cdk"} {
		t.Run(name, func(t *testing.T) {
			keeper := open("awskms://" + id + "?region=" + s.Region + "&context_tenant=a")
			sealed, err := keeper.Encrypt(t.Context(), []byte("a secret"))
			if err != nil {
				t.Fatal(err)
			}
			opened, err := keeper.Decrypt(t.Context(), sealed)
			if err != nil || string(opened) != "a secret" {
				t.Errorf("got %q, %v", opened, err)
			}
			other := open("awskms://" + id + "?region=" + s.Region + "&context_tenant=b")
			if opened, err := other.Decrypt(t.Context(), sealed); gcerrors.Code(err) != gcerrors.InvalidArgument {
				t.Errorf("in another context: got %q, %v; want %v", opened, err, gcerrors.InvalidArgument)
			}
		})
	}
	if got := served(t, s, "Decrypt"); got != 3 {
		t.Errorf("got %d Decrypt in the audit log, want 3", got)
	}
}
