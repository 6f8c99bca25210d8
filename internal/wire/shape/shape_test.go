package shape_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"qkms/internal/wire/shape"
)

func TestOperations(t *testing.T) {
	if !slices.IsSortedFunc(shape.Operations, func(a, b shape.Operation) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("operations are not in order of their names")
	}
	for _, op := range shape.Operations {
		if got := shape.Find(op.Name); got == nil || got.Name != op.Name {
			t.Errorf("Find(%q): got %v", op.Name, got)
		}
		in := op.New()
		if got := reflect.TypeOf(in).Elem().Name(); got != op.Input {
			t.Errorf("%s: New makes %s, want %s", op.Name, got, op.Input)
		}
		if _, is := in.(shape.DryRunner); is != op.DryRun {
			t.Errorf("%s: DryRunner %t, want %t", op.Name, is, op.DryRun)
		}
		if _, is := in.(shape.TokenBearer); is != slices.Contains(op.Members, "GrantTokens") {
			t.Errorf("%s: TokenBearer %t, want %t", op.Name, is, !is)
		}
	}
	for _, name := range []string{"", "encrypt", "Encrypt ", "NoSuch"} {
		if op := shape.Find(name); op != nil {
			t.Errorf("Find(%q): got %s, want none", name, op.Name)
		}
	}
}

func TestIsDryRun(t *testing.T) {
	for _, want := range []bool{true, false} {
		if got := shape.DryRunner(&shape.SignRequest{DryRun: want}).IsDryRun(); got != want {
			t.Errorf("got %t, want %t", got, want)
		}
	}
}
