package authn

import "qkms/internal/authn/sigv4"

// MaxKeys is the bound that TestManyScopes goes over.
const MaxKeys = maxKeys

// CachedKeys is how many signing keys are remembered of s.
func (s Secret) CachedKeys() int { return len(s.signing.all()) }

// KeepKey remembers a key of s for a day in a Region.
func (s Secret) KeepKey(date, region string) {
	s.signing.keep(&sigv4.Signed{Date: date, Region: region, Service: "kms"}, [32]byte{1})
}

// KeysOf is how many keys are remembered for a day in a Region.
func (s Secret) KeysOf(date, region string) (n int) {
	for _, k := range s.signing.all() {
		if k.date == date && k.region == region {
			n++
		}
	}
	return n
}
