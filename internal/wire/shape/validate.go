package shape

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qkms/internal/fault"
)

// maxViolations is where counting stops. A megabyte of empty tags would otherwise be answered, and
// recorded, with seventy megabytes of complaints. [U]
const maxViolations = 50

// unlimited is the maximum of what the model does not limit.
const unlimited = math.MaxInt

// Constraints of the shapes of the model; the generated ones are in rules_gen.go.
type (
	textRule struct {
		min, max int // UTF-16 code units, as Java counts them [U]
		pattern  *pattern
		secret   bool // the value is never printed
	}
	enumRule struct {
		values []string // accepted
		set    string   // what the service prints, in its own order
	}
	listRule struct {
		min, max int
		item     *textRule // of a list of strings; nil for others
		enum     *enumRule // of a list of enums; nil for others
		secret   bool
	}
	blobRule struct {
		min, max int // bytes
		secret   bool
	}
	integerRule struct{ min, max int }
)

// A pattern is a regular expression of the model, which must match the whole value. Nearly all of them
// say "one or more of these characters", for which a table of the first 256 code points is enough; a
// policy of 128 KiB is too long to send through a regexp.
type pattern struct {
	source     string // as the model, and so the message, spells it
	chars      [4]uint64
	allowEmpty bool
	whole      *regexp.Regexp // if not nil, used instead of the table
}

func (p *pattern) match(s string) bool {
	if p.whole != nil {
		return p.whole.MatchString(s)
	}
	for _, r := range s {
		if r > 0xFF || p.chars[r>>6]>>(r&63)&1 == 0 {
			return false
		}
	}
	return s != "" || p.allowEmpty
}

// violations collects what Validate finds: members in model order, and for each its length or value,
// then its pattern (the order the service shows for one member, operations.md §2.3 [P]).
type violations struct {
	list  []string
	open  [2]frame // the structures around the member being checked
	depth int
}

// A frame is a member that leads to a structure, directly or as item index of a list, from 1.
type frame struct {
	name  string
	index int
}

func (v *violations) enter(name string, index int) {
	v.open[v.depth] = frame{name, index} // the model is no deeper; the generator checks
	v.depth++
}

func (v *violations) leave() { v.depth-- }

func (v *violations) path(name string) string {
	var p strings.Builder
	for _, f := range v.open[:v.depth] {
		p.WriteString(f.name)
		if f.index > 0 {
			p.WriteString("." + strconv.Itoa(f.index) + ".member")
		}
		p.WriteByte('.')
	}
	return p.String() + name
}

// err returns all violations as the caller sees them, or nil.
func (v *violations) err() error {
	if len(v.list) == 0 {
		return nil
	}
	return fault.Violations(v.list)
}

// add notes a violation. value is "null", a quoted value, or empty for what must not be printed.
func (v *violations) add(name, value, constraint string) {
	if len(v.list) < maxViolations {
		v.list = append(v.list, violation(v.path(name), value, constraint))
	}
}

// violation is E of the grammar in operations.md §3.1.
func violation(path, value, constraint string) string {
	if value != "" {
		value = " " + value
	}
	return fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: %s", value, path, constraint)
}

// Missing is the refusal of a request without a member that the model leaves optional but this request
// needs. The path is spelled as Validate spells it: "ciphertextBlob".
func Missing(path string) error {
	return fault.Violations([]string{violation(path, "null", mustNotBeNull)})
}

// TooLarge is the refusal of an integer above a maximum that is lower than the model's.
func TooLarge(path string, value, maximum int) error {
	return fault.Violations([]string{violation(path, quote(strconv.Itoa(value)), atMost("value", maximum))})
}

const mustNotBeNull = "Member must not be null"

func atLeast(what string, n int) string {
	return fmt.Sprintf("Member must have %s greater than or equal to %d", what, n)
}

func atMost(what string, n int) string {
	return fmt.Sprintf("Member must have %s less than or equal to %d", what, n)
}

func quote(s string) string { return "'" + s + "'" }

func quoteUnless(secret bool, s string) string {
	if secret {
		return ""
	}
	return quote(s)
}

// missing notes that a required member is absent or null. Of a secret not even that is printed.
func (v *violations) missing(name string, secret bool) {
	if secret {
		v.add(name, "", mustNotBeNull)
		return
	}
	v.add(name, "null", mustNotBeNull)
}

func (v *violations) text(name, s string, r *textRule) {
	for _, constraint := range r.broken(s) {
		v.add(name, quoteUnless(r.secret, s), constraint)
	}
}

// broken returns the constraints that s does not satisfy.
func (r *textRule) broken(s string) []string {
	var all []string
	if n := utf16Len(s); n < r.min {
		all = append(all, atLeast("length", r.min))
	} else if n > r.max {
		all = append(all, atMost("length", r.max))
	}
	if r.pattern != nil && !r.pattern.match(s) {
		all = append(all, "Member must satisfy regular expression pattern: "+r.pattern.source)
	}
	return all
}

// utf16Len is the length of s as the service, a Java program, counts it: a character outside the basic
// plane is two. [U]
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

func (v *violations) enum(name, s string, r *enumRule) {
	if !r.has(s) {
		v.add(name, quote(s), r.constraint())
	}
}

func (r *enumRule) has(s string) bool { return slices.Contains(r.values, s) }

func (r *enumRule) constraint() string { return "Member must satisfy enum value set: " + r.set }

func (v *violations) blob(name string, b []byte, r *blobRule) {
	if len(b) < r.min {
		v.add(name, "", atLeast("length", r.min))
	} else if len(b) > r.max {
		v.add(name, "", atMost("length", r.max))
	}
}

func (v *violations) integer(name string, n int, r *integerRule) {
	if n < r.min {
		v.add(name, quote(strconv.Itoa(n)), atLeast("value", r.min))
	} else if n > r.max {
		v.add(name, quote(strconv.Itoa(n)), atMost("value", r.max))
	}
}

// checkList checks the length of a list of strings or enums, and then its items. However many items
// are wrong, the list is one violation that repeats all constraints of an item, the way services of
// this family answer; not recorded for this one. [U]
func checkList[T ~string](v *violations, name string, items []T, r *listRule) {
	if len(items) < r.min {
		v.add(name, r.value(texts(items)), atLeast("length", r.min))
	} else if len(items) > r.max {
		v.add(name, r.value(texts(items)), atMost("length", r.max))
	}
	for _, item := range items {
		if !r.accepts(string(item)) {
			v.add(name, r.value(texts(items)), "Member must satisfy constraint: ["+r.itemConstraints()+"]")
			return
		}
	}
}

func (r *listRule) accepts(item string) bool {
	if r.enum != nil {
		return r.enum.has(item)
	}
	return len(r.item.broken(item)) == 0
}

func (r *listRule) itemConstraints() string {
	if r.enum != nil {
		return r.enum.constraint()
	}
	all := []string{atMost("length", r.item.max), atLeast("length", r.item.min)}
	if r.item.pattern != nil {
		all = append(all, "Member must satisfy regular expression pattern: "+r.item.pattern.source)
	}
	return strings.Join(all, ", ")
}

func (r *listRule) value(items []string) string {
	return quoteUnless(r.secret, "["+strings.Join(items, ", ")+"]")
}

func texts[T ~string](items []T) []string {
	s := make([]string, len(items))
	for i, item := range items {
		s[i] = string(item)
	}
	return s
}
