package sdk_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func TestRotationSchedule(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k := newKey(t, c)
	enable := func(days *int32) {
		t.Helper()
		out, err := c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: days})
		ok(t, out, err)
	}
	want := func(days int32) {
		t.Helper()
		out, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: k.Arn})
		s := ok(t, out, err)
		if *s.KeyId != *k.Arn || s.KeyRotationEnabled != (days > 0) || aws.ToInt32(s.RotationPeriodInDays) != days || s.OnDemandRotationStartDate != nil {
			t.Errorf("got %s %t %d, want %s every %d days", *s.KeyId, s.KeyRotationEnabled, aws.ToInt32(s.RotationPeriodInDays), *k.Arn, days)
		}
		if (s.NextRotationDate != nil) != (days > 0) {
			t.Errorf("got next rotation %v, want one if any every %d days", s.NextRotationDate, days)
		} else if days > 0 {
			due := time.Now().Add(time.Duration(days) * 24 * time.Hour)
			if d := due.Sub(*s.NextRotationDate); d < -time.Minute || d > time.Hour {
				t.Errorf("got next rotation %v, want about %v", *s.NextRotationDate, due)
			}
		}
	}
	want(0)
	enable(nil)
	want(365)
	enable(aws.Int32(90))
	want(90)
	enable(nil)
	want(90)
	disabled, err := c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: k.KeyId})
	ok(t, disabled, err)
	want(0)
	enable(nil)
	want(365)
	_, err = c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: aws.Int32(2561)})
	harness.Refused(t, err, "ValidationException", "1 validation error detected: Value '2561' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value less than or equal to 2560")
	mac := newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	_, err = c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: mac.KeyId})
	refused[*types.UnsupportedOperationException](t, err, "UnsupportedOperationException", "")
	_, err = c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: mac.KeyId})
	refused[*types.UnsupportedOperationException](t, err, "UnsupportedOperationException", "")
}

// What was encrypted before a rotation opens after it, and says by which material.
func TestRotateOnDemand(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k := newKey(t, c)
	materials := []string{*k.CurrentKeyMaterialId}
	blobs := [][]byte{seal(t, c, *k.KeyId, []byte("kept"), nil)}
	for range 3 {
		rotated, err := c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
		if got := *ok(t, rotated, err).KeyId; got != *k.Arn {
			t.Errorf("got %s, want %s", got, *k.Arn)
		}
		described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
		materials = append(materials, *ok(t, described, err).KeyMetadata.CurrentKeyMaterialId)
		blobs = append(blobs, seal(t, c, *k.KeyId, []byte("kept"), nil))
	}
	for i, blob := range blobs {
		checkOpens(t, c, k, blob, nil, []byte("kept"), materials[i])
	}
	for include, first := range map[types.IncludeKeyMaterial]int{types.IncludeKeyMaterialRotationsOnly: 1, types.IncludeKeyMaterialAllKeyMaterial: 0} {
		var all []types.RotationsListEntry
		in := &kms.ListKeyRotationsInput{KeyId: k.KeyId, IncludeKeyMaterial: include, Limit: aws.Int32(2)}
		for p := kms.NewListKeyRotationsPaginator(c, in); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			out := ok(t, page, err)
			checkPage(t, len(out.Rotations), 2, 100, out.Truncated, out.NextMarker)
			all = append(all, out.Rotations...)
		}
		if len(all) != len(materials)-first {
			t.Fatalf("%s: got %d entries, want %d", include, len(all), len(materials)-first)
		}
		for i, r := range all {
			i += first
			state := types.KeyMaterialStateNonCurrent
			if i == len(materials)-1 {
				state = types.KeyMaterialStateCurrent
			}
			if *r.KeyId != *k.Arn || *r.KeyMaterialId != materials[i] || r.KeyMaterialState != state || (r.RotationDate == nil) != (i == 0) || (r.RotationType == types.RotationTypeOnDemand) != (i > 0) {
				t.Errorf("%s: entry %d: got %+v, want material %s, %s", include, i, r, materials[i], state)
			}
		}
	}
}

// The last use is told with the ids of its record, by which the audit log is searched.
func TestKeyLastUsage(t *testing.T) {
	s := harness.Start(t)
	c, ctx := s.KMS(), t.Context()
	k := newKey(t, c)
	usage := func() *kms.GetKeyLastUsageOutput {
		t.Helper()
		out, err := c.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: k.KeyId})
		got := ok(t, out, err)
		if *got.KeyId != *k.KeyId || !got.KeyCreationDate.Equal(*k.CreationDate) || !got.TrackingStartDate.Equal(*k.CreationDate) || got.KeyLastUsage == nil {
			t.Fatalf("got %s %v %v, want %s %v", *got.KeyId, got.KeyCreationDate, got.TrackingStartDate, *k.KeyId, *k.CreationDate)
		}
		return got
	}
	if u := usage().KeyLastUsage; u.Operation != "" || u.Timestamp != nil {
		t.Errorf("unused: got %+v, want none", u)
	}
	seal(t, c, *k.KeyId, []byte("x"), nil)
	u := usage().KeyLastUsage
	r := harness.ByRequest(t, s.Records())[aws.ToString(u.KmsRequestId)]
	if u.Operation != "Encrypt" || r.EventName != "Encrypt" || r.EventID != aws.ToString(u.CloudTrailEventId) || u.Timestamp == nil {
		t.Errorf("got %+v, whose record is %s %s; want that of Encrypt", u, r.EventName, r.EventID)
	}
}
