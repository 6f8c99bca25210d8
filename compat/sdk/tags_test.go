package sdk_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func tag(name, value string) types.Tag { return types.Tag{TagKey: &name, TagValue: &value} }

// tagsOf reads all tags of a key, page by page.
func tagsOf(t *testing.T, c *kms.Client, k *types.KeyMetadata, limit int32) map[string]string {
	t.Helper()
	tags, in := map[string]string{}, &kms.ListResourceTagsInput{KeyId: k.KeyId}
	if limit > 0 {
		in.Limit = &limit
	}
	for p := kms.NewListResourceTagsPaginator(c, in); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		out := ok(t, page, err)
		checkPage(t, len(out.Tags), limit, 50, out.Truncated, out.NextMarker)
		for _, tag := range out.Tags {
			tags[*tag.TagKey] = *tag.TagValue
		}
	}
	return tags
}

func TestTags(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	created, err := c.CreateKey(ctx, &kms.CreateKeyInput{Tags: []types.Tag{tag("team", "a"), tag("Team", "b")}})
	k := ok(t, created, err).KeyMetadata
	want := func(tags map[string]string) {
		t.Helper()
		for _, limit := range []int32{0, 1, 50} {
			if got := tagsOf(t, c, k, limit); !maps.Equal(got, tags) {
				t.Errorf("got %v by %d, want %v", got, limit, tags)
			}
		}
	}
	want(map[string]string{"team": "a", "Team": "b"})
	tagged, err := c.TagResource(ctx, &kms.TagResourceInput{KeyId: k.Arn, Tags: []types.Tag{tag("team", ""), tag("größe", "ü")}})
	ok(t, tagged, err)
	want(map[string]string{"team": "", "Team": "b", "größe": "ü"})
	untagged, err := c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"team", "größe", "never there"}})
	ok(t, untagged, err)
	want(map[string]string{"Team": "b"})

	var many []types.Tag
	for i := range 50 {
		many = append(many, tag(fmt.Sprint(i), ""))
	}
	_, err = c.TagResource(ctx, &kms.TagResourceInput{KeyId: k.KeyId, Tags: many}) // 51 with what is there
	refused[*types.TagException](t, err, "TagException", "Too many tags")
	_, err = c.TagResource(ctx, &kms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{tag("x", "1"), tag("x", "1")}})
	refused[*types.TagException](t, err, "TagException", "Duplicate tag keys")
	_, err = c.TagResource(ctx, &kms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{tag("AWS:x", "1")}})
	refused[*types.TagException](t, err, "TagException", "Tags beginning with aws: are reserved")
	long := strings.Repeat("v", 257)
	_, err = c.TagResource(ctx, &kms.TagResourceInput{KeyId: k.KeyId, Tags: []types.Tag{tag("x", "1"), tag("y", long)}})
	harness.Refused(t, err, "ValidationException", "1 validation error detected: Value '"+long+"' at 'tags.2.member.tagValue' failed to satisfy constraint: Member must have length less than or equal to 256")
	want(map[string]string{"Team": "b"})
	_, err = c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: k.KeyId, Marker: aws.String("x")})
	refused[*types.InvalidMarkerException](t, err, "InvalidMarkerException", "")
}

func TestKeyPolicies(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k := newKey(t, c)
	policy := func() string {
		t.Helper()
		out, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: k.KeyId})
		got := ok(t, out, err)
		if *got.PolicyName != "default" {
			t.Errorf("got policy %q, want default", *got.PolicyName)
		}
		return *got.Policy
	}
	if got := policy(); got != defaultPolicy {
		t.Errorf("got %s, want %s", got, defaultPolicy)
	}
	var names []string
	for p := kms.NewListKeyPoliciesPaginator(c, &kms.ListKeyPoliciesInput{KeyId: k.Arn}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		names = append(names, ok(t, page, err).PolicyNames...)
	}
	if len(names) != 1 || names[0] != "default" {
		t.Errorf("got %v, want default", names)
	}
	own := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`
	put, err := c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &own})
	ok(t, put, err)
	const kept = "{\n  \"Version\" : \"2012-10-17\",\n  \"Statement\" : [ {\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"arn:aws:iam::" +
		account + ":root\"\n    },\n    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}"
	if got := policy(); got != kept {
		t.Errorf("got %s, want %s", got, kept)
	}
	const lockedOut = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:Encrypt","Resource":"*"}}`
	for name, tt := range map[string]struct{ policy, code, message string }{
		"locks the caller out": {lockedOut, "MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future."},
		"a principal that cannot be": {
			`{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/*"},"Action":"kms:*","Resource":"*"}}`,
			"MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &tt.policy})
			refused[*types.MalformedPolicyDocumentException](t, err, tt.code, tt.message)
		})
	}
	if got := policy(); got != kept {
		t.Errorf("after refusals: got %s, want %s", got, kept)
	}
	_, err = c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: k.KeyId, PolicyName: aws.String("other")})
	refused[*types.NotFoundException](t, err, "NotFoundException", "No such policy exists")
	padded := strings.Replace(own, "{", "{"+strings.Repeat(" ", 32769-len(own)), 1)
	_, err = c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &padded})
	refused[*types.LimitExceededException](t, err, "LimitExceededException", "The key policy is 32769 bytes long; a key policy has at most 32768.")
	put, err = c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: aws.String(lockedOut), BypassPolicyLockoutSafetyCheck: true})
	ok(t, put, err)
	_, err = c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: k.KeyId})
	harness.Refused(t, err, "AccessDeniedException", "User: arn:aws:iam::"+account+":root is not authorized to perform: kms:GetKeyPolicy on resource: "+
		*k.Arn+" because no resource-based policy allows the kms:GetKeyPolicy action")
}

// operations.md §12.2, for the account of these tests.
const defaultPolicy = `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::` + account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
