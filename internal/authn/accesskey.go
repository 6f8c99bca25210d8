package authn

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// AccessKeys are the long-term credentials in the store. Its methods may be called concurrently; the ones
// that change something only propose it.
type AccessKeys struct {
	Book      *record.Book
	Partition string // of ARNs; only Find needs it
}

// Known is what an operator may see of an access key: everything but the secret.
type Known struct {
	ID          string    `json:"id"`
	Account     string    `json:"account"`
	Active      bool      `json:"active"`
	Created     time.Time `json:"created"`
	Description string    `json:"description,omitempty"`
	User        string    `json:"user,omitempty"`    // whose it is: an IAM user,
	Service     string    `json:"service,omitempty"` // or a service principal; else the root user of the account
}

// ErrNoAccessKey is returned when there is no access key with this id.
var ErrNoAccessKey = errors.New("no such access key")

// Find is the Verifier's: the credential with this id, or nil.
func (a AccessKeys) Find(ctx context.Context, id string) (*Credential, error) {
	v, _, err := a.Book.Seek(ctx, record.SeekAccessKey(id), func(plain []byte, _ uint64) (any, error) {
		m := new(recordpb.AccessKey)
		if err := proto.Unmarshal(plain, m); err != nil {
			return nil, fmt.Errorf("%w: access key: %w", record.ErrDamaged, err)
		}
		return &Credential{
			AccessKeyID: m.Id, Account: m.Account, Secret: NewSecret(m.Secret), Active: !m.Disabled,
			User: m.User, UserID: m.UserId, Service: m.Service, rootARN: RootARN(a.Partition, m.Account),
		}, nil
	})
	if err != nil || v == nil {
		return nil, err
	}
	return v.(*Credential), nil
}

// New makes an access key for the root user of account: an id of AWS's form (AKIA and 16 base32
// digits) and a secret of 30 random bytes in base64, 40 characters, which is returned once, here.
func (a AccessKeys) New(account, description string, now time.Time) (id, secret string, _ *record.Change) {
	id, secret = NewAccessKey()
	return id, secret, a.With(id, secret, account, description, now)
}

// NewAccessKey makes an id and a secret as AccessKeys.New does.
func NewAccessKey() (id, secret string) {
	var random [40]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process rather than return weak bytes
	return "AKIA" + base32.StdEncoding.EncodeToString(random[:10]), base64.StdEncoding.EncodeToString(random[10:])
}

// With stores an access key somebody else has chosen, as fixtures for tests do.
func (a AccessKeys) With(id, secret, account, description string, now time.Time) *record.Change {
	return a.insert(&recordpb.AccessKey{Id: id, Account: account, Secret: []byte(secret), Created: now.UnixMilli(), Description: description})
}

// OfService makes an access key that a service principal signs with, such as s3.amazonaws.com, as New does. It
// is listed under account, which the service does not belong to.
func (a AccessKeys) OfService(service, account, description string, now time.Time) (id, secret string, _ *record.Change) {
	id, secret = NewAccessKey()
	return id, secret, a.insert(&recordpb.AccessKey{
		Id: id, Account: account, Secret: []byte(secret), Created: now.UnixMilli(), Description: description, Service: service,
	})
}

func (a AccessKeys) insert(m *recordpb.AccessKey) *record.Change {
	change := a.Book.Change()
	change.Insert(record.OfAccessKey(m.Id), m)
	return change
}

// List returns the access keys of account, or of all accounts when it is empty, in order of their ids.
func (a AccessKeys) List(ctx context.Context, account string) ([]Known, error) {
	var out []Known
	err := a.each(ctx, func(m *recordpb.AccessKey) {
		if account == "" || m.Account == account {
			out = append(out, known(m))
		}
	})
	return out, err
}

// Oldest returns the oldest active access key of account's root user with its secret, for `qkms dev`, which prints
// it; ErrNoAccessKey when there is none.
func (a AccessKeys) Oldest(ctx context.Context, account string) (id, secret string, err error) {
	oldest := new(recordpb.AccessKey)
	err = a.each(ctx, func(m *recordpb.AccessKey) {
		if m.Account == account && m.User == "" && m.Service == "" && !m.Disabled && (oldest.Id == "" || m.Created < oldest.Created) {
			oldest = m
		}
	})
	if err == nil && oldest.Id == "" {
		err = ErrNoAccessKey
	}
	return oldest.Id, string(oldest.Secret), err
}

// SetActive enables or disables an access key. A disabled one is refused as if it did not exist.
func (a AccessKeys) SetActive(ctx context.Context, id string, active bool) (*record.Change, error) {
	m, ver, err := a.take(ctx, id)
	if err != nil {
		return nil, err
	}
	m.Disabled = !active
	change := a.Book.Change()
	change.Replace(record.OfAccessKey(id), ver, m)
	return change, nil
}

// Delete removes an access key.
func (a AccessKeys) Delete(ctx context.Context, id string) (*record.Change, error) {
	m, ver, err := a.take(ctx, id)
	if err != nil {
		return nil, err
	}
	change := a.Book.Change()
	change.Remove(record.OfAccessKey(id), ver)
	change.Discard(record.OfLastUse(m.Account, "", id))
	return change, a.disown(ctx, change, m)
}

// disown takes an access key from the list of the user whose it is: who has one that is gone could never be
// deleted.
func (a AccessKeys) disown(ctx context.Context, change *record.Change, m *recordpb.AccessKey) error {
	if m.User == "" {
		return nil
	}
	k := record.OfUser(m.Account, m.User)
	u, ver, err := record.Read[recordpb.User](ctx, a.Book, k)
	if err != nil || u == nil || u.Id != m.UserId {
		return err
	}
	u.AccessKeys = slices.DeleteFunc(u.AccessKeys, func(id string) bool { return id == m.Id })
	change.Replace(k, ver, u)
	return nil
}

func (a AccessKeys) take(ctx context.Context, id string) (*recordpb.AccessKey, uint64, error) {
	plain, ver, err := a.Book.Take(ctx, record.OfAccessKey(id))
	if err != nil {
		return nil, 0, err
	}
	if ver == 0 {
		return nil, 0, fmt.Errorf("%w: %s; see `qkms access-key list`", ErrNoAccessKey, id)
	}
	defer clear(plain)
	m := new(recordpb.AccessKey)
	return m, ver, proto.Unmarshal(plain, m)
}

func (a AccessKeys) each(ctx context.Context, f func(*recordpb.AccessKey)) error {
	var after record.Key
	for {
		page, more, err := record.Scan[recordpb.AccessKey](ctx, a.Book, record.AccessKeys(), after, 500)
		if err != nil {
			return err
		}
		for _, it := range page {
			f(it.Msg)
			after = it.Key
		}
		if !more {
			return nil
		}
	}
}

func known(m *recordpb.AccessKey) Known {
	return Known{ID: m.Id, Account: m.Account, Active: !m.Disabled, Created: time.UnixMilli(m.Created).UTC(), Description: m.Description, User: m.User, Service: m.Service}
}
