package oversight_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/oversight"
)

// A house has keys with names: by what they are called here, their ids.
type house struct {
	*kmstest.Server
	root *kmstest.Client
	ids  map[string]string
}

func (h *house) add(name, create string, aliases ...string) {
	id := h.root.Must("CreateKey", create).String("KeyMetadata.KeyId")
	h.ids[name] = id
	for _, a := range aliases {
		h.root.Must("CreateAlias", map[string]string{"AliasName": a, "TargetKeyId": id})
	}
}

// names are what the keys of a page are called here, "?" of a key that is none of these.
func (h *house) names(keys []oversight.FoundKey) (all []string) {
	for _, k := range keys {
		name := "?"
		for n, id := range h.ids {
			if id == k.KeyId {
				name = n
			}
		}
		all = append(all, name)
	}
	return all
}

func newHouse(t *testing.T, o kmstest.Options) *house {
	o.Console = true
	s := kmstest.With(t, o)
	h := &house{s, s.As(kmstest.Account), map[string]string{}}
	h.add("orders", `{"Description":"of orders","Tags":[{"TagKey":"team","TagValue":"shop"},{"TagKey":"stage","TagValue":"prod"}]}`, "alias/shop/orders", "alias/shop/baskets")
	h.add("signer", `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Tags":[{"TagKey":"team","TagValue":"build"}]}`, "alias/build")
	h.add("wide", `{"MultiRegion":true}`, "alias/shop/wide")
	h.add("idle", `{}`)
	h.root.Must("DisableKey", map[string]string{"KeyId": h.ids["idle"]})
	return h
}

func search(t *testing.T, c *kmstest.Client, parameters ...string) oversight.FoundKeys {
	t.Helper()
	return ask[oversight.FoundKeys](t, c, "SearchKeys", parameters...)
}

func TestSearchKeys(t *testing.T) {
	h := newHouse(t, kmstest.Options{})
	elsewhere := h.root.In("eu-west-1")
	elsewhere.Must("CreateKey", `{}`)
	h.As("444455556666").Must("CreateKey", `{"Tags":[{"TagKey":"team","TagValue":"shop"}]}`)
	orders, wide := h.ids["orders"], h.ids["wide"]
	arn := "arn:aws:kms:us-east-1:" + kmstest.Account + ":"
	for name, row := range map[string]struct {
		ask  []string
		want []string // in any order
	}{
		"everything":                    {nil, []string{"idle", "orders", "signer", "wide"}},
		"an id":                         {[]string{"Text", orders}, []string{"orders"}},
		"an id in upper case":           {[]string{"Text", strings.ToUpper(orders)}, []string{"orders"}},
		"how an id begins":              {[]string{"Text", orders[:12]}, []string{"orders"}},
		"a multi-Region id":             {[]string{"Text", wide}, []string{"wide"}},
		"how multi-Region ids begin":    {[]string{"Text", "mrk-"}, []string{"wide"}},
		"an ARN":                        {[]string{"Text", arn + "key/" + orders}, []string{"orders"}},
		"how an ARN begins":             {[]string{"Text", arn + "key/" + orders[:9]}, []string{"orders"}},
		"how every ARN begins":          {[]string{"Text", "arn:aws:kms:us-east-1"}, []string{"idle", "orders", "signer", "wide"}},
		"an ARN in the other spelling":  {[]string{"Text", "arn:verenc:" + kmstest.Account + ":key/" + orders}, []string{"orders"}},
		"an ARN of another Region":      {[]string{"Text", "arn:aws:kms:eu-west-1:" + kmstest.Account + ":key/" + orders}, nil},
		"an ARN of another account":     {[]string{"Text", "arn:aws:kms:us-east-1:444455556666:key/" + orders}, nil},
		"an alias":                      {[]string{"Text", "alias/build"}, []string{"signer"}},
		"an alias without its prefix":   {[]string{"Text", "build"}, []string{"signer"}},
		"an ARN of an alias":            {[]string{"Text", arn + "alias/build"}, []string{"signer"}},
		"several aliases of one key":    {[]string{"Text", "shop/"}, []string{"orders", "wide"}},
		"all aliases":                   {[]string{"Text", "alias/"}, []string{"orders", "signer", "wide"}},
		"an id or an alias":             {[]string{"Text", "b"}, h.beginning("b", "signer")},
		"a name that nothing has":       {[]string{"Text", "alias/zzz"}, nil},
		"a name with a zero byte":       {[]string{"Text", "alias/build\x00"}, nil},
		"a tag":                         {[]string{"TagKey", "team"}, []string{"orders", "signer"}},
		"a tag and its value":           {[]string{"TagKey", "team", "TagValue", "shop"}, []string{"orders"}},
		"a tag without a value":         {[]string{"TagKey", "team", "TagValue", ""}, nil},
		"the value of another tag":      {[]string{"TagKey", "stage", "TagValue", "shop"}, nil},
		"a tag and an alias":            {[]string{"TagKey", "team", "Text", "alias/b"}, []string{"signer"}},
		"a state":                       {[]string{"KeyState", "Disabled"}, []string{"idle"}},
		"a spec":                        {[]string{"KeySpec", "ECC_NIST_P256"}, []string{"signer"}},
		"a state and a spec, not alike": {[]string{"KeyState", "Disabled", "KeySpec", "ECC_NIST_P256"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := search(t, h.root, row.ask...)
			found := h.names(got.Keys)
			slices.Sort(found)
			if !slices.Equal(found, row.want) || got.Marker != "" || got.Account != 4 {
				t.Errorf("got %q, marker %q of %d keys, want %q, none of 4", found, got.Marker, got.Account, row.want)
			}
		})
	}
	if got := search(t, elsewhere); len(got.Keys) != 1 || got.Account != 1 {
		t.Errorf("in another Region: got %d keys of %d, want 1 of 1", len(got.Keys), got.Account)
	}
}

// beginning is also, and those whose random ids begin so.
func (h *house) beginning(start string, also ...string) []string {
	for name, id := range h.ids {
		if strings.HasPrefix(id, start) && !slices.Contains(also, name) {
			also = append(also, name)
		}
	}
	slices.Sort(also)
	return also
}

func TestSearchKeysTells(t *testing.T) {
	h := newHouse(t, kmstest.Options{})
	h.root.Must("EnableKeyRotation", map[string]string{"KeyId": h.ids["orders"]})
	h.root.Must("Encrypt", map[string]string{"KeyId": h.ids["orders"], "Plaintext": "aGk="})
	h.root.Must("ScheduleKeyDeletion", map[string]any{"KeyId": h.ids["wide"], "PendingWindowInDays": 7})

	orders := search(t, h.root, "Text", "shop/o", "TagKey", "team").Keys[0]
	if got, want := fmt.Sprint(orders.Aliases, orders.Named, orders.Tags), "[alias/shop/orders alias/shop/baskets] 2 [{team shop}]"; got != want {
		t.Errorf("names and tags: got %s, want %s", got, want)
	}
	d := orders.Described
	if d == nil || d.Description != "of orders" || d.KeyState != "Enabled" || d.KeySpec != "SYMMETRIC_DEFAULT" || d.KeyUsage != "ENCRYPT_DECRYPT" || d.Origin != "AWS_KMS" || !d.CreationDate.Equal(h.Clock.Now()) {
		t.Errorf("details: got %+v", d)
	}
	if r := orders.Rotation; r == nil || !r.Enabled || !r.Next.Equal(h.Clock.Now().AddDate(0, 0, 365)) {
		t.Errorf("rotation: got %+v, want in a year", r)
	}
	if u := orders.LastUse; u == nil || u.Operation != "Encrypt" || u.At.IsZero() {
		t.Errorf("last use: got %+v, want the Encrypt", u)
	}
	wide := search(t, h.root, "Text", "mrk-").Keys[0]
	if d := wide.Described; !d.MultiRegion || d.KeyState != "PendingDeletion" || !d.DeletionDate.Equal(h.Clock.Now().AddDate(0, 0, 7)) {
		t.Errorf("details of a key pending deletion: got %+v", d)
	}
	signer := search(t, h.root, "Text", "build").Keys[0]
	if u := signer.LastUse; signer.Rotation != nil || u == nil || !u.At.IsZero() {
		t.Errorf("a key that does not rotate and was never used: got %+v, %+v", signer.Rotation, u)
	}
	h.Clock.Advance(8 * 24 * 60 * 60 * 1e9)
	if got := search(t, h.root, "Text", "mrk-").Keys; len(got) != 0 {
		t.Errorf("a key whose deletion date has passed: got %q, want nothing", h.names(got))
	}
}

// Pages of every size come to the same keys, each once.
func TestSearchKeysPages(t *testing.T) {
	h := newHouse(t, kmstest.Options{})
	for _, ask := range [][]string{nil, {"Text", "shop"}, {"Text", "b"}, {"TagKey", "team"}, {"KeyState", "Enabled"}} {
		want := h.names(search(t, h.root, ask...).Keys)
		for _, size := range []string{"1", "2", "3"} {
			var got []string
			looked := 0
			for marker := []string{}; ; {
				page := search(t, h.root, slices.Concat(ask, marker, []string{"MaxItems", size})...)
				got = append(got, h.names(page.Keys)...)
				if page.Looked < looked {
					t.Errorf("%q: looked at %d records so far, %d before", ask, page.Looked, looked)
				}
				if looked = page.Looked; page.Marker == "" {
					break
				}
				marker = []string{"Marker", page.Marker}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q by %s: got %q, want %q", ask, size, got, want)
			}
		}
	}
}

func TestSearchKeysRefuses(t *testing.T) {
	h := newHouse(t, kmstest.Options{})
	marker := search(t, h.root, "MaxItems", "1").Marker
	for name, row := range map[string]struct {
		by  *kmstest.Client
		ask []string
	}{
		"a marker of another search":  {h.root, []string{"Marker", marker, "Text", "a"}},
		"a marker of another Region":  {h.root.In("eu-west-1"), []string{"Marker", marker}},
		"a marker of another account": {h.As("444455556666"), []string{"Marker", marker}},
		"a marker made up":            {h.root, []string{"Marker", "x"}},
		"a value without a tag":       {h.root, []string{"TagValue", "x"}},
		"a state that there is not":   {h.root, []string{"KeyState", "Lost"}},
		"a spec that there is not":    {h.root, []string{"KeySpec", "DES"}},
		"too much text":               {h.root, []string{"Text", strings.Repeat("a", 513)}},
		"a tag too long":              {h.root, []string{"TagKey", strings.Repeat("a", 129)}},
	} {
		t.Run(name, func(t *testing.T) { wantRefusal(t, row.by, "SearchKeys", "ValidationException", "", row.ask...) })
	}
}
