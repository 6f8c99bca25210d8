package oversight

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"qkms/internal/audit"
	"qkms/internal/authz"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// A KeySearch is what SearchKeys is asked: for keys of the caller's account in the Region of the request that are all
// that it says. An empty one finds every key.
type KeySearch struct {
	// Text is a key id, an alias with or without "alias/", an ARN of either, or how one of them begins.
	Text string

	TagKey   string  // of a tag that the key has
	TagValue *string // of that tag; nil: any

	KeyState string // of the model
	KeySpec  string

	MaxItems int    `is:"maxItems"` // 100 at most; a page may have fewer and not be the last
	Marker   string `is:"marker"`   // of the page before
}

// FoundKeys is a page of keys, in the order of the aliases that were searched for, and then of ids.
type FoundKeys struct {
	Keys []FoundKey

	// Looked is how many records were looked at for this page and those before it, whether or not they were
	// what was searched for.
	Looked int

	// Marker is for the page that follows; "" after the last. It may come with no keys: what was looked at so far
	// has none.
	Marker string `json:",omitempty"`

	// Account is how many keys the account has in this Region, in any state.
	Account uint64
}

// A FoundKey is a key as far as the caller may know it. What is nil takes a permission that the caller does not have
// on this key: DescribeKey, GetKeyRotationStatus, GetKeyLastUsage.
type FoundKey struct {
	KeyId string
	Arn   string

	Aliases []string // in order, three at most: those that were searched for come first; none without ListAliases
	Named   int      // how many aliases there are; 0 without ListAliases

	Tags []FoundTag // that were searched for

	Described *KeyDetails  `json:",omitempty"`
	Rotation  *KeyRotation `json:",omitempty"` // also nil of a key that cannot rotate by itself
	LastUse   *KeyLastUse  `json:",omitempty"`
}

// A FoundTag is a tag of a key.
type FoundTag struct{ TagKey, TagValue string }

// KeyDetails are what DescribeKey tells, as far as a list shows it.
type KeyDetails struct {
	Description  string
	KeyState     string
	KeySpec      string
	KeyUsage     string
	Origin       string
	MultiRegion  bool
	CreationDate time.Time
	DeletionDate time.Time `json:",omitzero"`
}

// KeyRotation is when a key rotates by itself.
type KeyRotation struct {
	Enabled bool
	Next    time.Time `json:",omitzero"`
}

// KeyLastUse is when a key was last used; the zero time: never.
type KeyLastUse struct {
	At        time.Time `json:",omitzero"`
	Operation string    `json:",omitempty"`
}

// searchKeys finds keys. What has an order is sought in it: ids and aliases, by how they begin. What has none, tags,
// states and specs, is looked for among so many keys in each request, and the caller asks again: no request
// takes longer because there are more keys.
var searchKeys = &query.Op[KeySearch, FoundKeys]{
	Name:  "SearchKeys",
	Check: func(_ *query.Call, in *KeySearch) error { return in.check() },
	Needs: func(_ context.Context, c *query.Call, in *KeySearch) ([]authz.Act, error) {
		acts := []authz.Act{{Action: "qkms:SearchKeys", Resource: "*"}, {Action: "kms:ListKeys", Resource: "*"}}
		if n := namesOf(in.Text, c.Naming, c.Caller.Account, c.Caller.Region); n.byAlias && !n.byID {
			acts = append(acts, listAliases) // who may not list aliases would find them out one by one
		}
		return acts, nil
	},
	Run: func(ctx context.Context, c *query.Call, in *KeySearch) (*FoundKeys, *record.Change, error) {
		s, err := newSearch(ctx, c, in)
		if err != nil {
			return nil, nil, err
		}
		if err := s.run(ctx); err != nil {
			return nil, nil, err
		}
		return s.out, nil, s.count(ctx)
	},
	Result: func(out *FoundKeys) audit.Detail {
		return audit.Detail{audit.Int("keys", len(out.Keys)), audit.Int("looked", out.Looked)}
	},
	ReadOnly: true,
}

// listAliases is what ListAliases takes, whichever key it is about.
var listAliases = authz.Act{Action: "kms:ListAliases", Resource: "*"}

// maxText is how long what is searched for may be: the longest ARN of an alias.
const maxText = 512

// check judges what the shapes of IAM have no words for: a tag of KMS may have any letters.
func (in *KeySearch) check() error {
	switch {
	case utf8.RuneCountInString(in.Text) > maxText:
		return fault.InvalidValue(fmt.Sprintf("What is searched for may have %d characters.", maxText))
	case utf8.RuneCountInString(in.TagKey) > 128 || in.TagValue != nil && utf8.RuneCountInString(*in.TagValue) > 256:
		return fault.InvalidValue("The key of a tag has at most 128 characters, its value 256.")
	case in.TagKey == "" && in.TagValue != nil:
		return fault.InvalidValue("A value of a tag is searched for together with the tag's key.")
	case in.KeyState != "" && !slices.Contains(shape.KeyState("").Values(), shape.KeyState(in.KeyState)):
		return fault.InvalidValue("There is no such state of a key as '" + in.KeyState + "'.")
	case in.KeySpec != "" && !slices.Contains(shape.KeySpec("").Values(), shape.KeySpec(in.KeySpec)):
		return fault.InvalidValue("There is no such key spec as '" + in.KeySpec + "'.")
	}
	return nil
}

// count says how many keys there are.
func (s *search) count(ctx context.Context) error {
	n, _, err := record.Load[recordpb.KeyCount](ctx, s.call.Book, record.OfKeyCount(s.account, s.region))
	s.out.Account = n.GetKeys()
	return err
}
