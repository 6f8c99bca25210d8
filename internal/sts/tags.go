package sts

import (
	"slices"
	"strconv"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record/recordpb"
)

const mostTags = 50 // of a session [M]

type tag struct {
	Key   string `is:"required,tagKey"`
	Value string `is:"required,tagValue"`
}

// tagged gives the session its tags: those asked for, and the transitive ones of the session that asks, which it
// cannot give other values. Keys compare without case.
func (a *assumption) tagged(c *query.Call) error {
	a.session.Tags = map[string]string{}
	asked := map[string]bool{}
	for _, t := range a.asked {
		key := policy.Fold(t.Key)
		switch {
		case asked[key]:
			return fault.DuplicateSessionTags()
		case strings.HasPrefix(key, "aws:"):
			return fault.ReservedSessionTag()
		}
		asked[key] = true
		a.session.Tags[t.Key] = t.Value
	}
	for _, key := range a.transitive {
		if !asked[policy.Fold(key)] {
			return fault.TransitiveTagMissing()
		}
	}
	a.session.Transitive = slices.Clone(a.transitive)
	return a.inherit(c, asked)
}

func (a *assumption) inherit(c *query.Call, asked map[string]bool) error {
	if !a.chained {
		return nil
	}
	from := c.Caller.Session
	for _, key := range from.Transitive {
		folded := policy.Fold(key)
		if asked[folded] {
			return fault.TransitiveTagTaken()
		}
		a.session.Tags[key] = from.Tags[folded]
		a.session.Transitive = append(a.session.Transitive, key)
	}
	if len(a.session.Tags) > mostTags {
		return fault.TooManySessionTags(mostTags)
	}
	return nil
}

// from takes over what a session passes on to those it makes.
func (a *assumption) from(c *query.Call) error {
	s := c.Caller.Session
	a.chained = c.Caller.Kind == authn.KindSession
	if !a.chained || s.SourceIdentity == "" {
		return nil
	}
	if asked := a.session.SourceIdentity; asked != "" && asked != s.SourceIdentity {
		return fault.SourceIdentityKept()
	}
	a.session.SourceIdentity = s.SourceIdentity
	return nil
}

// ask makes what policies may ask about the session, by folded names (access.md §5.2).
func (a *assumption) ask(externalID string) {
	m := map[string][]string{"sts:rolesessionname": {a.session.Name}}
	if externalID != "" {
		m["sts:externalid"] = []string{externalID}
	}
	if a.session.SourceIdentity != "" {
		m["sts:sourceidentity"] = []string{a.session.SourceIdentity}
	}
	if a.lasts != 0 {
		m["sts:durationseconds"] = []string{strconv.Itoa(int(a.lasts.Seconds()))}
	}
	for key, value := range a.session.Tags {
		m["aws:requesttag/"+policy.Fold(key)] = []string{value}
		m["aws:tagkeys"] = append(m["aws:tagkeys"], key)
	}
	if len(a.session.Transitive) > 0 {
		m["sts:transitivetagkeys"] = a.session.Transitive
	}
	a.says = m
}

// saying is Op.Says of all ways to assume a role.
func saying[In any](c *query.Call, _ *In, name string) []string {
	a, _ := c.Subject.(*assumption)
	if a == nil {
		return nil
	}
	return a.says[name]
}

func tagsOf(list []tag) []*recordpb.Tag {
	out := make([]*recordpb.Tag, len(list))
	for i, t := range list {
		out[i] = &recordpb.Tag{Key: t.Key, Value: t.Value}
	}
	return out
}
