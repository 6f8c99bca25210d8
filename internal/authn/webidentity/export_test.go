package webidentity

// CountKeys returns how many keys of a set can be used.
func CountKeys(set []byte) (int, error) {
	keys, err := readKeys(set)
	return len(keys), err
}
