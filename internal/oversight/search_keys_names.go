package oversight

import (
	"strings"

	"qkms/internal/key"
)

const aliasPrefix = "alias/"

// names are how what is searched for begins: an id, an alias, or one or the other.
type names struct {
	byID    bool
	id      string
	byAlias bool
	alias   string // with alias/
}

// namesOf reads what somebody typed. An ARN of another account or Region names nothing here, which is also what one
// that does not exist does.
func namesOf(text string, n key.Naming, account, region string) names {
	switch {
	case text == "":
		return names{byID: true}
	case strings.HasPrefix(text, aliasPrefix):
		return names{byAlias: true, alias: text}
	case strings.HasPrefix(text, "arn:"):
		return ofARN(text, n, account, region)
	}
	found := names{byAlias: true, alias: aliasPrefix + text}
	if id := strings.ToLower(text); beginsID(id) {
		found.byID, found.id = true, id
	}
	if _, whole := key.CanonicalID(found.id); whole {
		found.byAlias = false
	}
	return found
}

// ofARN reads an ARN in either spelling, or the beginning of one, whatever the deployment prints.
func ofARN(text string, n key.Naming, account, region string) (found names) {
	for _, style := range []key.Style{key.StyleAWS, key.StyleVerenc} {
		as := key.Naming{Partition: n.Partition, Style: style}
		ofKeys, ofAliases := as.Key(account, region, ""), as.Alias(account, region, aliasPrefix)
		if id, is := strings.CutPrefix(text, ofKeys); is {
			return names{byID: true, id: strings.ToLower(id)}
		}
		if alias, is := strings.CutPrefix(text, ofAliases); is {
			return names{byAlias: true, alias: aliasPrefix + alias}
		}
		if strings.HasPrefix(ofKeys, text) { // as yet it is that of any key
			found = names{byID: true}
		}
	}
	return found
}

// beginsID reports whether a key id may begin so: a UUID, or mrk- and hex digits.
func beginsID(s string) bool {
	const mrk = "mrk-"
	if strings.HasPrefix(mrk, s) {
		return true
	}
	s = strings.TrimPrefix(s, mrk)
	return len(s) <= 36 && strings.Trim(s, "0123456789abcdef-") == ""
}
