package op

import (
	"context"
	"errors"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/blob"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

// Deps is what operations work with; the same for every call.
type Deps struct {
	Book     *record.Book
	Resolver *key.Resolver
	Sealer   custody.Sealer
	Maker    custody.Maker
	Copier   custody.Copier
	Serves   func(region string) bool
	Naming   key.Naming
	Quota    Quota
}

// Quota is how much of something there may be (operations.md §18.1).
type Quota struct {
	AliasesPerKey int
	GrantsPerKey  int
}

// DefaultQuota is AWS's.
var DefaultQuota = Quota{AliasesPerKey: 50, GrantsPerKey: 50_000}

// A Call is one request that was authenticated, resolved and authorized.
type Call struct {
	*Deps
	Caller *authn.Caller
	Now    time.Time
	Needs  []key.Need // of the request
	Keys   []*key.Key // what Needs resolved to, in order; nil where a need is not about a key

	// Additional is what Run wants the audit record to say besides request and answer.
	Additional audit.Detail
}

// Key is the key of a request that has one.
func (c *Call) Key() *key.Key { return c.Keys[0] }

// Needs.

// use is the need of a cryptographic operation: any form of KeyId, and other accounts' keys.
func use(action, id string) []key.Need {
	return []key.Need{{Action: action, KeyID: id, Forms: key.AnyForm, CrossAccount: true}}
}

// manage is the need of an operation on a key of one's own, by id or ARN.
func manage(action, id string) []key.Need {
	return []key.Need{{Action: action, KeyID: id, Forms: key.KeyOnly}}
}

// anything is the need of an operation that is about no key.
func anything(action string) []key.Need { return []key.Need{{Action: action}} }

// symmetric refuses what is not SYMMETRIC_DEFAULT under a key that is (§4.1 step 8).
func symmetric(k *key.Key, algorithm shape.EncryptionAlgorithmSpec) error {
	if algorithm != "" && algorithm != shape.EncryptionAlgorithmSpecSymmetricDefault {
		return fault.WrongAlgorithm(string(algorithm), k.Spec)
	}
	return nil
}

// sealFault is how a failure of custody looks to the caller.
func sealFault(err error) error {
	if errors.Is(err, custody.ErrNoMaterial) {
		return fault.Bare(fault.KeyUnavailable).Because(err)
	}
	return err
}

// open decrypts a ciphertext that names k, and says which material did it.
func (c *Call) open(ctx context.Context, k *key.Key, ciphertext []byte, encryptionContext map[string]string) (plaintext []byte, material string, err error) {
	b, err := blob.Parse(ciphertext)
	if err != nil {
		return nil, "", fault.BadCiphertext().Because(err)
	}
	material, ok := version(k, b.MaterialID())
	if !ok {
		return nil, "", fault.BadCiphertext()
	}
	plaintext, err = c.Sealer.Open(ctx, k.MaterialVersion(material), ciphertext, encryptionContext)
	switch {
	case errors.Is(err, custody.ErrWrongCiphertext):
		return nil, "", fault.BadCiphertext().Because(err)
	case err != nil:
		return nil, "", sealFault(err)
	}
	return plaintext, material, nil
}

// version finds the material of k with the short id in a blob.
func version(k *key.Key, short blob.ShortID) (string, bool) {
	for _, v := range k.Versions {
		if s, err := blob.Short(v.Id); err == nil && s == short {
			return v.Id, true
		}
	}
	return "", false
}

// cipherNeed is the need of decrypting: the named key, or else the one the ciphertext names.
//
// A ciphertext that is none of ours is refused at once: there is nothing to ask authorization about,
// and the answer says no more than its sender knew.
func cipherNeed(action, id string, ciphertext []byte, algorithm shape.EncryptionAlgorithmSpec) ([]key.Need, error) {
	if id != "" {
		need := use(action, id)
		need[0].Decrypts = true
		return need, nil
	}
	if algorithm != "" && algorithm != shape.EncryptionAlgorithmSpecSymmetricDefault {
		return nil, fault.KeyIDRequired()
	}
	b, err := blob.Parse(ciphertext)
	if err != nil {
		return nil, fault.BadCiphertext().Because(err)
	}
	return []key.Need{{Action: action, Cipher: b.KeyID(), CrossAccount: true}}, nil
}

// sameKey refuses a ciphertext that names another key than the caller did. It comes before usage and
// state, so naming any other key, whatever it is, answers alike (§4.2 [R]).
func sameKey(k *key.Key, ciphertext []byte, ignored bool) error {
	b, err := blob.Parse(ciphertext)
	if err == nil && !ignored && b.KeyID() != k.Id {
		return fault.WrongKey()
	}
	return nil // what does not parse fails when it is opened
}

// ignoresCiphertext says whether only authorization is asked for (operations.md §15), and refuses
// modifiers without DryRun and a missing ciphertext or key.
func ignoresCiphertext(dryRun bool, modifiers []shape.DryRunModifierType, ciphertext []byte, id string) (bool, error) {
	if len(modifiers) > 0 && !dryRun {
		return false, fault.ModifiersWithoutDryRun()
	}
	ignore := len(modifiers) > 0
	switch {
	case ignore && id == "":
		return false, fault.KeyIDRequired()
	case !ignore && len(ciphertext) == 0:
		return false, shape.Missing("ciphertextBlob")
	}
	return ignore, nil
}

// noRecipient refuses attestation until it is built.
func noRecipient(r *shape.RecipientInfo) error {
	if r != nil {
		return fault.NotBuilt("Recipient")
	}
	return nil
}

// at is a time as the API carries it: milliseconds.
func at(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
