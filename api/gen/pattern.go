package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// java rewrites what Java and Go spell differently, or read differently, in the patterns of the model:
// \s lacks the vertical tab in Go, and Go has no name for the ASCII characters.
var java = strings.NewReplacer(`\p{ASCII}`, `[\x00-\x7F]`, `\s`, `\x0B\s`)

// translate turns a pattern of the model into a Go one that must match the whole text, as Java's
// Matcher.matches does whether or not the pattern has anchors.
func translate(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if strings.HasPrefix(pattern[i:], `\u`) { // \u00FF → \x{00FF}
			b.WriteString(`\x{` + pattern[i+2:i+6] + `}`)
			i += 5
			continue
		}
		b.WriteByte(pattern[i])
	}
	return `\A(?:` + java.Replace(b.String()) + `)\z`
}

// matcher is the part of a pattern literal that does the matching. It panics if the pattern is not one.
func matcher(pattern string) string {
	whole := translate(pattern)
	if chars, allowEmpty, ok := table(whole); ok {
		return fmt.Sprintf("chars: [4]uint64{%#x, %#x, %#x, %#x}, allowEmpty: %t", chars[0], chars[1], chars[2], chars[3], allowEmpty)
	}
	regexp.MustCompile(whole)
	return fmt.Sprintf("whole: regexp.MustCompile(%q)", whole)
}

// table returns the set of characters of an expression that says "one or more (allowEmpty: any number)
// of these", provided they are all among the first 256 code points.
func table(whole string) (chars [4]uint64, allowEmpty, ok bool) {
	parsed, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", whole, err))
	}
	repeat := sole(parsed)
	if repeat == nil || repeat.Op != syntax.OpPlus && repeat.Op != syntax.OpStar || repeat.Sub[0].Op != syntax.OpCharClass {
		return chars, false, false
	}
	class := repeat.Sub[0].Rune // pairs of first and last
	for i := 0; i < len(class); i += 2 {
		if class[i+1] > 0xFF {
			return chars, false, false
		}
		for r := class[i]; r <= class[i+1]; r++ {
			chars[r>>6] |= 1 << (r & 63)
		}
	}
	return chars, repeat.Op == syntax.OpStar, true
}

// sole returns the one part of a concatenation that is not an anchor; nil if there are more.
func sole(e *syntax.Regexp) *syntax.Regexp {
	if e.Op != syntax.OpConcat {
		return e
	}
	var only *syntax.Regexp
	for _, sub := range e.Sub {
		switch sub.Op {
		case syntax.OpBeginText, syntax.OpEndText:
			continue
		case syntax.OpConcat:
			sub = sole(sub)
		}
		if only != nil || sub == nil {
			return nil
		}
		only = sub
	}
	return only
}
