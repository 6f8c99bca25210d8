package authn

// MaxKeys is the bound that TestManyScopes goes over.
const MaxKeys = maxKeys

// CachedKeys is how many signing keys v remembers.
func (v *Verifier) CachedKeys() int {
	v.keys.mu.RLock()
	defer v.keys.mu.RUnlock()
	return len(v.keys.byScope)
}
