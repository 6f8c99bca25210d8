package snippet

import (
	"strings"

	"qkms/internal/reference"
)

// CLI is the call for the AWS CLI, of either version, in bash.
func CLI(c Call) string {
	parts := []string{"aws kms " + words(c.Operation.Name, "-")}
	given(c.Operation.Input, c.Body, func(m *reference.Member, v any) {
		parts = append(parts, flag(m, v))
	})
	parts = append(parts, "--region "+shell(c.Region), "--endpoint-url "+shell(c.Endpoint))
	return strings.Join(parts, " \\\n    ") + "\n"
}

func flag(m *reference.Member, v any) string {
	name := "--" + words(m.Name, "-")
	switch m.Type {
	case "boolean":
		if v == false {
			return "--no-" + name[2:]
		}
		return name
	case "blob": // version 2 wants base64 here and version 1 does not; a file is bytes to both
		return name + " fileb://<(printf %s " + shell(text(v)) + " | base64 --decode)"
	case "string", "timestamp", "integer":
		if value := text(v); strings.HasPrefix(value, "-") { // which the CLI would take for an option
			return name + "=" + shell(value)
		}
		return name + " " + shell(text(v))
	}
	return name + " " + shell(quoted(v))
}

// shell is s as one word of a shell.
func shell(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-.,:@%"
	if s != "" && strings.Trim(s, plain) == "" && s[0] != '-' && s[0] != '=' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
