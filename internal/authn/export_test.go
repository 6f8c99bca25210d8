package authn

// MaxKeys is the bound that TestManyScopes goes over.
const MaxKeys = maxKeys

// CachedKeys is how many signing keys are remembered of s.
func (s Secret) CachedKeys() int { return len(s.signing.all()) }
