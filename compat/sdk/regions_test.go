package sdk_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// One key in two Regions: the same material, each Region's own state, and one primary.
func TestMultiRegionKeys(t *testing.T) {
	s := harness.Start(t)
	here, there, ctx := s.In("us-east-1").KMS(), s.In("eu-west-1").KMS(), t.Context()
	created, err := here.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true), Description: aws.String("primary")})
	k := ok(t, created, err).KeyMetadata
	if !strings.HasPrefix(*k.KeyId, "mrk-") || k.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypePrimary || len(k.MultiRegionConfiguration.ReplicaKeys) != 0 {
		t.Errorf("got %s %+v, want a primary without replicas", *k.KeyId, k.MultiRegionConfiguration)
	}
	before := seal(t, here, *k.KeyId, []byte("before"), tenant)
	replicated, err := here.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("eu-west-1"), Description: aws.String("replica"), Tags: []types.Tag{tag("a", "b")}})
	r := ok(t, replicated, err)
	m, localARN := r.ReplicaKeyMetadata, strings.Replace(*k.Arn, "us-east-1", "eu-west-1", 1)
	if *m.KeyId != *k.KeyId || *m.Arn != localARN || m.KeyState != types.KeyStateCreating || m.Enabled || *m.Description != "replica" || m.CurrentKeyMaterialId != nil {
		t.Errorf("got %s %s %s %t %q, want %s %s Creating false replica", *m.KeyId, *m.Arn, m.KeyState, m.Enabled, *m.Description, *k.KeyId, localARN)
	}
	if *r.ReplicaPolicy != defaultPolicy || len(r.ReplicaTags) != 1 || *r.ReplicaTags[0].TagKey != "a" {
		t.Errorf("got policy %s and tags %v, want the default and a=b", *r.ReplicaPolicy, r.ReplicaTags)
	}
	described, err := there.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
	local := ok(t, described, err).KeyMetadata
	if local.KeyState != types.KeyStateEnabled || *local.CurrentKeyMaterialId != *k.CurrentKeyMaterialId ||
		local.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypeReplica ||
		*local.MultiRegionConfiguration.PrimaryKey.Arn != *k.Arn || *local.MultiRegionConfiguration.ReplicaKeys[0].Arn != localARN {
		t.Errorf("the replica: got %s %s %+v", local.KeyState, *local.CurrentKeyMaterialId, local.MultiRegionConfiguration)
	}
	checkOpens(t, there, local, before, tenant, []byte("before"), *k.CurrentKeyMaterialId)
	checkOpens(t, here, k, seal(t, there, *k.KeyId, []byte("back"), nil), nil, []byte("back"), *k.CurrentKeyMaterialId)

	_, err = here.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("eu-west-1")})
	refused[*types.AlreadyExistsException](t, err, "AlreadyExistsException", "You can create only one replica of each primary key in each AWS Region.")
	_, err = there.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("ap-south-1")})
	refused[*types.UnsupportedOperationException](t, err, "UnsupportedOperationException", localARN+" is not a multi-region primary key.")
	_, err = here.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("us-east-1")})
	harness.Refused(t, err, "ValidationException", "us-east-1 cannot have a replica because it contains the primary.")
	_, err = there.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String("eu-west-1")})
	refused[*types.KMSInvalidStateException](t, err, "KMSInvalidStateException", localARN+" is not a multi-Region primary key.")
	_, err = here.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String("ap-south-1")})
	harness.Refused(t, err, "ValidationException", *k.KeyId+" does not have a replica key in the specified Region.")

	promoted, err := here.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String("eu-west-1")})
	ok(t, promoted, err)
	promoted, err = there.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String("eu-west-1")}) // as it is
	ok(t, promoted, err)
	described, err = there.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
	if c := ok(t, described, err).KeyMetadata.MultiRegionConfiguration; c.MultiRegionKeyType != types.MultiRegionKeyTypePrimary || *c.ReplicaKeys[0].Arn != *k.Arn {
		t.Errorf("promoted: got %+v, want a primary with the replica %s", c, *k.Arn)
	}
	deleted, err := there.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)})
	if d := ok(t, deleted, err); d.KeyState != types.KeyStatePendingReplicaDeletion || d.DeletionDate != nil || *d.PendingWindowInDays != 7 {
		t.Errorf("got %s %v %d, want PendingReplicaDeletion, no date, 7", d.KeyState, d.DeletionDate, *d.PendingWindowInDays)
	}
	_, err = there.Encrypt(ctx, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	refused[*types.KMSInvalidStateException](t, err, "KMSInvalidStateException", localARN+" is pending replica deletion.")
}
