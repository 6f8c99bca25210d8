package sdk_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// Several Regions on one endpoint: a key is in one of them, and the others know nothing of it.
func TestRegions(t *testing.T) {
	s := harness.Start(t)
	us, eu := s.KMS(), s.In("eu-west-1").KMS()
	k := newKey(t, us)
	newAlias(t, us, "alias/here", k)
	blob := seal(t, us, *k.KeyId, []byte("x"), nil)
	there := newKey(t, eu)
	newAlias(t, eu, "alias/here", there)
	if got, want := *there.Arn, "arn:aws:kms:eu-west-1:"+account+":key/"+*there.KeyId; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	listed := allKeys(t, eu, 0)
	if len(listed) != 1 || listed[0] != *there.KeyId {
		t.Errorf("ListKeys: got %v, want %s alone", listed, *there.KeyId)
	}
	_, err := eu.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Key 'arn:aws:kms:eu-west-1:"+account+":key/"+*k.KeyId+"' does not exist")
	_, err = eu.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.Arn})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Invalid arn us-east-1")
	_, err = eu.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.Arn})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Invalid arn us-east-1")
	_, err = eu.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	harness.Refused(t, err, "AccessDeniedException", notThisCiphertext(account))
	out, err := eu.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/here")})
	if got := *ok(t, out, err).KeyMetadata.KeyId; got != *there.KeyId {
		t.Errorf("alias/here in eu-west-1: got %s, want %s", got, *there.KeyId)
	}
}

// notThisCiphertext is the same whether the key is elsewhere, somebody else's or nowhere (§5.3).
func notThisCiphertext(caller string) string {
	return "User: arn:aws:iam::" + caller + ":root is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext " +
		"because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
}

func notThisResource(caller, action string) string {
	return "User: arn:aws:iam::" + caller + ":root is not authorized to perform: " + action + " on this resource because the resource does not exist " +
		"in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
}

// Two accounts: what is one's own cannot be seen, used or guessed at by the other.
func TestAccounts(t *testing.T) {
	s := harness.Start(t)
	s.Region = "eu-west-3"
	owner, stranger := s.KMS(), s.As(otherAcct).KMS()
	k := newKey(t, owner)
	newAlias(t, owner, "alias/mine", k)
	blob := seal(t, owner, *k.KeyId, []byte("x"), nil)

	theirs := newKey(t, stranger)
	if got := *theirs.AWSAccountId; got != otherAcct {
		t.Errorf("CreateKey by the other: got account %s, want %s", got, otherAcct)
	}
	newAlias(t, stranger, "alias/mine", theirs) // names are each account's own
	if got := allKeys(t, stranger, 0); len(got) != 1 {
		t.Errorf("ListKeys by the other: got %v, want one", got)
	}
	if got := allAliases(t, stranger, 0); len(got) != 1 {
		t.Errorf("ListAliases by the other: got %v, want one", got)
	}
	_, err := stranger.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId}) // an id is the caller's own
	refused[*types.NotFoundException](t, err, "NotFoundException", "Key 'arn:aws:kms:eu-west-3:"+otherAcct+":key/"+*k.KeyId+"' does not exist")
	_, err = stranger.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	harness.Refused(t, err, "AccessDeniedException", notThisCiphertext(otherAcct))

	missing := "arn:aws:kms:eu-west-3:" + account + ":key/00000000-0000-4000-8000-000000000000"
	for name, id := range map[string]string{"there": *k.Arn, "not there": missing, "alias": "arn:aws:kms:eu-west-3:" + account + ":alias/mine", "QKMS": "arn:verenc:" + account + ":key/" + *k.KeyId} {
		t.Run(name, func(t *testing.T) { // all alike: existence is not disclosed
			_, err := stranger.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
			harness.Refused(t, err, "AccessDeniedException", notThisResource(otherAcct, "kms:Encrypt"))
			_, err = stranger.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
			harness.Refused(t, err, "AccessDeniedException", notThisResource(otherAcct, "kms:DescribeKey"))
		})
	}
	_, err = stranger.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: k.Arn})
	harness.Refused(t, err, "AccessDeniedException", notThisResource(otherAcct, "kms:DisableKey"))
	checkOpens(t, owner, k, blob, nil, []byte("x"), "")
}

// An access key that is disabled or deleted works no more, from its next request on.
func TestAccessKeyWithdrawn(t *testing.T) {
	s := harness.Start(t)
	other := s.As(otherAcct)
	call := func() error {
		_, err := other.KMS().ListKeys(t.Context(), &kms.ListKeysInput{})
		return err
	}
	for _, verb := range []string{"disable", "enable", "delete"} {
		if err := call(); verb != "enable" && err != nil {
			t.Errorf("before %s: got %v, want success", verb, err)
		}
		s.Run("access-key", verb, other.AccessKeyID)
		if verb != "enable" {
			harness.Refused(t, call(), "UnrecognizedClientException", "The security token included in the request is invalid.")
		}
	}
}
