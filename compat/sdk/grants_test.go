package sdk_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

const (
	alice  = "arn:aws:sts::" + account + ":federated-user/alice" // who need not be made first
	keeper = "arn:aws:sts::" + account + ":federated-user/keeper"
)

func TestGrants(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k := newKey(t, c)
	in := &kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String(alice), RetiringPrincipal: aws.String(keeper), Name: aws.String("reading"),
		Operations:  []types.GrantOperation{types.GrantOperationDecrypt, types.GrantOperationDescribeKey},
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"tenant": "a"}},
	}
	made, err := c.CreateGrant(ctx, in)
	first := ok(t, made, err)
	made, err = c.CreateGrant(ctx, in)
	if again := ok(t, made, err); *again.GrantId != *first.GrantId || *again.GrantToken == *first.GrantToken {
		t.Errorf("the same name: got grant %s, token %t; want %s and another token", *again.GrantId, *again.GrantToken == *first.GrantToken, *first.GrantId)
	}
	want := func(g types.GrantListEntry) {
		t.Helper()
		if *g.GrantId != *first.GrantId || *g.KeyId != *k.Arn || *g.GranteePrincipal != alice || *g.RetiringPrincipal != keeper || *g.Name != "reading" ||
			*g.IssuingAccount != "arn:aws:iam::"+account+":root" || !slices.Equal(g.Operations, in.Operations) ||
			g.Constraints.EncryptionContextSubset["tenant"] != "a" || g.CreationDate.Nanosecond() != 0 {
			t.Errorf("got %+v, want what was asked for", g)
		}
	}
	listed, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: k.KeyId, GranteePrincipal: aws.String(alice)})
	if got := ok(t, listed, err).Grants; len(got) == 1 {
		want(got[0])
	} else {
		t.Errorf("ListGrants: got %v, want one", got)
	}
	retirable, err := c.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(keeper)})
	if got := ok(t, retirable, err).Grants; len(got) == 1 {
		want(got[0])
	} else {
		t.Errorf("ListRetirableGrants: got %v, want one", got)
	}

	encrypt := func(token string) error {
		_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), GrantTokens: []string{token}})
		return err
	}
	if err := encrypt(*first.GrantToken); err != nil {
		t.Errorf("with a token: got %v, want success", err)
	}
	refused[*types.InvalidGrantTokenException](t, encrypt("x"), "InvalidGrantTokenException", "")
	retired, err := c.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: first.GrantToken})
	ok(t, retired, err)
	refused[*types.InvalidGrantTokenException](t, encrypt(*first.GrantToken), "InvalidGrantTokenException", "")

	made, err = c.CreateGrant(ctx, in)
	second := ok(t, made, err)
	if *second.GrantId == *first.GrantId {
		t.Error("after it was retired: got the same grant, want another")
	}
	retired, err = c.RetireGrant(ctx, &kms.RetireGrantInput{KeyId: k.Arn, GrantId: second.GrantId})
	ok(t, retired, err)
	_, err = c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: k.KeyId, GrantId: second.GrantId})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Grant '"+*second.GrantId+"' does not exist")
}

func TestGrantRefusals(t *testing.T) {
	c := harness.Start(t).KMS()
	k, mac := newKey(t, c), newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	for name, tt := range map[string]struct {
		in            kms.CreateGrantInput
		code, message string
	}{
		"an operation that the key has not": {
			kms.CreateGrantInput{KeyId: mac.KeyId, GranteePrincipal: aws.String(alice), Operations: []types.GrantOperation{types.GrantOperationEncrypt}},
			"ValidationException", "Operations [Encrypt] are not supported when creating a grant for a symmetric KMS key with key usage GENERATE_VERIFY_MAC. " +
				"Valid operations are [CreateGrant, RetireGrant, DescribeKey, GenerateMac, VerifyMac]",
		},
		"a constraint on a key without contexts": {
			kms.CreateGrantInput{
				KeyId: mac.KeyId, GranteePrincipal: aws.String(alice), Operations: []types.GrantOperation{types.GrantOperationGenerateMac},
				Constraints: &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "b"}},
			},
			"ValidationException", "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
		},
		"an alias": {
			kms.CreateGrantInput{KeyId: aws.String("alias/x"), GranteePrincipal: aws.String(alice), Operations: []types.GrantOperation{types.GrantOperationEncrypt}},
			"InvalidArnException", "Key Aliases are not supported for this operation.",
		},
		"a malformed principal": {
			kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::1:user/x"), Operations: []types.GrantOperation{types.GrantOperationEncrypt}},
			"InvalidArnException", "ARN is not valid: arn:aws:iam::1:user/x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateGrant(t.Context(), &tt.in)
			harness.Refused(t, err, tt.code, tt.message)
		})
	}
}

// More than the default page of either list, read by the SDK's paginators.
func TestGrantPages(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k := newKey(t, c)
	var ids []string
	for i := range 120 {
		made, err := c.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: aws.String(fmt.Sprintf("%s-%d", alice, i%2)), RetiringPrincipal: aws.String(keeper),
			Operations: []types.GrantOperation{types.GrantOperationDecrypt},
		})
		ids = append(ids, *ok(t, made, err).GrantId)
	}
	slices.Sort(ids)
	same := func(grants []types.GrantListEntry) {
		t.Helper()
		var got []string
		for _, g := range grants {
			got = append(got, *g.GrantId)
		}
		slices.Sort(got)
		if !slices.Equal(got, ids) {
			t.Errorf("got %d grants, want these %d", len(got), len(ids))
		}
	}
	for _, limit := range []int32{7, 50, 100} {
		var grants, retirable []types.GrantListEntry
		for p := kms.NewListGrantsPaginator(c, &kms.ListGrantsInput{KeyId: k.KeyId, Limit: &limit}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			out := ok(t, page, err)
			checkPage(t, len(out.Grants), limit, 50, out.Truncated, out.NextMarker)
			grants = append(grants, out.Grants...)
		}
		for p := kms.NewListRetirableGrantsPaginator(c, &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(keeper), Limit: &limit}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			out := ok(t, page, err)
			checkPage(t, len(out.Grants), limit, 50, out.Truncated, out.NextMarker)
			retirable = append(retirable, out.Grants...)
		}
		same(grants)
		same(retirable)
	}
	first, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: k.KeyId})
	page := ok(t, first, err)
	if len(page.Grants) != 50 || !page.Truncated {
		t.Errorf("without a limit: got %d grants, truncated %t; want 50 and more", len(page.Grants), page.Truncated)
	}
	_, err = c.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(keeper), Marker: page.NextMarker})
	refused[*types.InvalidMarkerException](t, err, "InvalidMarkerException", "")
}
