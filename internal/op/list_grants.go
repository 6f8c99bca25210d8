package op

import (
	"context"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// maxGrants is the most of one page, below the model's 1,000 (operations.md §14).
const maxGrants = 100

var listGrants = &Op[shape.ListGrantsRequest, shape.ListGrantsResponse]{
	Name: "ListGrants",
	Needs: func(in *shape.ListGrantsRequest) ([]key.Need, error) {
		switch {
		case in.Limit > maxGrants:
			return nil, shape.TooLarge("limit", in.Limit, maxGrants)
		case in.GranteePrincipal != "" && in.GranteeServicePrincipal != "":
			return nil, fault.EitherOf("GranteePrincipal", "GranteeServicePrincipal")
		case in.GranteeServicePrincipal != "":
			return nil, fault.ForServicesOnly("GranteeServicePrincipal")
		}
		return share("kms:ListGrants", in.KeyId), nil
	},
	Says: func(c *Call, _ *shape.ListGrantsRequest, name string) []string {
		return c.forService(name)
	},
	Check: func(_ *Call, in *shape.ListGrantsRequest) error {
		if in.GrantId == "" {
			return nil
		}
		return key.CheckGrantID(in.GrantId)
	},
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, in *shape.ListGrantsRequest) (*shape.ListGrantsResponse, *record.Change, error) {
		arn, id, err := c.principal(ctx, in.GranteePrincipal, fault.NoPrincipalInput())
		if err != nil {
			return nil, nil, err
		}
		grantee := record.Subject(arn, id)
		filter := strings.Join([]string{c.Key().Account, c.Key().Id, in.GrantId, grantee}, "\x00")
		last, err := c.resume("ListGrants", filter, in.Marker)
		if err != nil {
			return nil, nil, err
		}
		page, next, err := c.grantPage(ctx, in.GrantId, grantee, last, pageSize(in.Limit, 50))
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ListGrantsResponse{Grants: []shape.GrantListEntry{}, Truncated: next != ""}
		for _, g := range page {
			e, err := c.grantEntry(ctx, c.Key(), g)
			if err != nil {
				return nil, nil, err
			}
			out.Grants = append(out.Grants, e)
		}
		if next != "" {
			out.NextMarker = c.marker("ListGrants", filter, next)
		}
		return out, nil, nil
	},
	Audit: func(in *shape.ListGrantsRequest) audit.Detail {
		return append(keyDetail(in.KeyId), append(pageDetail(in.Limit, in.Marker),
			audit.String("grantId", in.GrantId).If(in.GrantId != ""),
			audit.String("granteePrincipal", in.GranteePrincipal).If(in.GranteePrincipal != ""),
			audit.String("granteeServicePrincipal", in.GranteeServicePrincipal).If(in.GranteeServicePrincipal != ""))...)
	},
	ReadOnly: true,
	Differs: []string{
		"Grants come in the order of their ids. A `GrantId` that the key has no grant of gives an empty list.",
		"A `Limit` above 100 is refused as by the model's own range.",
	},
}

// grantPage reads one page of grants behind last, at the cost of that page however many grants the key
// has: by id, by the index of one grantee (record.Subject), or all. next is where the page ended when there are more.
func (c *Call) grantPage(ctx context.Context, id, grantee, last string, limit int) (grants []*recordpb.Grant, next string, err error) {
	switch {
	case id != "":
		g, _, err := c.Resolver.Grant(ctx, c.Key(), id)
		if g == nil || grantee != "" && record.Subject(g.Grantee, g.GranteeId) != grantee {
			return nil, "", err
		}
		return []*recordpb.Grant{g}, "", nil
	case grantee != "":
		return c.grantsTo(ctx, grantee, last, limit)
	}
	k := c.Key()
	all := record.GrantsOf(k.Account, k.Region, k.Id)
	page, more, err := record.Scan[recordpb.Grant](ctx, c.Book, all, behind(all, last), limit)
	for _, it := range page {
		grants = append(grants, it.Msg)
	}
	if more {
		next = grants[len(grants)-1].Id
	}
	return grants, next, err
}

// grantsTo is grantPage of one grantee.
func (c *Call) grantsTo(ctx context.Context, grantee, last string, limit int) (grants []*recordpb.Grant, next string, err error) {
	k := c.Key()
	to := c.Book.GrantsTo(k.Account, k.Region, k.Id, grantee)
	page, more, err := record.Scan[recordpb.GrantRef](ctx, c.Book, to, behind(to, last), limit)
	if err != nil {
		return nil, "", err
	}
	for _, it := range page {
		g, _, err := c.Resolver.Grant(ctx, k, it.Key.Part(4))
		if err != nil {
			return nil, "", err
		}
		if g != nil { // not revoked since the page was read
			grants = append(grants, g)
		}
	}
	if more {
		next = page[len(page)-1].Key.Part(4)
	}
	return grants, next, nil
}

// behind is the key in prefix after which a page begins; the zero Key for the first page.
func behind(prefix record.Key, last ...string) record.Key {
	if last[0] == "" {
		return record.Key{}
	}
	return prefix.With(last...)
}
