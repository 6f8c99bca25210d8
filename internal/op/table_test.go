package op_test

import (
	"slices"
	"testing"

	"qkms/internal/op"
	"qkms/internal/wire/shape"
)

// The table and the model name the same operations, in the same order.
func TestTable(t *testing.T) {
	if got, want := len(op.Table), len(shape.Operations); got != want {
		t.Fatalf("got %d rows, want the model's %d", got, want)
	}
	for i, row := range op.Table {
		if got, want := row.Operation(), shape.Operations[i].Name; got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
		if op.ByName[row.Operation()] != row {
			t.Errorf("%s is not found by its name", row.Operation())
		}
	}
}

// Every row decodes the request the model says it has: the assertion in Decode cannot fail.
func TestEveryRowDecodes(t *testing.T) {
	for _, row := range op.Table {
		req, err := row.Decode([]byte(`{}`))
		if req == nil {
			t.Errorf("%s: got no request, error %v", row.Operation(), err)
		}
	}
}

// DryRun is answered for exactly the operations the model gives it to.
func TestDryRun(t *testing.T) {
	for i, row := range op.Table {
		req, _ := row.Decode([]byte(`{"DryRun":true}`))
		if got, want := req.DryRun(), shape.Operations[i].DryRun; got != want {
			t.Errorf("%s: got DryRun %v, want %v", row.Operation(), got, want)
		}
	}
}

// GetKeyLastUsage tells of exactly the operations the model lists (operations.md §13.1.9).
func TestTrackedOperations(t *testing.T) {
	tracked := shape.KeyLastUsageTrackingOperation("").Values()
	for _, row := range op.Table {
		req, _ := row.Decode([]byte(`{}`))
		want := slices.Contains(tracked, shape.KeyLastUsageTrackingOperation(row.Operation()))
		if got := req.Tracks(); got != want {
			t.Errorf("%s: got tracked %v, want %v", row.Operation(), got, want)
		}
	}
}
