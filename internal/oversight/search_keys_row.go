package oversight

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"qkms/internal/authz"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/query"
	"qkms/internal/wire/shape"
)

const shownAliases = 3

// A looker decides what its caller may see of keys, by what decides requests. It asks in a request of its own: the
// decision that the audit log tells of is the one about the search.
type looker struct {
	rules   authz.Rules
	request *authz.Request
}

func newLooker(c *query.Call) *looker {
	r := c.Request
	return &looker{c.Authz, &authz.Request{Caller: r.Caller, Now: r.Now, SourceIP: r.SourceIP, UserAgent: r.UserAgent, TLS: r.TLS}}
}

// sees reports whether the caller could have an operation on k that reads.
func (l *looker) sees(ctx context.Context, operation string, k *key.Key, others bool) (bool, error) {
	l.request.Verdicts = l.request.Verdicts[:0]
	needs := []key.Need{{Action: "kms:" + operation, KeyID: k.Id, Forms: key.Forms(others), CrossAccount: others}}
	return l.may(l.rules.Check(ctx, l.request, needs, []*key.Key{k}))
}

// may is whether err is a permission, and not the lack of one. Any other error is that it could not be decided.
func (l *looker) may(err error) (bool, error) {
	if f, refused := errors.AsType[*fault.Error](err); refused && f.Code == fault.AccessDenied {
		return false, nil
	}
	return err == nil, err
}

// row is k as the caller may see it. ok is false when what was searched for is not the caller's to know: that k is found
// by its tag would tell the tag.
func (s *search) row(ctx context.Context, k *key.Key) (row FoundKey, ok bool, err error) {
	row = FoundKey{KeyId: k.Id, Arn: k.ARN, Tags: s.in.tagsOf(k)}
	if len(row.Tags) > 0 {
		if ok, err := s.looker.sees(ctx, "ListResourceTags", k, false); !ok {
			return row, false, err
		}
	}
	described, err := s.looker.sees(ctx, "DescribeKey", k, true)
	if err != nil || !described && (s.in.KeyState != "" || s.in.KeySpec != "") {
		return row, false, err
	}
	if described {
		row.Described = details(k)
	}
	if err := s.name(ctx, k, &row); err != nil {
		return row, false, err
	}
	if rotates(k) {
		if ok, err := s.looker.sees(ctx, "GetKeyRotationStatus", k, true); err != nil {
			return row, false, err
		} else if ok {
			row.Rotation = rotation(k)
		}
	}
	used, err := s.looker.sees(ctx, "GetKeyLastUsage", k, false)
	if used {
		row.LastUse, err = s.lastUse(ctx, k)
	}
	return row, err == nil, err
}

func details(k *key.Key) *KeyDetails {
	d := &KeyDetails{
		Description: k.Description, KeyState: k.State, KeySpec: k.Spec, KeyUsage: k.Usage, Origin: k.Origin,
		MultiRegion: k.MultiRegion, CreationDate: at(k.Created),
	}
	if k.State == key.PendingDeletion {
		d.DeletionDate = at(k.Deletion)
	}
	return d
}

// rotates reports whether k is of those that can rotate by themselves (operations.md §10.1).
func rotates(k *key.Key) bool {
	return k.Spec == string(shape.KeySpecSymmetricDefault) && k.Origin == string(shape.OriginTypeAwsKms)
}

// rotation is what GetKeyRotationStatus tells: nothing while the deletion of k is pending.
func rotation(k *key.Key) *KeyRotation {
	if k.State == key.PendingDeletion || k.RotationDays == 0 {
		return &KeyRotation{}
	}
	return &KeyRotation{true, at(k.NextRotation)}
}

// name puts the aliases of k into its row.
func (s *search) name(ctx context.Context, k *key.Key, row *FoundKey) error {
	row.Aliases = []string{}
	if !s.aliases {
		return nil
	}
	all, err := s.call.Book.AliasNames(ctx, k.Account, k.Region, k.Id)
	if row.Named = len(all); s.byAlias() {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b string) int { return s.foremost(a) - s.foremost(b) })
	}
	row.Aliases = append(row.Aliases, all[:min(len(all), shownAliases)]...)
	return err
}

func (s *search) foremost(alias string) int {
	if strings.HasPrefix(alias, s.names.alias) {
		return 0
	}
	return 1
}

func (s *search) lastUse(ctx context.Context, k *key.Key) (*KeyLastUse, error) {
	use, used, err := s.call.LastUses.Last(ctx, lastuse.Key{Account: k.Account, Region: k.Region, ID: k.Id})
	if err != nil || !used || use.At < k.Created { // else of a replica that was here before, with the same id
		return &KeyLastUse{}, err
	}
	return &KeyLastUse{at(use.At).Truncate(time.Second), use.Operation}, nil
}

// at is a time of milliseconds since 1970; 0 is the zero time.
func at(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}
