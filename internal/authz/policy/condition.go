package policy

import (
	"fmt"
	"slices"
	"strings"

	"qkms/internal/fault"
)

func checkCondition(v *value, where string) error {
	if v.kind != objectKind {
		return fault.PolicySyntax(where + " has a Condition that is not an object")
	}
	for _, op := range v.members {
		o, ok := operator(op.name)
		if !ok {
			return fault.PolicySyntax(fmt.Sprintf("%s has the unknown condition operator %q", where, op.name))
		}
		if op.kind != objectKind {
			return fault.PolicySyntax(fmt.Sprintf("%s has a condition %s that is not an object", where, op.name))
		}
		for _, key := range op.members {
			if o.set == forAll && singleValued(key.name) {
				return fault.PolicyForAllValues(strings.HasPrefix(lower(key.name), encryptionContext))
			}
			if !isConditionValue(&key.value) {
				return fault.PolicySyntax(fmt.Sprintf("%s has a condition on %s whose value is not a string, a boolean, a number or a list of them", where, key.name))
			}
		}
	}
	return nil
}

// An operation is an operator with what may be added to it.
type operation struct {
	base     string
	set      quantifier
	ifExists bool
}

// A quantifier says how many of a key's values must pass.
type quantifier int

const (
	one    quantifier = iota // the key has one value
	forAll                   // ForAllValues
	forAny                   // ForAnyValue
)

const null = "Null"

// operator reads the name of one.
func operator(name string) (o operation, ok bool) {
	var all, some bool
	o.base, all = strings.CutPrefix(name, "ForAllValues:")
	if !all {
		o.base, some = strings.CutPrefix(name, "ForAnyValue:")
	}
	o.base, o.ifExists = strings.CutSuffix(o.base, "IfExists")
	switch {
	case all:
		o.set = forAll
	case some:
		o.set = forAny
	}
	if o.base == null {
		return o, o == operation{base: null}
	}
	_, ok = operators[o.base]
	return o, ok
}

const encryptionContext = "kms:encryptioncontext:"

// singleValued keys make ForAllValues match requests that lack them altogether, which nobody means.
func singleValued(key string) bool {
	key = lower(key)
	return strings.HasPrefix(key, encryptionContext) || strings.HasPrefix(key, "aws:requesttag/")
}

func isConditionValue(v *value) bool {
	switch v.kind {
	case stringKind:
		return true
	case listKind:
		for i := range v.list {
			if v.list[i].kind == listKind || !isConditionValue(&v.list[i]) {
				return false
			}
		}
		return true
	case scalarKind:
		return v.scalar != "<nil>"
	}
	return false
}

// A condition is one key under one operator: all that a statement has must hold.
type condition struct {
	operation
	written string // the operator
	key     string // as it is written
	name    string // folded
	hidden  bool   // from policies of this kind: the key is always absent
	negated bool
	tests   []test
	sizes   []int  // of the texts they were made of, in bytes
	absent  []bool // of Null: which of absent (true) and present (false) are asked for
}

// conditions compiles a Condition that was checked.
func (d dialect) conditions(v *value) []condition {
	all := make([]condition, 0, pairs(v))
	for _, op := range v.members {
		o, _ := operator(op.name)
		d.tally.text(op.name)
		for _, key := range op.members {
			c := condition{operation: o, written: op.name, key: key.name, name: lower(key.name), negated: operators[o.base].negated}
			c.hidden = d.hides(c.name)
			texts := key.scalars()
			if o.base != null {
				c.tests, c.sizes = make([]test, 0, len(texts)), make([]int, 0, len(texts))
			}
			for _, text := range texts {
				if o.base != null {
					c.tests, c.sizes = append(c.tests, operators[o.base].test(d, text)), append(c.sizes, len(text))
				} else if text = lower(text); text == "true" || text == "false" {
					c.absent = append(c.absent, text == "true")
				}
			}
			d.tally.condition(&c)
			all = append(all, c)
		}
	}
	d.tally.room(cap(all) * sizeOf[condition]())
	return all
}

// pairs are how many operators and keys there are.
func pairs(v *value) (n int) {
	for i := range v.members {
		n += len(v.members[i].members)
	}
	return n
}

// holds is the table of access.md §3.3.
func (c *condition) holds(q *Question) bool {
	var values []string
	if !c.hidden {
		values = q.Context.Values(c.name)
	}
	none := len(values) == 0
	if c.base == null {
		return slices.Contains(c.absent, none)
	}
	switch {
	case none && c.ifExists:
		return true
	case none && c.set == forAll:
		return true
	case none && c.set == forAny:
		return false
	case none:
		return c.negated
	}
	// A key with several values and no set operator: AWS leaves that open; some must pass, or with a
	// negated operator all (§10 row 20).
	every := c.set == forAll || c.set == one && c.negated
	for _, v := range values {
		if passes := c.passes(v, q); q.work > maxWork {
			return false // nothing is decided any more
		} else if passes != every {
			return !every
		}
	}
	return every
}

// passes says whether one value of the request does: it is any of the policy's, or with a negated
// operator none.
func (c *condition) passes(v string, q *Question) bool {
	for i := range c.tests {
		switch {
		case !q.spend(len(v), c.sizes[i]):
			return c.negated
		case c.tests[i](v, q.Context):
			return !c.negated
		}
	}
	return c.negated
}
