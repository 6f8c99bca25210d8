package snippet

import (
	"fmt"
	"strings"

	"qkms/internal/reference"
)

// Python is the call for boto3.
func Python(c Call) string {
	w := &writer{unit: "    "}
	w.line("import boto3")
	if has(c.Operation.Input, c.Body, "blob") {
		w.line("from base64 import b64decode")
	}
	if has(c.Operation.Input, c.Body, "timestamp") {
		w.line("from datetime import datetime, timezone")
	}
	w.line()
	w.line(`kms = boto3.client("kms", region_name=`, literal(c.Region), `, endpoint_url=`, literal(c.Endpoint), `)`)
	w.line("answer = kms.", words(c.Operation.Name, "_"), "(")
	w.depth++
	given(c.Operation.Input, c.Body, func(m *reference.Member, v any) {
		w.line(m.Name, "=", python(m, v), ",")
	})
	w.depth--
	w.line(")")
	w.line("print(answer)")
	return w.String()
}

// python is a value as an expression.
func python(m *reference.Member, v any) string {
	switch v := v.(type) {
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case []any:
		all := make([]string, len(v))
		for i, one := range v {
			all[i] = python(element(m), one)
		}
		return "[" + strings.Join(all, ", ") + "]"
	case map[string]any:
		var all []string
		each(m, v, func(name string, of *reference.Member, one any) {
			all = append(all, literal(name)+": "+python(of, one))
		})
		return "{" + strings.Join(all, ", ") + "}"
	}
	switch {
	case v == nil:
		return "None"
	case m.Type == "blob":
		return "b64decode(" + literal(v) + ")"
	case m.Type == "timestamp":
		return "datetime.fromtimestamp(" + literal(v) + ", timezone.utc)"
	}
	return literal(v)
}

// literal is JSON, whose strings are strings of Python too, but that no pair of numbers makes one letter there.
func literal(v any) string {
	return numbered(encoded(v), func(r rune) string {
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}
