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

var listRetirableGrants = &Op[shape.ListRetirableGrantsRequest, shape.ListGrantsResponse]{
	Name: "ListRetirableGrants",
	Needs: func(in *shape.ListRetirableGrantsRequest) ([]key.Need, error) {
		switch {
		case in.Limit > maxGrants:
			return nil, shape.TooLarge("limit", in.Limit, maxGrants)
		case in.RetiringPrincipal != "" && in.RetiringServicePrincipal != "":
			return nil, fault.EitherOf("RetiringPrincipal", "RetiringServicePrincipal")
		case in.RetiringServicePrincipal != "":
			return nil, fault.ForServicesOnly("RetiringServicePrincipal")
		case in.RetiringPrincipal == "":
			return nil, shape.Missing("retiringPrincipal")
		}
		return []key.Need{{Action: "kms:ListRetirableGrants", Principal: in.RetiringPrincipal}}, nil
	},
	Run: func(ctx context.Context, c *Call, in *shape.ListRetirableGrantsRequest) (*shape.ListGrantsResponse, *record.Change, error) {
		arn, id, err := c.principal(ctx, in.RetiringPrincipal, fault.NoRetiringPrincipal(in.RetiringPrincipal))
		if err != nil {
			return nil, nil, err
		}
		principal := record.Subject(arn, id)
		last, err := c.resume("ListRetirableGrants", principal, in.Marker)
		if err != nil {
			return nil, nil, err
		}
		refs := c.Book.GrantsRetiredBy(c.Caller.Region, principal)
		page, more, err := record.Scan[recordpb.GrantRef](ctx, c.Book, refs, behind(refs, strings.Split(last, "\x00")...), pageSize(in.Limit, 50))
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ListGrantsResponse{Grants: []shape.GrantListEntry{}, Truncated: more}
		for _, it := range page { // a page may hold fewer than its limit: §14
			if err := c.listRetirable(ctx, it.Key, out); err != nil {
				return nil, nil, err
			}
		}
		if more {
			end := page[len(page)-1].Key
			out.NextMarker = c.marker("ListRetirableGrants", principal, strings.Join([]string{end.Part(2), end.Part(3), end.Part(4)}, "\x00"))
		}
		return out, nil, nil
	},
	Audit: func(in *shape.ListRetirableGrantsRequest) audit.Detail {
		return append(pageDetail(in.Limit, in.Marker),
			audit.String("retiringPrincipal", in.RetiringPrincipal).If(in.RetiringPrincipal != ""),
			audit.String("retiringServicePrincipal", in.RetiringServicePrincipal).If(in.RetiringServicePrincipal != ""))
	},
	ReadOnly: true,
	Differs: []string{
		"Grants come in the order of their keys' accounts and ids, then their own ids. A principal of another account is AccessDeniedException.",
		"A `Limit` above 100 is refused as by the model's own range.",
	},
}

// listRetirable adds the grant an index entry leads to, unless it or its key is gone.
func (c *Call) listRetirable(ctx context.Context, ref record.Key, out *shape.ListGrantsResponse) error {
	k, err := c.Resolver.Load(ctx, ref.Part(2), c.Caller.Region, ref.Part(3))
	if k == nil {
		return err
	}
	g, _, err := c.Resolver.Grant(ctx, k, ref.Part(4))
	if g == nil {
		return err
	}
	e, err := c.grantEntry(ctx, k, g)
	out.Grants = append(out.Grants, e)
	return err
}
