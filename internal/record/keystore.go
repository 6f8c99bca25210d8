package record

// OfKeyStore is a custom key store.
func OfKeyStore(account, region, id string) Key { return newKey(spaceStore, account, region, id) }

// OfKeyStoreName says which custom key store has a name.
func OfKeyStoreName(account, region, name string) Key {
	return newKey(spaceStoreBy, account, region, name)
}

// OfKeyStoreCensus is rewritten by every change of what no two custom key stores of an account and
// Region may share, and of their number: of two such changes at once, one must see the other. It
// stands where the empty name would, which no store has.
func OfKeyStoreCensus(account, region string) Key { return newKey(spaceStoreBy, account, region, "") }

// KeyStoresOf is the prefix of an account's custom key stores, for Scan.
func KeyStoresOf(account, region string) Key { return newKey(spaceStore, account, region) }
