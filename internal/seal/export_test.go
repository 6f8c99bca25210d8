package seal

import "qkms/internal/seal/sealpb"

// CheapPassphrase is Passphrase at the least cost that a slot may have.
func CheapPassphrase(read func() ([]byte, error)) Source {
	return passphrase{read, 1, minArgonMemory, 1}
}

// Rewritten is the state of r with edit applied to its body and a MAC made under the true root key, so
// that a test reaches what lies behind the MAC.
func Rewritten(r *Ring, edit func(*sealpb.Body)) ([]byte, error) {
	next, err := r.change(func(b *sealpb.Body, k *keys) (secret, error) {
		edit(b)
		return k.root, nil
	})
	if err != nil {
		return nil, err
	}
	return next.State(), nil
}
