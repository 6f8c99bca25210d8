// Package key knows KMS keys: their names, their records, their states.
//
// Naming prints ARNs, ParseReference reads what a caller wrote in a KeyId, Resolver turns it into a
// Key, and Ready says whether a key in its state may be used so.
package key

import "strings"

// A Style is the spelling of resource names in answers. Both spellings are always understood.
type Style string

const (
	StyleAWS    Style = "aws"    // arn:aws:kms:us-east-1:111122223333:key/…
	StyleVerenc Style = "verenc" // arn:verenc:111122223333:key/…
)

// Naming prints resource names as this deployment spells them.
type Naming struct {
	Partition string // of StyleAWS, usually "aws"
	Style     Style
}

// Key returns the ARN of a key.
func (n Naming) Key(account, region, id string) string { return n.arn(account, region, "key/"+id) }

// Alias returns the ARN of an alias; name includes "alias/".
func (n Naming) Alias(account, region, name string) string { return n.arn(account, region, name) }

func (n Naming) arn(account, region, resource string) string {
	if n.Style == StyleVerenc {
		return "arn:verenc:" + account + ":" + resource
	}
	return "arn:" + n.Partition + ":kms:" + region + ":" + account + ":" + resource
}

// an arn is one parsed form for both spellings.
type arn struct {
	region   string // empty in the verenc spelling, which has none
	account  string
	resource string
}

// parseARN reads either spelling. ok is false when it is neither, or another partition or service.
func (n Naming) parseARN(s string) (a arn, ok bool) {
	if rest, is := strings.CutPrefix(s, "arn:verenc:"); is {
		a.account, a.resource, ok = strings.Cut(rest, ":")
		return a, ok && isAccount(a.account)
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != n.Partition || parts[2] != "kms" {
		return arn{}, false
	}
	return arn{parts[3], parts[4], parts[5]}, parts[3] != "" && isAccount(parts[4])
}

// AccountOf is the account in an ARN of any service, in either spelling: "" of what has none.
func AccountOf(arn string) string {
	if rest, is := strings.CutPrefix(arn, "arn:verenc:"); is {
		account, _, _ := strings.Cut(rest, ":")
		return account
	}
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		return parts[4]
	}
	return ""
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// IsAccount reports whether s is an account id: twelve digits.
func IsAccount(s string) bool { return isAccount(s) }

// IsRegion reports whether s is written like a region: us-east-1.
func IsRegion(s string) bool {
	hyphens := strings.Count(s, "-")
	if len(s) > 32 || hyphens < 2 || hyphens > 3 {
		return false
	}
	for p := range strings.SplitSeq(s, "-") {
		digits := hyphens == 0 // the last part
		hyphens--
		if p == "" || strings.IndexFunc(p, func(r rune) bool {
			return digits != (r >= '0' && r <= '9') || (!digits && (r < 'a' || r > 'z'))
		}) >= 0 {
			return false
		}
	}
	return true
}
