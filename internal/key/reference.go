package key

import (
	"strings"

	"qkms/internal/fault"
)

// A Reference is a KeyId as the caller meant it: a key or an alias, in an account and region.
type Reference struct {
	Account string
	Region  string
	ID      string // in canonical spelling; empty when Alias is set
	Alias   string // "alias/…"; empty when ID is set
}

// Forms are the spellings of a KeyId that an operation takes (operations.md §2.2).
type Forms bool

const (
	KeyOnly  Forms = false // id or key ARN; an alias is InvalidArnException
	AnyForm  Forms = true  // also alias name or alias ARN
	maxAlias       = 256   // AliasNameType of the model
)

// ParseReference reads a KeyId for a caller of account in region. The order of the checks, and the
// error of each, is operations.md §2.3. A bare id or alias name always means the caller's own.
func (n Naming) ParseReference(s, account, region string, forms Forms) (Reference, error) {
	r := Reference{Account: account, Region: region}
	if !strings.HasPrefix(s, "arn:") {
		return r.bare(s, forms)
	}
	a, ok := n.parseARN(s)
	if ok && strings.HasPrefix(a.resource, aliasPrefix) && forms == KeyOnly {
		return r, fault.AliasesNotSupported()
	}
	switch {
	case !ok:
		return r, fault.MalformedArn(s)
	case a.region != "" && a.region != region:
		return r, fault.ForeignRegion(a.region)
	}
	r.Account = a.account
	if strings.HasPrefix(a.resource, aliasPrefix) {
		r.Alias = a.resource
		return r, nil
	}
	id, isKey := strings.CutPrefix(a.resource, "key/")
	if !isKey {
		return r, fault.MalformedArn(s)
	}
	if r.ID, ok = CanonicalID(id); !ok {
		return r, fault.MalformedResource(id)
	}
	return r, nil
}

func (r Reference) bare(s string, forms Forms) (Reference, error) {
	if strings.HasPrefix(s, aliasPrefix) {
		if forms == KeyOnly {
			return r, fault.AliasesNotSupported()
		}
		r.Alias = s
		return r, nil
	}
	var ok bool
	if r.ID, ok = CanonicalID(s); !ok {
		return r, fault.MalformedKeyID(s)
	}
	return r, nil
}

// CanonicalID returns the one spelling of a key id: a UUID in lower case, or "mrk-" and 32 lower-case
// hex digits. A UUID in upper case is well-formed (§2.1 [P]); ok is false for anything else.
func CanonicalID(s string) (id string, ok bool) {
	if hex, mrk := strings.CutPrefix(s, "mrk-"); mrk {
		return s, len(hex) == 32 && isHex(hex)
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return "", false
	}
	id = strings.ToLower(s)
	return id, isHex(id[:8]) && isHex(id[9:13]) && isHex(id[14:18]) && isHex(id[19:23]) && isHex(id[24:])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
