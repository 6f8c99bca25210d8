package sdk_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"qkms/compat/harness"
)

// documented reads which operations docs/compat.md says are built.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/compat.md")
	if err != nil {
		t.Fatal(err)
	}
	built := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\w+) \| (built|not yet) \|`).FindAllStringSubmatch(string(page), -1) {
		built[row[1]] = row[2] == "built"
	}
	return built
}

// Every operation that the SDK has is in docs/compat.md, and the server knows it: one that is not built
// says so, and one that is has something else to say about a request of nonsense.
func TestEveryOperation(t *testing.T) {
	s := harness.Start(t)
	client, built, called := reflect.ValueOf(s.KMS()), documented(t), 0
	for m := range client.Type().Methods() {
		// func (c *Client) Op(ctx, *OpInput, ...func(*Options)) (*OpOutput, error)
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 {
			continue
		}
		called++
		t.Run(m.Name, func(t *testing.T) {
			in := reflect.New(m.Type.In(2).Elem())
			fill(in.Elem())
			out := client.MethodByName(m.Name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
			err, _ := out[1].Interface().(error)
			is, known := built[m.Name]
			notBuilt := m.Name + " is not supported by this release of QKMS."
			switch {
			case !known:
				t.Error("got no row in docs/compat.md")
			case !is:
				harness.Refused(t, err, "UnsupportedOperationException", notBuilt)
			case err != nil && strings.Contains(err.Error(), notBuilt):
				t.Errorf("got %v of an operation that docs/compat.md calls built", err)
			}
		})
	}
	if called != len(built) || called != 56 {
		t.Errorf("got %d operations of the SDK and %d in docs/compat.md, want 56", called, len(built))
	}
}

// fill gives every member a value, so that the SDK finds no required one missing.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	}
}
