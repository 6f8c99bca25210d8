// Package said stands in for fmt and log in programs for the AWS SDK for Go, so that a test learns what they got.
package said

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"time"

	"github.com/aws/smithy-go"
)

// A refusal is how Fatal ends a program.
type refusal struct{ of error }

// answer is what was printed last.
var answer any

// Printf is that of fmt, of an answer.
func Printf(_ string, a any) { answer = a }

// Fatal is that of log, of an error.
func Fatal(err error) { panic(refusal{err}) }

// Run runs programs, and writes a line of JSON for what each of them got. The file has a list of {"File", "AccessKeyID",
// "Secret"}, in the order of the programs.
func Run(file string, programs []func()) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var calls []struct{ AccessKeyID, Secret string }
	if err := json.Unmarshal(text, &calls); err != nil {
		return err
	}
	if len(calls) != len(programs) {
		return errors.New("there is not one access key for each program")
	}
	lines := json.NewEncoder(os.Stdout)
	for i, c := range calls {
		os.Setenv("AWS_ACCESS_KEY_ID", c.AccessKeyID)
		os.Setenv("AWS_SECRET_ACCESS_KEY", c.Secret)
		if err := lines.Encode(got(programs[i])); err != nil {
			return err
		}
	}
	return nil
}

func got(program func()) (said map[string]any) {
	defer func() {
		ended := recover()
		if ended == nil {
			return
		}
		var api smithy.APIError
		if r, is := ended.(refusal); !is || !errors.As(r.of, &api) {
			panic(ended)
		}
		said = map[string]any{"Refusal": map[string]string{"Code": api.ErrorCode(), "Message": message(api)}}
	}()
	answer = nil
	program()
	return map[string]any{"Answer": onTheWire(reflect.ValueOf(answer))}
}

// message is what the service said. That there was nothing the SDK says in a word of its own.
func message(e smithy.APIError) string {
	if m := e.ErrorMessage(); m != "UnknownError" {
		return m
	}
	return ""
}

// onTheWire is a value of the SDK as JSON has it, nil where there is none.
func onTheWire(v reflect.Value) any {
	switch at := v.Interface().(type) {
	case time.Time:
		return float64(at.UnixNano()) / 1e9
	case []byte:
		if at == nil {
			return nil
		}
		return at
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return onTheWire(v.Elem())
	case reflect.Struct:
		return members(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		all := make([]any, v.Len())
		for i := range all {
			all[i] = onTheWire(v.Index(i))
		}
		return all
	}
	return v.Interface()
}

func members(v reflect.Value) map[string]any {
	all := map[string]any{}
	for field, value := range v.Fields() {
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		if one := onTheWire(value); one != nil && !(value.Kind() == reflect.String && value.IsZero()) { // a text is one of an enum
			all[field.Name] = one
		}
	}
	return all
}
