package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"qkms/internal/fault"
)

// Whatever counts by code counts by fault.Codes: a constant that is missing there would be "other".
func TestCodesAreAllOfThem(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[fault.Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared[fault.Code(value)] = true
		}
		return true
	})
	for code := range declared {
		if !slices.Contains(fault.Codes, code) {
			t.Errorf("%s is missing: add it to Codes", code)
		}
	}
	if len(fault.Codes) != len(declared) {
		t.Errorf("got %d codes, want %d", len(fault.Codes), len(declared))
	}
}

func TestDenials(t *testing.T) {
	for _, row := range []struct {
		err  *fault.Error
		want fault.Denial
	}{
		{fault.DeniedByIdentity("u", "a", "r"), fault.NoIdentityPolicy},
		{fault.DeniedByResource("u", "a", "r"), fault.NoResourcePolicy},
		{fault.DeniedExplicitly("u", "a", "r", "session policy", ""), fault.ExplicitDeny},
		{fault.Denied("u", "a", "r", "permissions boundary"), fault.NoBoundary},
		{fault.Denied("u", "a", "r", "session policy"), fault.NoSessionPolicy},
		{fault.DeniedElsewhere("u", "a"), fault.NotHere},
		{fault.DeniedCiphertext("u", "a").Because(nil), fault.NotHere},
		{fault.New(fault.AccessDenied, "in other words"), fault.OtherDenial},
		{fault.KeyNotFound("k"), ""},
	} {
		if got := row.err.Denial(); got != row.want || got != "" && !slices.Contains(fault.Denials, got) {
			t.Errorf("%v: got %q, want %q", row.err, got, row.want)
		}
	}
}
