package op

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

// The connection states of a custom key store.
const (
	storeConnected     = string(shape.ConnectionStateTypeConnected)
	storeConnecting    = string(shape.ConnectionStateTypeConnecting)
	storeDisconnected  = string(shape.ConnectionStateTypeDisconnected)
	storeDisconnecting = string(shape.ConnectionStateTypeDisconnecting)
	storeFailed        = string(shape.ConnectionStateTypeFailed)
)

// Its types.
const (
	hsmStore      = string(shape.CustomKeyStoreTypeAwsCloudhsm)
	externalStore = string(shape.CustomKeyStoreTypeExternalKeyStore)
)

// A keyStore is a custom key store as it stood when it was read, its secrets apart. It is never kept
// beyond its request.
type keyStore struct {
	*recordpb.KeyStore // without password and credential_secret
	secrets            keyStoreSecrets
	ver                uint64 // of the record; 0 of what is to become one
}

// keyStoreOf takes m over, and its secrets out of it.
func keyStoreOf(m *recordpb.KeyStore, ver uint64) keyStore {
	secrets := hideSecrets(m.Password, m.CredentialSecret)
	m.Password, m.CredentialSecret = "", ""
	return keyStore{m, secrets, ver}
}

// whole returns the record to be stored, secrets included.
func (s keyStore) whole() *recordpb.KeyStore {
	m := proto.CloneOf(s.KeyStore)
	m.Password, m.CredentialSecret = s.secrets.reveal()
	return m
}

// edit returns a copy to change, with the same version.
func (s keyStore) edit() keyStore { return keyStore{proto.CloneOf(s.KeyStore), s.secrets, s.ver} }

// at is where the store's record is.
func (s keyStore) at() record.Key { return record.OfKeyStore(s.Account, s.Region, s.Id) }

// names is the record of the name it has.
func (s keyStore) names() record.Key { return record.OfKeyStoreName(s.Account, s.Region, s.Name) }

// newKeyStoreID returns a fresh id: "cks-" and 17 random hex digits.
func newKeyStoreID() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process rather than return weak bytes
	return "cks-" + hex.EncodeToString(b[:])[:17]
}

// keyStore reads the caller's custom key store with this id, past every cache: secrets stay out of it.
func (c *Call) keyStore(ctx context.Context, id string) (keyStore, error) {
	plain, ver, err := c.Book.Take(ctx, record.OfKeyStore(c.Caller.Account, c.Caller.Region, id))
	if err != nil {
		return keyStore{}, err
	}
	if ver == 0 {
		return keyStore{}, fault.NoKeyStore()
	}
	defer clear(plain)
	m := new(recordpb.KeyStore)
	if err := proto.Unmarshal(plain, m); err != nil {
		return keyStore{}, fmt.Errorf("%w: custom key store: %w", record.ErrDamaged, err)
	}
	return keyStoreOf(m, ver), nil
}

// keyStoreNamed is keyStore by name.
func (c *Call) keyStoreNamed(ctx context.Context, name string) (keyStore, error) {
	n, _, err := record.Load[recordpb.KeyStoreName](ctx, c.Book, record.OfKeyStoreName(c.Caller.Account, c.Caller.Region, name))
	if err != nil {
		return keyStore{}, err
	}
	if n == nil {
		return keyStore{}, fault.NoKeyStore()
	}
	s, err := c.keyStore(ctx, n.Id)
	if err == nil && s.Name != name { // renamed between the two reads
		return keyStore{}, fault.NoKeyStore()
	}
	return s, err
}

// keyStores returns the caller's custom key stores behind the one with id after, in order of their ids.
func (c *Call) keyStores(ctx context.Context, after string, limit int) (all []keyStore, more bool, err error) {
	account, region := c.Caller.Account, c.Caller.Region
	var from record.Key
	if after != "" {
		from = record.OfKeyStore(account, region, after)
	}
	page, more, err := record.Scan[recordpb.KeyStore](ctx, c.Book, record.KeyStoresOf(account, region), from, limit)
	for _, it := range page {
		all = append(all, keyStoreOf(it.Msg, it.Ver))
	}
	return all, more, err
}

// census returns all custom key stores of the caller and a change that commits only while no other
// change is made to what they may not share. The census is read first: what is added behind the read
// makes the commit fail, and the request looks again.
func (c *Call) census(ctx context.Context) ([]keyStore, *record.Change, error) {
	at := record.OfKeyStoreCensus(c.Caller.Account, c.Caller.Region)
	was, ver, err := record.Load[recordpb.KeyStoreName](ctx, c.Book, at)
	if err != nil {
		return nil, nil, err
	}
	all, _, err := c.keyStores(ctx, "", store.MaxList) // a hundred times the quota
	if err != nil {
		return nil, nil, err
	}
	change := c.Book.Change()
	next := new(recordpb.KeyStoreName)
	proto.Merge(next, was)
	change.Replace(at, ver, next)
	return all, change, nil
}

// told is what the audit record says of a store that is named by its id alone (access.md §7.3).
func (s keyStore) told() audit.Detail {
	return audit.Detail{
		audit.String("customKeyStoreName", s.Name),
		audit.String("clusterId", s.Cluster).If(s.Cluster != ""),
	}
}

// keyStoreDetail is the record of a request that has a CustomKeyStoreId and nothing else to tell.
func keyStoreDetail(id string) audit.Detail {
	return audit.Detail{audit.String("customKeyStoreId", id)}
}
