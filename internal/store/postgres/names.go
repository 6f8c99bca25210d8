package postgres

import (
	"strconv"
	"strings"
)

// names is synchronous_standby_names, understood (PostgreSQL, "Replication", 20.6.2).
type names struct {
	any   bool // ANY: whichever are first to acknowledge; else FIRST, in the order of the list
	count int  // how many must
	list  []string
}

// parseNames reads the setting; ok is false for what is none, and for the empty one. Names compare without
// regard to case, so they are in lower case.
func parseNames(s string) (n names, ok bool) {
	words, ok := wordsOf(s)
	if !ok || len(words) == 0 {
		return names{}, false
	}
	n.count = 1
	if open := indexOf(words, "("); open >= 0 {
		head := words[:open]
		if len(words) < open+3 || words[len(words)-1] != ")" || len(head) == 0 || len(head) > 2 {
			return names{}, false
		}
		var err error
		if n.count, err = strconv.Atoi(head[len(head)-1]); err != nil || n.count < 1 {
			return names{}, false
		}
		if len(head) == 2 {
			if head[0] != "any" && head[0] != "first" {
				return names{}, false
			}
			n.any = head[0] == "any"
		}
		words = words[open+1 : len(words)-1]
	}
	for i, word := range words {
		switch {
		case i%2 == 1 && word != ",", i%2 == 0 && (word == "," || word == "(" || word == ")"), i%2 == 1 && i == len(words)-1:
			return names{}, false
		case i%2 == 0:
			n.list = append(n.list, strings.TrimPrefix(word, `"`))
		}
	}
	return n, true
}

func indexOf(words []string, word string) int {
	for i, w := range words {
		if w == word {
			return i
		}
	}
	return -1
}

// wordsOf splits the setting. A quoted name keeps its first quote, lest one be taken for a comma.
func wordsOf(s string) (words []string, ok bool) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		switch {
		case strings.ContainsRune("(),", rune(s[0])):
			words, s = append(words, s[:1]), s[1:]
		case s[0] == '"':
			name, rest, whole := quotedName(s[1:])
			if !whole {
				return nil, false
			}
			words, s = append(words, `"`+strings.ToLower(name)), rest
		default:
			end := strings.IndexAny(s+",", "(),\" \t\r\n")
			words, s = append(words, strings.ToLower(s[:end])), s[end:]
		}
	}
	return words, true
}

// quotedName reads up to the closing quote; a quote within is doubled.
func quotedName(s string) (name, rest string, whole bool) {
	for {
		before, after, found := strings.Cut(s, `"`)
		if !found {
			return "", "", false
		}
		name += before
		if !strings.HasPrefix(after, `"`) {
			return name, after, true
		}
		name, s = name+`"`, after[1:]
	}
}

// all reports whether every standby that is named must acknowledge each commit, so that whichever of them is
// promoted, the former primary gets no commit through any more. * is whoever connects.
func (n names) all() bool {
	return n.count >= len(n.list) && indexOf(n.list, "*") < 0
}
