package oversight_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/oversight"
)

// A row tells what its reader could have asked for, and a search finds nothing by what its reader may not know.
func TestSearchKeysShowsWhatMayBeSeen(t *testing.T) {
	const lists = `"qkms:SearchKeys","kms:ListKeys"`
	for name, row := range map[string]struct {
		policy string // of the statements, %s being the ARN of orders
		ask    []string
		want   string // "refused", or keys with what is seen of them
	}{
		"nothing":                         {`{"Effect":"Allow","Action":["kms:*"],"Resource":"*"}`, nil, "refused"},
		"the search without the list":     {`{"Effect":"Allow","Action":["qkms:*"],"Resource":"*"}`, nil, "refused"},
		"the list alone":                  {allow(lists), nil, "idle orders signer wide"},
		"details of one key":              {allow(lists) + `,{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"%s"}`, nil, "idle orders:described signer wide"},
		"details but of one key":          {allow(lists+`,"kms:DescribeKey"`) + `,{"Effect":"Deny","Action":"kms:DescribeKey","Resource":"%s"}`, nil, "idle:described orders signer:described wide:described"},
		"details by tag":                  {allow(lists) + `,{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"build"}}}`, nil, "idle orders signer:described wide"},
		"rotation":                        {allow(lists + `,"kms:GetKeyRotationStatus"`), []string{"Text", "mrk-"}, "wide:rotation"},
		"last use":                        {allow(lists + `,"kms:GetKeyLastUsage"`), []string{"Text", "mrk-"}, "wide:use"},
		"aliases":                         {allow(lists + `,"kms:ListAliases"`), []string{"Text", "mrk-"}, "wide:named"},
		"an alias, which may not be seen": {allow(lists + `,"kms:DescribeKey"`), []string{"Text", "shop"}, "refused"},
		"an ARN of one, likewise":         {allow(lists), []string{"Text", "arn:aws:kms:us-east-1:" + kmstest.Account + ":alias/shop"}, "refused"},
		"an alias or an id, likewise":     {allow(lists), []string{"Text", "mrk-"}, "wide"},
		"a tag":                           {allow(lists + `,"kms:ListResourceTags"`), []string{"TagKey", "team"}, "orders:tagged signer:tagged"},
		"a tag, which may not be seen":    {allow(lists + `,"kms:DescribeKey"`), []string{"TagKey", "team"}, ""},
		"a tag that may be seen of one":   {allow(lists) + `,{"Effect":"Allow","Action":"kms:ListResourceTags","Resource":"%s"}`, []string{"TagKey", "team"}, "orders:tagged"},
		"a state, which may not be seen":  {allow(lists), []string{"KeyState", "Disabled"}, ""},
		"a spec that may be seen of one":  {allow(lists) + `,{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"%s"}`, []string{"KeySpec", "SYMMETRIC_DEFAULT"}, "orders:described"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, kmstest.Options{})
			arn := "arn:aws:kms:us-east-1:" + kmstest.Account + ":key/" + h.ids["orders"]
			reader := h.NewUser(kmstest.Account, "reader", `{"Version":"2012-10-17","Statement":[`+strings.ReplaceAll(row.policy, "%s", arn)+`]}`)
			r := reader.Query("qkms", "SearchKeys", row.ask...)
			if r.Status == http.StatusForbidden || strings.Contains(string(r.Raw), "AccessDeniedException") {
				if row.want != "refused" {
					t.Errorf("got %s, want %q", r.Raw, row.want)
				}
				return
			}
			var got []string
			for _, k := range search(t, reader, row.ask...).Keys {
				got = append(got, h.names([]oversight.FoundKey{k})[0]+seen(k))
			}
			slices.Sort(got)
			if found := strings.Join(got, " "); found != row.want {
				t.Errorf("got %q, want %q", found, row.want)
			}
		})
	}
}

func allow(actions string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":[%s],"Resource":"*"}`, actions)
}

// seen is what a row tells.
func seen(k oversight.FoundKey) string {
	said := ""
	for _, what := range []struct {
		is   bool
		name string
	}{
		{k.Described != nil, "described"}, {k.Rotation != nil, "rotation"}, {k.LastUse != nil, "use"},
		{k.Named > 0 || len(k.Aliases) > 0, "named"}, {len(k.Tags) > 0, "tagged"},
	} {
		if what.is {
			said += ":" + what.name
		}
	}
	return said
}

// One request is one record, whatever it shows, and the record tells of the search and not of each key.
func TestSearchKeysIsRecordedOnce(t *testing.T) {
	h := newHouse(t, kmstest.Options{})
	before := len(h.Records())
	search(t, h.root, "TagKey", "team", "TagValue", "shop")
	all := h.Records()[before:]
	if len(all) != 1 {
		t.Fatalf("got %d records, want 1", len(all))
	}
	for _, part := range []string{`"eventName":"SearchKeys"`, `"tagKey":"team"`, `"tagValue":"shop"`, `"keys":1`, `"readOnly":true`, `"qkms:SearchKeys"`} {
		if line := string(all[0].Line); !strings.Contains(line, part) {
			t.Errorf("no %s in %s", part, line)
		}
	}
	if line := string(all[0].Line); strings.Contains(line, "kms:DescribeKey") {
		t.Errorf("decisions about rows are in the record: %s", line)
	}
}
