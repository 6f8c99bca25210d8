package key

import "context"

// A Need is one thing a request must be allowed to do, with what it is to be done to: a key the
// caller named, the key of a ciphertext, an alias, or nothing in particular (access.md §4.2).
type Need struct {
	Action string // "kms:Encrypt"

	KeyID string // as the caller wrote it; empty when the need is not about a named key
	Forms Forms

	Cipher string // the key id inside a ciphertext, when the caller named no key

	// Alias is the alias itself as a resource ("alias/…"), whatever key it points to.
	Alias string

	// Grant is the grant that is to be retired; the need is about its key.
	Grant *Grant

	// Principal is an IAM principal as a resource, by ARN.
	Principal string

	// CrossAccount says that another account's key can be used when that account allows it.
	CrossAccount bool
}

// OnKey reports whether the need is about a key, so that Resolve finds one for it.
func (n Need) OnKey() bool { return n.KeyID != "" || n.Cipher != "" || n.Grant != nil }

// Resolve returns the key of each need, in order, for a caller of account in region: nil for a need
// that is not about a key, and nil also for a key that the caller must not learn the existence of:
// one of another account, or one that only a ciphertext names.
func (r *Resolver) Resolve(ctx context.Context, account, region string, needs []Need) ([]*Key, error) {
	keys := make([]*Key, len(needs))
	for i, n := range needs {
		k, err := r.resolve(ctx, account, region, n)
		if err != nil {
			return nil, err
		}
		keys[i] = k
	}
	return keys, nil
}

func (r *Resolver) resolve(ctx context.Context, account, region string, n Need) (*Key, error) {
	switch {
	case n.Grant != nil:
		return r.resolveGrant(ctx, account, region, n)
	case n.Cipher != "":
		return r.Owned(ctx, n.Cipher, region)
	case n.KeyID == "":
		return nil, nil
	}
	ref, err := r.Naming.ParseReference(n.KeyID, account, region, n.Forms)
	if err != nil {
		return nil, err
	}
	return r.Find(ctx, ref, account)
}
