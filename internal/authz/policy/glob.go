package policy

import (
	"strings"
	"unicode/utf8"
)

// Wildcards, and colons that a variable brought, stand in compiled text as bytes that no UTF-8 has: what
// a policy or a request spells out can never be taken for one.
const (
	anyRun    = "\xff" // *: any run of characters
	anyOne    = '\xfe' // ?: any one character
	madeColon = "\xfd" // a colon that a variable brought: it ends no part of an ARN
)

// A glob is a pattern cut at its stars. Its first piece begins the text, its last one ends it, and those
// between follow each other at the first place where they are found, which is never worse than a later
// one. So nothing is tried twice, whatever the pattern. Heads and tails are compared once; a piece without ?
// costs one linear search of what the pieces before it left (strings.Index is linear at its worst), one with ?
// a 64th of its length for each character of that (see search). Pieces share one pattern and one text, so all
// of them cost at most len(pattern) + len(text) + len(pattern)·len(text)/64, and stars multiply nothing.
type glob struct {
	pieces []string
	plain  bool // without wildcards, as most are
}

func newGlob(pattern string) glob {
	pieces := strings.Split(strings.ReplaceAll(pattern, madeColon, ":"), anyRun)
	return glob{pieces, len(pieces) == 1 && strings.IndexByte(pieces[0], anyOne) < 0}
}

func (g *glob) match(s string) bool {
	last := len(g.pieces) - 1
	if g.plain {
		return s == g.pieces[0]
	}
	n, ok := head(g.pieces[0], s)
	if !ok || last == 0 {
		return ok && n == len(s)
	}
	s = s[n:]
	for _, piece := range g.pieces[1:last] {
		end, ok := find(piece, s)
		if !ok {
			return false
		}
		s = s[end:]
	}
	return tail(g.pieces[last], s)
}

// runsOn says whether it ends in a star.
func (g *glob) runsOn() bool { return len(g.pieces) > 1 && g.pieces[len(g.pieces)-1] == "" }

// head returns how many bytes of s the piece takes from its beginning.
func head(piece, s string) (n int, ok bool) {
	if strings.IndexByte(piece, anyOne) < 0 {
		return len(piece), strings.HasPrefix(s, piece)
	}
	for i := range len(piece) {
		switch {
		case n == len(s):
			return 0, false
		case piece[i] == anyOne:
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		case piece[i] != s[n]:
			return 0, false
		default:
			n++
		}
	}
	return n, true
}

// find returns the end of the first place in s where the piece is.
func find(piece, s string) (end int, ok bool) {
	if strings.IndexByte(piece, anyOne) < 0 {
		i := strings.Index(s, piece)
		return i + len(piece), i >= 0
	}
	return search(piece, s)
}

// tail reports whether s ends in the piece.
func tail(piece, s string) bool {
	for len(piece) > 0 {
		last := piece[len(piece)-1]
		switch {
		case s == "":
			return false
		case last == anyOne:
			_, size := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-size]
		case last != s[len(s)-1]:
			return false
		default:
			s = s[:len(s)-1]
		}
		piece = piece[:len(piece)-1]
	}
	return true
}

// wild puts the wildcards of a text into their compiled form.
func wild(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "*", anyRun), "?", string([]byte{anyOne}))
}

// lower folds ASCII letters and nothing else: strings.ToLower would make a k of the Kelvin sign, and two
// names of one.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// Fold returns the name of a condition key, or of a pair of an encryption context, as names compare.
func Fold(name string) string { return lower(name) }
