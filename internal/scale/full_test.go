package scale_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

const aliceARN = "arn:aws:iam::" + kmstest.Account + ":user/alice"

// Many keys in one account, and as many grants on one key as there may be: each is listed once, one grant is
// found among them all, and the last that the quota allows is the last.
func TestFullStore(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			of := full(t, 2000)
			manyGrants := of.grants
			of.grants -= spareGrants
			d := fill(t, e.url(t), of)
			s := kmstest.With(t, d.Options)
			root := s.As(kmstest.Account)

			if got := list(root, "ListKeys", "Keys", "KeyId", map[string]any{"Limit": 1000}); !slices.Equal(got, d.ids) {
				t.Errorf("ListKeys: got %d keys, want each of %d once, in order", len(got), len(d.ids))
			}

			alice := s.User(&recordpb.User{Name: "alice"})
			made := make([]*kmstest.Reply, spareGrants+8)
			var wg sync.WaitGroup
			for i := range made {
				wg.Go(func() {
					made[i] = root.Call("CreateGrant", map[string]any{"KeyId": d.granted, "GranteePrincipal": aliceARN, "Operations": []string{"GenerateDataKey"}, "Name": fmt.Sprint("last-", i)})
				})
			}
			wg.Wait()
			granted := 0
			for _, r := range made {
				switch {
				case r.Status == http.StatusOK:
					granted++
				case r.Code() != "LimitExceededException":
					t.Errorf("CreateGrant: got %s, want LimitExceededException", r.Raw)
				}
			}
			if granted != spareGrants {
				t.Errorf("CreateGrant: got %d grants, want %d", granted, spareGrants)
			}

			grants := list(root, "ListGrants", "Grants", "GrantId", map[string]any{"KeyId": d.granted, "Limit": 100})
			listed := len(grants)
			slices.Sort(grants)
			if different := len(slices.Compact(grants)); listed != manyGrants || different != manyGrants {
				t.Errorf("ListGrants: got %d grants, %d different, want %d", listed, different, manyGrants)
			}
			if got := list(root, "ListGrants", "Grants", "GrantId", map[string]any{"KeyId": d.granted, "GranteePrincipal": aliceARN}); len(got) != spareGrants {
				t.Errorf("ListGrants of one grantee: got %d, want %d", len(got), spareGrants)
			}

			alice.Must("GenerateDataKey", map[string]any{"KeyId": d.granted, "KeySpec": "AES_256"})
			if r := alice.Call("Decrypt", map[string]any{"KeyId": d.granted, "CiphertextBlob": "AAAA"}); r.Status == http.StatusOK {
				t.Errorf("Decrypt by a grant of GenerateDataKey: got %s", r.Raw)
			}
			if r := alice.Call("GenerateDataKey", map[string]any{"KeyId": d.ids[1], "KeySpec": "AES_256"}); r.Code() != "AccessDeniedException" {
				t.Errorf("GenerateDataKey on a key without a grant: got %s, want AccessDeniedException", r.Raw)
			}
		})
	}
}

// list returns one member of every entry of every page.
func list(c *kmstest.Client, operation, entries, member string, body map[string]any) (all []string) {
	for {
		r := c.Must(operation, body)
		for _, e := range r.Fields[entries].([]any) {
			all = append(all, e.(map[string]any)[member].(string))
		}
		if r.String("Truncated") != "true" {
			return all
		}
		body["Marker"] = r.String("NextMarker")
	}
}
