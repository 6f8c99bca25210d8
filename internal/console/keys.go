package console

import (
	"net/url"
	"strings"

	"qkms/internal/oversight"
	"qkms/internal/wire/shape"
)

// keysPerPage is how many keys are on one page.
const keysPerPage = "20"

// A keyList is the page of keys: what was asked, and what was found.
type keyList struct {
	oversight.FoundKeys
	Rows    []keyRow
	Q       string // as it was typed
	State   string
	States  []shape.KeyState
	Next    string   // where the page goes on; "" at the end
	Refusal *Refusal // of the search
}

// A keyRow is one key in the list.
type keyRow struct {
	oversight.FoundKey
	Unshown int // aliases besides those that are shown
}

// Asked reports whether something was searched for.
func (l keyList) Asked() bool { return l.Q != "" || l.State != "" }

// Sought reports whether finding it takes looking at one key after the other, whatever it is called.
func (l keyList) Sought() bool { return l.State != "" || strings.HasPrefix(l.Q, tagSearch) }

func (v *visit) keysPage() error {
	asked := v.hr.URL.Query()
	list := keyList{Q: strings.TrimSpace(asked.Get("q")), State: asked.Get("state"), States: shape.KeyState("").Values()}
	err := v.query(oversight.Signing, "SearchKeys", &list.FoundKeys, list.parameters(asked.Get("marker"))...)
	if list.Refusal = refusalOf(err); list.Refusal != nil && !list.Refusal.over() {
		v.show(list.Refusal.status(), "keys", "Keys", list)
		return nil
	}
	if err != nil {
		return err
	}
	for _, k := range list.Keys {
		list.Rows = append(list.Rows, keyRow{k, k.Named - len(k.Aliases)})
	}
	if list.Marker != "" {
		list.Next = "/console/keys?" + url.Values{"q": {list.Q}, "state": {list.State}, "marker": {list.Marker}}.Encode()
	}
	return v.page("keys", "Keys", list)
}

const tagSearch = "tag:"

// parameters is the search as SearchKeys has it. What was typed is the beginning of an id, an ARN or an alias, or
// tag:name, or tag:name=value; the first = ends the name.
func (l keyList) parameters(marker string) []string {
	all := []string{"MaxItems", keysPerPage}
	add := func(name, value string) {
		if value != "" {
			all = append(all, name, value)
		}
	}
	if tag, is := strings.CutPrefix(l.Q, tagSearch); is {
		name, value, valued := strings.Cut(tag, "=")
		add("TagKey", name)
		if valued {
			all = append(all, "TagValue", value)
		}
	} else {
		add("Text", l.Q)
	}
	add("KeyState", l.State)
	add("Marker", marker)
	return all
}
