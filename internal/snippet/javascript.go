package snippet

import (
	"strings"

	"qkms/internal/reference"
)

// JavaScript is the call for the AWS SDK for JavaScript, version 3, in Node.js.
func JavaScript(c Call) string {
	w := &writer{unit: "  "}
	command := c.Operation.Name + "Command"
	w.line("// call.mjs, after: npm install @aws-sdk/client-kms")
	w.line("import { KMSClient, ", command, ` } from "@aws-sdk/client-kms";`)
	w.line()
	w.line("const kms = new KMSClient({ region: ", quoted(c.Region), ", endpoint: ", quoted(c.Endpoint), " });")
	w.line("const answer = await kms.send(new ", command, "({")
	w.depth++
	given(c.Operation.Input, c.Body, func(m *reference.Member, v any) {
		w.line(m.Name, ": ", javascript(m, v), ",")
	})
	w.depth--
	w.line("}));")
	w.line("console.log(answer);")
	return w.String()
}

func javascript(m *reference.Member, v any) string {
	switch v := v.(type) {
	case []any:
		all := make([]string, len(v))
		for i, one := range v {
			all[i] = javascript(element(m), one)
		}
		return "[" + strings.Join(all, ", ") + "]"
	case map[string]any:
		var all []string
		each(m, v, func(name string, of *reference.Member, one any) {
			if of.Name == "" { // of a map: a name that may be anything, and "__proto__" is no property in braces
				name = "[" + quoted(name) + "]"
			}
			all = append(all, name+": "+javascript(of, one))
		})
		return "{ " + strings.Join(all, ", ") + " }"
	}
	switch m.Type {
	case "blob":
		return `Buffer.from(` + quoted(v) + `, "base64")`
	case "timestamp":
		return "new Date(" + quoted(v) + " * 1000)"
	}
	return quoted(v)
}
