package console

import "strings"

// An aliasList is what ListAliases says.
type aliasList struct {
	Aliases []struct {
		AliasName       string
		CreationDate    Epoch
		LastUpdatedDate Epoch
	}
	NextMarker string
}

// A tagList is what ListResourceTags says. The service has no more than fifty on a key.
type tagList struct {
	Tags []struct{ TagKey, TagValue string }
}

// keyNames is what a key is called, and how it is labelled.
type keyNames struct {
	keyRoom
	Aliases part[aliasList]
	Tags    part[tagList]

	Alias, TagKey, TagValue string // as typed
}

func (v *visit) keyNamesPage() error {
	r, err := v.enter("names")
	if err != nil {
		return err
	}
	return v.keyNames(200, keyNames{keyRoom: r})
}

func (v *visit) keyNames(status int, n keyNames) (err error) {
	in := n.about("Limit", 100)
	if m := v.hr.URL.Query().Get("marker"); m != "" {
		in["Marker"] = m
	}
	if n.Aliases, err = ask[aliasList](v, "ListAliases", in); err != nil {
		return err
	}
	if n.Tags, err = ask[tagList](v, "ListResourceTags", n.about("Limit", 50)); err != nil {
		return err
	}
	v.show(status, "key-names", "Tags and aliases of key "+n.ID, n)
	return nil
}

// rename performs a change of names or tags; typed comes back with the page when it is refused.
func (v *visit) rename(operation string, in func(*keyNames) map[string]any, said string) error {
	r, err := v.enter("names")
	if err != nil {
		return err
	}
	f := v.hr.PostForm
	n := keyNames{keyRoom: r, Alias: strings.TrimSpace(f.Get("alias")), TagKey: f.Get("tag-key"), TagValue: f.Get("tag-value")}
	if n.Alias != "" && !strings.HasPrefix(n.Alias, "alias/") {
		n.Alias = "alias/" + n.Alias
	}
	status, err := v.act(&n.keyRoom, operation, in(&n), "names", said)
	if status == 0 {
		return err
	}
	return v.keyNames(status, n)
}

func (n *keyNames) target() map[string]any {
	return map[string]any{"AliasName": n.Alias, "TargetKeyId": n.ID}
}

func (v *visit) addAlias() error {
	return v.rename("CreateAlias", (*keyNames).target, "The alias was added.")
}

func (v *visit) moveAlias() error {
	return v.rename("UpdateAlias", (*keyNames).target, "The alias is this key's now.")
}

func (v *visit) deleteAlias() error {
	return v.rename("DeleteAlias", func(n *keyNames) map[string]any { return map[string]any{"AliasName": n.Alias} }, "The alias was deleted.")
}

func (v *visit) setTag() error {
	return v.rename("TagResource", func(n *keyNames) map[string]any {
		return n.about("Tags", []map[string]string{{"TagKey": n.TagKey, "TagValue": n.TagValue}})
	}, "The tag was saved.")
}

func (v *visit) removeTag() error {
	return v.rename("UntagResource", func(n *keyNames) map[string]any { return n.about("TagKeys", []string{n.TagKey}) }, "The tag was removed.")
}
