package main

import (
	"bytes"
	"fmt"
	"strings"
)

// A page is a Go file being written.
type page struct{ bytes.Buffer }

func (p *page) line(format string, args ...any) {
	if len(args) == 0 {
		p.WriteString(format + "\n")
		return
	}
	fmt.Fprintf(p, format+"\n", args...)
}

// lowerFirst is how the service spells a member in a message: KeyId is keyId.
func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// constName names an enum value as aws-sdk-go-v2 does: RSA_2048 of KeySpec is KeySpecRsa2048, while
// values in mixed case keep it: GenerateDataKey of GrantOperation is GrantOperationGenerateDataKey.
func constName(enum, value string) string {
	if value != strings.ToUpper(value) {
		return enum + value
	}
	for word := range strings.SplitSeq(value, "_") {
		enum += word[:1] + strings.ToLower(word[1:])
	}
	return enum
}
