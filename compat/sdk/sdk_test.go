// Package sdk_test is the AWS SDK for Go against the real binary: every operation that is built, as a
// program would use it, and the answer of every one that is not.
package sdk_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Names that parse and that no key of these tests has.
const (
	stranger  = "00000000-0000-4000-8000-000000000000"
	otherAcct = "444455556666"
)

// newKey creates a symmetric key.
func newKey(t *testing.T, c *kms.Client) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata
}

// newAlias points a new alias at a key.
func newAlias(t *testing.T, c *kms.Client, name string, k *types.KeyMetadata) {
	t.Helper()
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: k.KeyId}); err != nil {
		t.Fatal(err)
	}
}

// seal encrypts plaintext under a key.
func seal(t *testing.T, c *kms.Client, id string, plaintext []byte, context map[string]string) []byte {
	t.Helper()
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: plaintext, EncryptionContext: context})
	if err != nil {
		t.Fatal(err)
	}
	return out.CiphertextBlob
}

// ok fails the test when a call did not succeed.
func ok[Out any](t *testing.T, out Out, err error) Out {
	t.Helper()
	if err != nil {
		t.Fatalf("got %v, want success", err)
	}
	return out
}

// refused is harness.Refused, with the SDK's own type for the exception besides its name.
func refused[E error](t *testing.T, err error, code, message string) {
	t.Helper()
	harness.Refused(t, err, code, message)
	if _, is := errors.AsType[E](err); !is {
		t.Errorf("got %T, want a %T: %v", err, *new(E), err)
	}
}

// keyMissing is the sentence about a key that does not exist (operations.md §2.3 row 9).
func keyMissing(s *harness.Server, id string) string {
	return "Key '" + arnOf(s, "key/"+id) + "' does not exist"
}

// arnOf is how AWS spells a resource of the server's account and Region.
func arnOf(s *harness.Server, resource string) string {
	return "arn:aws:kms:" + s.Region + ":" + account + ":" + resource
}

// account is the one `qkms dev` makes an access key for.
const account = "111122223333"

// A request id in every answer, success or not, is what support and the audit log go by.
func TestRequestID(t *testing.T) {
	s := harness.Start(t)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

	out, err := s.KMS().GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)})
	id, _ := awsmiddleware.GetRequestIDMetadata(ok(t, out, err).ResultMetadata)
	if !uuid.MatchString(id) {
		t.Errorf("success: got request id %q, want a UUID", id)
	}
	_, err = s.KMS().DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(stranger)})
	failed, _ := errors.AsType[interface {
		error
		ServiceRequestID() string
	}](err)
	if failed == nil || !uuid.MatchString(failed.ServiceRequestID()) {
		t.Errorf("refusal: got %v, want an error with a request id", err)
	}
	byID := harness.ByRequest(t, s.Records())
	if got := byID[id].EventName; got != "GenerateRandom" {
		t.Errorf("record of the success: got event %q, want GenerateRandom", got)
	}
	if failed != nil {
		if got := byID[failed.ServiceRequestID()].ErrorCode; got != "NotFoundException" {
			t.Errorf("record of the refusal: got error code %q, want NotFoundException", got)
		}
	}
}
