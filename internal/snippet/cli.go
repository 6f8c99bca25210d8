package snippet

import (
	"fmt"
	"slices"
	"strings"

	"qkms/internal/reference"
)

// CLI is the call for the AWS CLI, of either version, in bash, ksh or zsh.
func CLI(c Call) string {
	parts := []string{"aws kms " + words(c.Operation.Name, "-")}
	var inJSON []string
	given(c.Operation.Input, c.Body, func(m *reference.Member, v any) {
		if misread(m, v) {
			inJSON = append(inJSON, quoted(m.Name)+":"+quoted(v))
			return
		}
		parts = append(parts, flag(m, v))
	})
	if inJSON != nil { // which goes together with options for all else
		parts = append(parts, "--cli-input-json "+Shell("{"+strings.Join(inJSON, ",")+"}"))
	}
	parts = append(parts, "--region "+Shell(c.Region), "--endpoint-url "+Shell(c.Endpoint))
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
		return name + " fileb://<(printf %s " + Shell(text(v)) + " | base64 --decode)"
	case "string", "timestamp", "integer":
		if value := text(v); !strings.HasPrefix(value, "-") {
			return name + " " + Shell(value)
		}
		return name + "=" + Shell(text(v)) // or it would be an option
	case "structure":
		if members, ok := v.(map[string]any); ok && has(m.Members, members, "blob") {
			return name + " " + shorthand(m.Members, members)
		}
	}
	return name + " " + Shell(quoted(v))
}

// misread reports whether v is a text that does not reach the CLI as one word: a terminal acts on its control characters when
// it is pasted (ETX ends the line before it, ESC [ 2 0 1 ~ the pasting, and then a newline runs what follows), or the CLI takes
// it for the name of a file or, in version 1, of a page on the web, whose content it would send instead. A file it is not
// written to: version 1 reads CR LF as LF, and letters by the locale.
func misread(m *reference.Member, v any) bool {
	value, is := v.(string)
	if !is || !slices.Contains([]string{"string", "timestamp", "integer"}, m.Type) {
		return false
	}
	scheme, _, named := strings.Cut(value, "://")
	return strings.ContainsFunc(value, unseen) || named && slices.Contains([]string{"file", "fileb", "http", "https"}, scheme)
}

// shorthand is a structure with a blob in it, which JSON holds in base64 for version 2 and in no way for version 1: member by
// member, where name@= takes what a file has.
func shorthand(members []reference.Member, v map[string]any) string {
	var all []string
	given(members, v, func(m *reference.Member, one any) {
		switch value := text(one); {
		case m.Type == "blob":
			all = append(all, m.Name+"@=fileb://<(printf %s "+Shell(value)+" | base64 --decode)")
		case slices.Contains(m.Enum, value):
			all = append(all, m.Name+"="+value)
		default:
			all = append(all, m.Name+"@=file://<(printf %s "+Shell(value)+")")
		}
	})
	return strings.Join(all, ",")
}

// Shell is s as one word of bash, ksh or zsh, up to a NUL, which no word has. What cannot be seen is written by its bytes.
func Shell(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-.,:@%"
	switch {
	case strings.ContainsFunc(s, unseen):
		return "$'" + octal(s) + "'"
	case s != "" && strings.Trim(s, plain) == "" && s[0] != '-' && s[0] != '=':
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// octal is what stands between $' and ' for s. Octal, as \x takes more than two digits in ksh, and \u goes by the locale; and
// so are ! and ', as the history of commands finds a ! behind \'.
func octal(s string) string {
	number := func(r rune) (all string) {
		for _, c := range []byte(string(r)) {
			all += fmt.Sprintf(`\%03o`, c)
		}
		return all
	}
	return numbered(strings.NewReplacer(`\`, number('\\'), "'", number('\''), "!", number('!')).Replace(s), number)
}
