package op

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// newGrant is the grant a request asks for, with an id of its own. It refuses in the order of
// operations.md §4.2: operations, constraints, principals.
func (c *Call) newGrant(ctx context.Context, in *shape.CreateGrantRequest) (*recordpb.Grant, error) {
	k := c.Key()
	g := &recordpb.Grant{
		Account: k.Account, Region: k.Region, KeyId: k.Id, Id: newGrantID(), Name: in.Name,
		GranteeService: in.GranteeServicePrincipal, RetiringService: in.RetiringServicePrincipal,
		IssuingAccount: c.Caller.Account, Created: c.Now.UnixMilli(),
	}
	var err error
	if g.Operations, err = grantable(k, in.Operations); err != nil {
		return nil, err
	}
	if err := constrain(g, k, in.Constraints); err != nil {
		return nil, err
	}
	if err := c.grantPrincipals(ctx, g, in); err != nil {
		return nil, err
	}
	if g.Name != "" {
		g.Fingerprint = c.Book.GrantFingerprint(g)
	}
	return g, nil
}

func newGrantID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process rather than return weak bytes
	return hex.EncodeToString(b[:])
}

// addGrant returns the change that stores g, or, when g repeats a grant of the same name, that grant
// and no change.
//
// The count is read before the other grants are looked at, and the change depends on it: of two that
// ask for the same at once, the second finds the count moved, and then the first one's grant. So names
// are idempotent and the quota is exact. That the change depends on the key as well makes a key that is
// being deleted or disabled refuse the grant.
func (c *Call) addGrant(ctx context.Context, g *recordpb.Grant) (*recordpb.Grant, *record.Change, error) {
	k := c.Key()
	count, ver, err := record.Load[recordpb.GrantCount](ctx, c.Book, record.OfGrantCount(k.Account, k.Region, k.Id))
	if err != nil {
		return nil, nil, err
	}
	old, oldVer, err := c.sameGrant(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	change := c.Book.Change()
	if old != nil {
		change.Require(record.OfGrant(g.Account, g.Region, g.KeyId, old.Id), oldVer) // for where in the change log it is there
		return old, change, nil
	}
	n := count.GetGrants()
	if int(n) >= c.Quota.GrantsPerKey {
		return nil, nil, fault.GrantQuota(c.Quota.GrantsPerKey, int(n))
	}
	change.Require(k.Record(), k.Ver)
	change.Insert(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), g)
	for _, ref := range c.Book.GrantIndex(g) {
		change.Insert(ref, &recordpb.GrantRef{})
	}
	change.Replace(record.OfGrantCount(k.Account, k.Region, k.Id), ver, counted(count, n+1))
	return g, change, nil
}

// sameGrant returns the grant with g's name and parameters and its version, or nil.
func (c *Call) sameGrant(ctx context.Context, g *recordpb.Grant) (*recordpb.Grant, uint64, error) {
	if g.Name == "" {
		return nil, 0, nil
	}
	like := c.Book.GrantsLike(g.Account, g.Region, g.KeyId, g.Fingerprint)
	page, _, err := record.Scan[recordpb.GrantRef](ctx, c.Book, like, record.Key{}, 1)
	if err != nil || len(page) == 0 {
		return nil, 0, err
	}
	return c.Resolver.Grant(ctx, c.Key(), page[0].Key.Part(4))
}

// dropGrant is the change that ends version ver of g. A second one to end it finds it gone.
//
// g was read before the count, so none may be left because g is gone already: the change depends on both, and does
// not go through. Should it, the count was wrong, which is no reason to leave access in force that its owner takes away.
func (c *Call) dropGrant(ctx context.Context, g *recordpb.Grant, ver uint64) (*record.Change, error) {
	at := record.OfGrantCount(g.Account, g.Region, g.KeyId)
	count, countVer, err := record.Load[recordpb.GrantCount](ctx, c.Book, at)
	if err != nil {
		return nil, err
	}
	change := c.Book.Change()
	change.Remove(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id), ver)
	for _, ref := range c.Book.GrantIndex(g) {
		change.Discard(ref)
	}
	if n := count.GetGrants(); n > 0 {
		change.Replace(at, countVer, counted(count, n-1))
	} else {
		change.Require(at, countVer)
	}
	return change, nil
}

// counted is a key's count of grants, which there may be none of yet, at another number.
func counted(count *recordpb.GrantCount, n uint32) *recordpb.GrantCount {
	next := new(recordpb.GrantCount)
	proto.Merge(next, count)
	next.Grants = n
	return next
}

// grantEntry is a grant as the lists show it: its time in whole seconds, its token never, and what it
// has not left out (operations.md §12.3).
func (c *Call) grantEntry(ctx context.Context, k *key.Key, g *recordpb.Grant) (e shape.GrantListEntry, err error) {
	grantee, err := c.shown(ctx, g.Grantee, g.GranteeId)
	if err != nil {
		return e, err
	}
	retiring, err := c.shown(ctx, g.Retiring, g.RetiringId)
	if err != nil {
		return e, err
	}
	e = shape.GrantListEntry{
		KeyId:                    k.ARN,
		GrantId:                  g.Id,
		Name:                     g.Name,
		CreationDate:             at(g.Created).Truncate(time.Second),
		GranteePrincipal:         grantee,
		RetiringPrincipal:        retiring,
		IssuingAccount:           authn.RootARN(c.Naming.Partition, g.IssuingAccount),
		GranteeServicePrincipal:  g.GranteeService,
		RetiringServicePrincipal: g.RetiringService,
	}
	for _, o := range g.Operations {
		e.Operations = append(e.Operations, shape.GrantOperation(o))
	}
	if len(g.ContextEquals) > 0 || len(g.ContextSubset) > 0 || g.SourceArn != "" {
		e.Constraints = &shape.GrantConstraints{
			EncryptionContextEquals: g.ContextEquals, EncryptionContextSubset: g.ContextSubset, SourceArn: g.SourceArn,
		}
	}
	return e, nil
}
