package policy

import (
	"fmt"
	"strings"

	"qkms/internal/fault"
)

// operators are those of access.md §3.3, without IfExists and the set operators.
var operators = func() map[string]bool {
	all := map[string]bool{"Bool": true, "BinaryEquals": true, "IpAddress": true, "NotIpAddress": true, "Null": true}
	for _, kind := range []string{"String", "Numeric", "Date", "Arn"} {
		all[kind+"Equals"], all[kind+"NotEquals"] = true, true
	}
	for _, kind := range []string{"String", "Arn"} {
		all[kind+"Like"], all[kind+"NotLike"] = true, true
	}
	for _, kind := range []string{"Numeric", "Date"} {
		for _, than := range []string{"LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"} {
			all[kind+than] = true
		}
	}
	all["StringEqualsIgnoreCase"], all["StringNotEqualsIgnoreCase"] = true, true
	return all
}()

func checkCondition(v *value, where string) error {
	if v.kind != objectKind {
		return fault.PolicySyntax(where + " has a Condition that is not an object")
	}
	for _, op := range v.members {
		forAll, ok := operator(op.name)
		if !ok {
			return fault.PolicySyntax(fmt.Sprintf("%s has the unknown condition operator %q", where, op.name))
		}
		if op.kind != objectKind {
			return fault.PolicySyntax(fmt.Sprintf("%s has a condition %s that is not an object", where, op.name))
		}
		for _, key := range op.members {
			if forAll && singleValued(key.name) {
				return fault.PolicyForAllValues(strings.HasPrefix(strings.ToLower(key.name), encryptionContext))
			}
			if !isConditionValue(&key.value) {
				return fault.PolicySyntax(fmt.Sprintf("%s has a condition on %s whose value is not a string, a boolean, a number or a list of them", where, key.name))
			}
		}
	}
	return nil
}

// operator reports whether name is one, and whether it begins with ForAllValues.
func operator(name string) (forAll, ok bool) {
	base, forAll := strings.CutPrefix(name, "ForAllValues:")
	base, forAny := strings.CutPrefix(base, "ForAnyValue:")
	base, ifExists := strings.CutSuffix(base, "IfExists")
	if base == "Null" && (forAll || forAny || ifExists) {
		return forAll, false
	}
	return forAll, operators[base]
}

const encryptionContext = "kms:encryptioncontext:"

// singleValued keys make ForAllValues match requests that lack them altogether, which nobody means.
func singleValued(key string) bool {
	key = strings.ToLower(key)
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
