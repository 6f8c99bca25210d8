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

// More than the default page of either list (operations.md §14), read by the SDK's paginators.
func TestPages(t *testing.T) {
	c := harness.Start(t).In("eu-west-3").KMS() // where there is no alias/dev
	var ids, names []string
	for i := range 125 {
		k := newKey(t, c)
		name := fmt.Sprintf("alias/page/%03d", i)
		newAlias(t, c, name, k)
		ids, names = append(ids, *k.KeyId), append(names, name)
	}
	slices.Sort(ids)
	for _, limit := range []int32{0, 7, 100, 1000} {
		t.Run(fmt.Sprintf("keys by %d", limit), func(t *testing.T) {
			got := allKeys(t, c, limit)
			slices.Sort(got)
			if !slices.Equal(got, ids) {
				t.Errorf("got %d keys, want these %d", len(got), len(ids))
			}
		})
	}
	for _, limit := range []int32{0, 7, 100} {
		t.Run(fmt.Sprintf("aliases by %d", limit), func(t *testing.T) {
			got := allAliases(t, c, limit)
			slices.Sort(got)
			if !slices.Equal(got, names) {
				t.Errorf("got %d aliases, want these %d", len(got), len(names))
			}
		})
	}
	t.Run("limits", func(t *testing.T) { checkLimits(t, c) })
	t.Run("markers", func(t *testing.T) { checkMarkers(t, c) })
}

func allKeys(t *testing.T, c *kms.Client, limit int32) (ids []string) {
	t.Helper()
	in := &kms.ListKeysInput{}
	if limit > 0 {
		in.Limit = &limit
	}
	for p := kms.NewListKeysPaginator(c, in); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		out := ok(t, page, err)
		checkPage(t, len(out.Keys), limit, 100, out.Truncated, out.NextMarker)
		for _, k := range out.Keys {
			ids = append(ids, *k.KeyId)
		}
	}
	return ids
}

func allAliases(t *testing.T, c *kms.Client, limit int32) (names []string) {
	t.Helper()
	in := &kms.ListAliasesInput{}
	if limit > 0 {
		in.Limit = &limit
	}
	for p := kms.NewListAliasesPaginator(c, in); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		out := ok(t, page, err)
		checkPage(t, len(out.Aliases), limit, 50, out.Truncated, out.NextMarker)
		for _, a := range out.Aliases {
			names = append(names, *a.AliasName)
		}
	}
	return names
}

func checkPage(t *testing.T, items int, limit, otherwise int32, truncated bool, marker *string) {
	t.Helper()
	if limit == 0 {
		limit = otherwise
	}
	if items > int(limit) {
		t.Errorf("got a page of %d, want at most %d", items, limit)
	}
	if truncated != (marker != nil) {
		t.Errorf("got Truncated %t and marker %v, want both or neither", truncated, marker)
	}
}

func checkLimits(t *testing.T, c *kms.Client) {
	const text = "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value %s than or equal to %d"
	for limit, message := range map[int32]string{0: fmt.Sprintf(text, 0, "greater", 1), 1001: fmt.Sprintf(text, 1001, "less", 1000)} {
		_, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: &limit})
		harness.Refused(t, err, "ValidationException", message)
		_, err = c.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: &limit})
		harness.Refused(t, err, "ValidationException", message)
	}
	_, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: aws.Int32(101)})
	harness.Refused(t, err, "ValidationException", fmt.Sprintf(text, 101, "less", 100))
}

// A marker goes on with the list it came from, and with nothing else.
func checkMarkers(t *testing.T, c *kms.Client) {
	page, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(1)})
	marker := *ok(t, page, err).NextMarker
	_, err = c.ListAliases(t.Context(), &kms.ListAliasesInput{Marker: &marker})
	refused[*types.InvalidMarkerException](t, err, "InvalidMarkerException", "")
	middle := len(marker) / 2
	flipped := byte('A')
	if marker[middle] == flipped {
		flipped = 'B'
	}
	for _, bad := range []string{"x", marker[:middle], marker + "A", marker[:middle] + string(flipped) + marker[middle+1:]} {
		_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: &bad})
		refused[*types.InvalidMarkerException](t, err, "InvalidMarkerException", "")
	}
}
