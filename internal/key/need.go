package key

import (
	"context"
	"strings"

	"qkms/internal/fault"
)

// A Need is one thing a request must be allowed to do, with what it is to be done to: a key the
// caller named, the key of a ciphertext, an alias, or nothing in particular (access.md §4.2).
type Need struct {
	Action string // "kms:Encrypt"

	KeyID string // as the caller wrote it; empty when the need is not about a named key
	Forms Forms

	Cipher string // the key id inside a ciphertext, when the caller named no key

	// Decrypts says that the named key must be the one of a ciphertext. A replica asked to decrypt
	// under the name of its primary in another Region is then the wrong key, rather than a wrong
	// Region (operations.md §2.3 [R]).
	Decrypts bool

	// Alias is the alias itself as a resource ("alias/…"), whatever key it points to.
	Alias string

	// Grant is the grant that is to be retired; the need is about its key.
	Grant *Grant

	// Principal is an IAM principal as a resource, by ARN.
	Principal string

	// Context is the encryption context of the need, and Algorithm the encryption algorithm: what
	// policies and grants may be about (access.md §5.1, §6.4). For CreateGrant, Context holds the pairs
	// that constrain the new grant.
	Context   map[string]string
	Algorithm string

	// Region is where the need is, when that is not where the request was sent.
	Region string

	// Listing says that the key only narrows a list: it is found, but permission is on "*".
	Listing bool

	// CrossAccount says that another account's key can be used when that account allows it.
	CrossAccount bool
}

// OnKey reports whether the need is about a key, so that Resolve finds one for it.
func (n Need) OnKey() bool { return n.KeyID != "" || n.Cipher != "" || n.Grant != nil }

// Resolve appends the key of each need to keys, in order, for a caller of account in region: nil for a need
// that is not about a key, and nil also for a key that the caller must not learn the existence of:
// one of another account, or one that only a ciphertext names.
func (r *Resolver) Resolve(ctx context.Context, keys []*Key, account, region string, needs []Need) ([]*Key, error) {
	for i := range needs {
		k, err := r.resolve(ctx, account, region, &needs[i])
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (r *Resolver) resolve(ctx context.Context, account, region string, n *Need) (*Key, error) {
	switch {
	case n.Grant != nil:
		return r.resolveGrant(ctx, account, region, n)
	case n.Cipher != "":
		return r.Owned(ctx, n.Cipher, region)
	case n.KeyID == "":
		return nil, nil
	}
	ref, err := r.Naming.ParseReference(n.KeyID, account, region, n.Forms)
	if err != nil && n.Decrypts {
		return nil, r.related(ctx, n.KeyID, account, region, err)
	}
	if err != nil {
		return nil, err
	}
	return r.Find(ctx, ref, account)
}

// related is what a name of another Region answers where a ciphertext is to be opened: err, unless the
// key of that name has a relative here.
func (r *Resolver) related(ctx context.Context, name, account, region string, err error) error {
	a, ok := r.Naming.parseARN(name)
	id, isKey := strings.CutPrefix(a.resource, "key/")
	if !ok || !isKey || a.region == region || a.account != account {
		return err
	}
	if k, _ := r.Load(ctx, account, region, id); k != nil && k.MultiRegion {
		return fault.WrongKey()
	}
	return err
}
