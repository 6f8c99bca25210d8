package op

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/wire/shape"
)

// DueExpiry is the kind of date, in record.OfDue, on which an imported material expires.
const DueExpiry = "expire"

// wraps holds, for each family of key specs, what a material of it can be imported under: wrapping
// algorithms without their hash, and the smallest modulus (operations.md §10.6). What is not here is
// refused: RSAES_PKCS1_V1_5, which is a padding oracle to whoever decrypts it, and SM2PKE, which Regions
// in China have.
var wraps = []struct{ specs, algorithm, smallest string }{
	{"SYMMETRIC_DEFAULT", "RSAES_OAEP", "RSA_2048"},
	{"HMAC_224 HMAC_256 HMAC_384 HMAC_512", "RSAES_OAEP", "RSA_2048"},
	{"ECC_NIST_P256 ECC_NIST_P384 ECC_SECG_P256K1", "RSAES_OAEP", "RSA_2048"},
	{"ECC_NIST_P521 ECC_NIST_EDWARDS25519", "RSAES_OAEP", "RSA_3072"},
	{"RSA_2048 RSA_3072 RSA_4096", "RSA_AES_KEY_WRAP", "RSA_2048"},
	{"ECC_NIST_P256 ECC_NIST_P384 ECC_NIST_P521 ECC_SECG_P256K1 ECC_NIST_EDWARDS25519", "RSA_AES_KEY_WRAP", "RSA_2048"},
}

func canWrap(spec string, algorithm shape.AlgorithmSpec, wrapping shape.WrappingKeySpec) bool {
	name, hash, _ := strings.Cut(string(algorithm), "_SHA_")
	for _, w := range wraps {
		if w.algorithm == name && hash != "" && slices.Contains(strings.Fields(w.specs), spec) {
			return strings.HasPrefix(string(wrapping), "RSA_") && string(wrapping) >= w.smallest
		}
	}
	return false
}

// imported refuses keys whose material is not imported. It comes before the state (§9.3: O).
func imported(k *key.Key) error {
	if k.Origin != key.External {
		return fault.WrongOrigin(k.ARN, k.Origin)
	}
	return nil
}

func isSymmetric(k *key.Key) bool { return k.Spec == string(shape.KeySpecSymmetricDefault) }

// empty returns the change that stores m, a key that begins without material.
func empty(d *Deps, m *recordpb.Key) *record.Change {
	m.State = key.PendingImport
	change := d.Book.Change()
	change.Insert(record.OfKey(m.Account, m.Region, m.Id), m)
	change.Insert(record.OfOwner(m.Id, m.Region), &recordpb.Owner{Account: m.Account})
	d.countKey(change, m)
	return change
}

// An importToken is what an ImportToken says: the caller carries it, sealed, and nothing is kept of it
// here. It may be used for 24 hours, as often as one likes (§10.4 [R2]).
type importToken struct {
	expires   time.Time
	algorithm string
	private   []byte // as custody sealed it
}

const (
	importTokenPurpose = "import token v1"
	importTokenLife    = 24 * time.Hour
)

func (c *Call) sealImportToken(t importToken) []byte {
	var b cryptobyte.Builder
	b.AddUint64(uint64(t.expires.UnixMilli()))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(t.algorithm)) })
	b.AddBytes(t.private)
	return []byte(c.Book.Ring().SealToken(importTokenPurpose, c.importTokenBind(), b.BytesOrPanic())) // no algorithm's name is longer than 255
}

// openImportToken refuses a token that was not made for the call's key, or no longer counts.
func (c *Call) openImportToken(token []byte) (t importToken, err error) {
	plain, err := c.Book.Ring().OpenToken(importTokenPurpose, c.importTokenBind(), string(token))
	if err != nil {
		return t, fault.BadImportToken().Because(err)
	}
	s := cryptobyte.String(plain)
	var expires uint64
	var algorithm cryptobyte.String
	if !s.ReadUint64(&expires) || !s.ReadUint8LengthPrefixed(&algorithm) {
		return t, fault.BadImportToken()
	}
	t = importToken{time.UnixMilli(int64(expires)), string(algorithm), s}
	if !c.Now.Before(t.expires) {
		return t, fault.ImportTokenExpired()
	}
	return t, nil
}

func (c *Call) importTokenBind() []byte {
	k := c.Key()
	return seal.Bind(k.Account, k.Region, k.Id)
}

// material returns the version of m with an id, or nil.
func material(m *recordpb.Key, id string) *recordpb.Version {
	i := slices.IndexFunc(m.Versions, func(v *recordpb.Version) bool { return v.Id == id })
	if i < 0 {
		return nil
	}
	return m.Versions[i]
}

// awaited returns the version of m that awaits its rotation, or nil.
func awaited(m *recordpb.Key) *recordpb.Version {
	i := slices.IndexFunc(m.Versions, key.Awaits)
	if i < 0 {
		return nil
	}
	return m.Versions[i]
}

// date puts into the change when v, a material of m, expires; 0: never.
func date(change *record.Change, m *recordpb.Key, v *recordpb.Version, validTo int64) {
	due := func(millis int64) record.Key {
		return record.OfDue(at(millis), DueExpiry, m.Account, m.Region, m.Id, v.Id)
	}
	if v.ValidTo == validTo {
		return
	}
	if v.ValidTo != 0 {
		change.Discard(due(v.ValidTo))
	}
	if validTo != 0 {
		change.Insert(due(validTo), &recordpb.Due{})
	}
	v.ValidTo = validTo
}
