package snippet

import (
	"slices"
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
		return name + literal(text(v))
	case "structure":
		if members, ok := v.(map[string]any); ok && has(m.Members, members, "blob") {
			return name + " " + shorthand(m.Members, members)
		}
	}
	return name + " " + shell(quoted(v))
}

// shorthand is a structure with a blob in it, which JSON holds in base64 for version 2 and in no way for version 1: member by
// member, where name@= takes what a file has.
func shorthand(members []reference.Member, v map[string]any) string {
	var all []string
	given(members, v, func(m *reference.Member, one any) {
		switch value := text(one); {
		case m.Type == "blob":
			all = append(all, m.Name+"@=fileb://<(printf %s "+shell(value)+" | base64 --decode)")
		case slices.Contains(m.Enum, value):
			all = append(all, m.Name+"="+value)
		default:
			all = append(all, m.Name+"@=file://<(printf %s "+shell(value)+")")
		}
	})
	return strings.Join(all, ",")
}

// literal is a text that the CLI takes for itself: not for an option, nor for the name of a file or, in version 1, of a page
// on the web, whose content it would send instead.
func literal(value string) string {
	scheme, _, is := strings.Cut(value, "://")
	switch {
	case is && slices.Contains([]string{"file", "fileb", "http", "https"}, scheme):
		return " file://<(printf %s " + shell(value) + ")"
	case strings.HasPrefix(value, "-"):
		return "=" + shell(value)
	}
	return " " + shell(value)
}

// shell is s as one word of a shell.
func shell(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-.,:@%"
	if s != "" && strings.Trim(s, plain) == "" && s[0] != '-' && s[0] != '=' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
