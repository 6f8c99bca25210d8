package sdk_test

import (
	"reflect"
	"slices"
	"testing"

	"qkms/compat/harness"
)

// built are the operations of this release.
var built = []string{
	"CancelKeyDeletion", "CreateAlias", "CreateKey", "Decrypt", "DeleteAlias", "DescribeKey", "DisableKey", "EnableKey", "Encrypt",
	"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom", "ListAliases", "ListKeys", "ReEncrypt",
	"ScheduleKeyDeletion", "UpdateAlias", "UpdateKeyDescription",
}

// Every other operation that the SDK has is known to the server and says that it is not built.
func TestUnbuiltOperations(t *testing.T) {
	s := harness.Start(t)
	client := reflect.ValueOf(s.KMS())
	called := 0
	for m := range client.Type().Methods() {
		// func (c *Client) Op(ctx, *OpInput, ...func(*Options)) (*OpOutput, error)
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 || slices.Contains(built, m.Name) {
			continue
		}
		called++
		t.Run(m.Name, func(t *testing.T) {
			in := reflect.New(m.Type.In(2).Elem())
			fill(in.Elem())
			out := client.MethodByName(m.Name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
			err, _ := out[1].Interface().(error)
			harness.Refused(t, err, "UnsupportedOperationException", m.Name+" is not supported by this release of QKMS.")
		})
	}
	if want := 56 - len(built); called != want {
		t.Errorf("got %d operations that are not built, want %d", called, want)
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
