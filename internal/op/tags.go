package op

import (
	"cmp"
	"slices"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// maxTags is how many tags one key may have (operations.md §18.1 [R]).
const maxTags = 50

// checkTags refuses tags no key may have (§12.1).
func checkTags(tags []shape.Tag) error {
	if len(tags) > maxTags {
		return fault.TooManyTags()
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		if len(t.TagKey) >= 4 && strings.EqualFold(t.TagKey[:4], "aws:") {
			return fault.TagReserved()
		}
		if seen[t.TagKey] { // case-sensitive: Team and team are two tags
			return fault.DuplicateTags()
		}
		seen[t.TagKey] = true
	}
	return nil
}

// storedTags are kept in the order of their names, in which they are listed.
func storedTags(tags []shape.Tag) []*recordpb.Tag {
	var out []*recordpb.Tag
	for _, t := range tags {
		out = append(out, &recordpb.Tag{Key: t.TagKey, Value: t.TagValue})
	}
	slices.SortFunc(out, func(a, b *recordpb.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
