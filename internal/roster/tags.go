package roster

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"qkms/internal/authz/policy"
	"qkms/internal/iam"
	"qkms/internal/record/recordpb"
)

// tags adds tags to an operation that takes some.
func tags(o operation, all map[string]string) operation {
	keys := slices.Sorted(maps.Keys(all))
	for i, key := range keys {
		at := "Tags.member." + strconv.Itoa(i+1)
		o.form.Set(at+".Key", key)
		o.form.Set(at+".Value", all[key])
	}
	return o
}

// tagged refuses tags that the API would refuse.
func (p *planner) tagged(s *subject, all map[string]string) {
	p.quota(s, len(all), iam.MaxTags, "tags")
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		folded := policy.Fold(key)
		if seen[folded] != "" {
			p.refuse(s.line, s.String(), "tags %s and %s are the same apart from case", seen[folded], key)
		}
		if strings.HasPrefix(folded, "aws:") {
			p.refuse(s.line, s.String(), "tag %s begins with aws:, which is reserved", key)
		}
		seen[folded] = key
	}
}

// retag plans that the tags are those wanted. Their keys compare without case.
func (p *planner) retag(s *subject, have []*recordpb.Tag, want map[string]string) {
	wanted := map[string]bool{}
	for key := range want {
		wanted[policy.Fold(key)] = true
	}
	stays := map[string]string{}
	var gone []string
	for _, t := range have {
		if wanted[policy.Fold(t.Key)] {
			stays[t.Key] = t.Value
		} else {
			gone = append(gone, t.Key)
		}
	}
	if len(gone) > 0 {
		p.add(taking, "~", s, "remove tags "+strings.Join(gone, ", "), s.op("Untag"+s.noun).list("TagKeys", gone))
	}
	set := map[string]string{}
	for key, value := range want {
		if old, there := stays[key]; !there || old != value {
			set[key] = value
		}
	}
	if len(set) > 0 {
		p.add(changing, "~", s, "tags "+strings.Join(slices.Sorted(maps.Keys(set)), ", "), tags(s.op("Tag"+s.noun), set))
	}
}
