package roster

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// normal brings a value of a policy into the form in which equal ones are equal: of one value or a list of it,
// of lists in another order, of the number 5 and the text "5", policies mean the same. Objects compare without
// the order of their members anyway.
func normal(v any) any {
	switch v := v.(type) {
	case []any:
		return normalList(v)
	case map[string]any:
		for name := range v {
			v[name] = normal(v[name])
		}
		return v
	case nil:
		return v
	}
	return fmt.Sprint(v)
}

func normalList(v []any) any {
	for i := range v {
		v[i] = normal(v[i])
	}
	if len(v) == 1 {
		return v[0]
	}
	if slices.ContainsFunc(v, func(one any) bool { _, text := one.(string); return !text }) {
		return v // statements: the order in which people read them
	}
	slices.SortFunc(v, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	if v = slices.Compact(v); len(v) == 1 {
		return v[0]
	}
	return v
}

// alike reports whether two policies say the same in the same order of statements.
func alike(a, b string) bool {
	x, errA := canonical(a)
	y, errB := canonical(b)
	return a == b || errA == nil && errB == nil && reflect.DeepEqual(x, y)
}

// differences says by which statements a policy differs from the one before, for people.
func differences(before, after string) (notes []string) {
	old, former := statements(before)
	now, latter := statements(after)
	if !reflect.DeepEqual(former, latter) {
		notes = append(notes, "~ "+members(former, latter))
	}
	for i, s := range now {
		label := labelOf(s, i)
		at := slices.IndexFunc(old, func(o map[string]any) bool { return s["Sid"] != nil && o["Sid"] == s["Sid"] })
		if at < 0 && s["Sid"] == nil && i < len(old) && old[i]["Sid"] == nil {
			at = i
		}
		switch {
		case at < 0:
			notes = append(notes, "+ "+label)
		case !reflect.DeepEqual(old[at], s):
			notes = append(notes, "~ "+label+": "+members(old[at], s))
		}
		if at >= 0 {
			old[at] = nil
		}
	}
	for i, s := range old {
		if s != nil {
			notes = append(notes, "- "+labelOf(s, i))
		}
	}
	if len(notes) == 0 {
		return []string{"~ the order of the statements"}
	}
	return notes
}

// statements are those of a policy in their canonical form, and what stands beside them.
func statements(text string) (all []map[string]any, rest map[string]any) {
	v, _ := canonical(text) // a policy that is stored is JSON; of another everything is new
	rest, _ = v.(map[string]any)
	list, is := rest["Statement"].([]any)
	if !is {
		list = []any{rest["Statement"]}
	}
	delete(rest, "Statement")
	for _, one := range list {
		if s, is := one.(map[string]any); is {
			all = append(all, s)
		}
	}
	return all, rest
}

func labelOf(s map[string]any, i int) string {
	if sid, is := s["Sid"].(string); is {
		return "statement " + sid
	}
	return fmt.Sprintf("statement %d", i+1)
}

// members tells how two objects differ, each member that does on its own.
func members(before, after map[string]any) string {
	names := maps.Clone(after)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, before)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := short(before[name]), short(after[name])
		if was != is {
			all = append(all, fmt.Sprintf("%s %s (was %s)", name, cmp.Or(is, "none"), cmp.Or(was, "none")))
		}
	}
	return strings.Join(all, ", ")
}

// maxShown is how much of a value a plan shows, in bytes.
const maxShown = 200

func short(v any) string {
	if v == nil {
		return ""
	}
	text := asJSON(v)
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
