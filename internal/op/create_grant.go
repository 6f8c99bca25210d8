package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

var createGrant = &Op[shape.CreateGrantRequest, shape.CreateGrantResponse]{
	Name: "CreateGrant",
	Needs: func(in *shape.CreateGrantRequest) ([]key.Need, error) {
		if err := grantParties(in); err != nil {
			return nil, err
		}
		needs := share("kms:CreateGrant", in.KeyId)
		_, needs[0].Context = constraintOf(in.Constraints)
		return needs, nil
	},
	Says: func(c *Call, in *shape.CreateGrantRequest, name string) []string {
		return c.grantSays(in, name)
	},
	States: key.WhileUnavailable | key.WhileUpdating,
	// The parameters are judged after the state of the key (operations.md §4.2).
	Run: func(ctx context.Context, c *Call, in *shape.CreateGrantRequest) (_ *shape.CreateGrantResponse, change *record.Change, err error) {
		g, err := c.newGrant(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		c.Grant, change, err = c.addGrant(ctx, g)
		if err != nil {
			return nil, nil, err
		}
		return &shape.CreateGrantResponse{GrantId: c.Grant.Id}, change, nil
	},
	Placed: func(c *Call, out *shape.CreateGrantResponse, at []store.Position) (err error) {
		out.GrantToken, err = c.Book.GrantToken(c.Grant, at)
		return err
	},
	Audit: func(in *shape.CreateGrantRequest) audit.Detail {
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.String("granteePrincipal", in.GranteePrincipal).If(in.GranteePrincipal != ""),
			audit.String("granteeServicePrincipal", in.GranteeServicePrincipal).If(in.GranteeServicePrincipal != ""),
			audit.Strings("operations", in.Operations),
			audit.Object("constraints", constraintDetail(in.Constraints)).If(in.Constraints != nil),
			audit.String("retiringPrincipal", in.RetiringPrincipal).If(in.RetiringPrincipal != ""),
			audit.String("retiringServicePrincipal", in.RetiringServicePrincipal).If(in.RetiringServicePrincipal != ""),
			audit.String("name", in.Name).If(in.Name != ""),
		}
	},
	Result: func(c *Call, out *shape.CreateGrantResponse) audit.Detail { // never the token (access.md §7.3)
		return audit.Detail{audit.String("grantId", out.GrantId), audit.String("keyId", c.Key().ARN)}
	},
	Differs: []string{
		"A principal is named by its ARN; a unique id (`AIDA…`, `AROA…`) is refused as that of nobody.",
		"The same `Name` with other parameters makes another grant; `Operations` are compared as a set, and an operation given twice is kept once.",
		"At least one operation is needed. A context constraint has 1 to 8 pairs, its keys no longer than its values may be (384).",
	},
}

// share is the need of an operation on a key by id or ARN that another account may be allowed.
func share(action, id string) []key.Need {
	return []key.Need{{Action: action, KeyID: id, Forms: key.KeyOnly, CrossAccount: true}}
}

// grantParties refuses requests that do not say, or say twice, whom a grant is for and who may retire
// it (additions-2026.md).
func grantParties(in *shape.CreateGrantRequest) error {
	retired := in.RetiringPrincipal != "" || in.RetiringServicePrincipal != ""
	switch {
	case in.GranteePrincipal == "" && in.GranteeServicePrincipal == "":
		return shape.Missing("granteePrincipal")
	case in.GranteePrincipal != "" && in.GranteeServicePrincipal != "":
		return fault.EitherOf("GranteePrincipal", "GranteeServicePrincipal")
	case in.RetiringPrincipal != "" && in.RetiringServicePrincipal != "":
		return fault.EitherOf("RetiringPrincipal", "RetiringServicePrincipal")
	case in.GranteeServicePrincipal != "" && (!retired || in.Constraints == nil || in.Constraints.SourceArn == ""):
		return fault.ServiceGrantIncomplete()
	}
	return nil
}

func constraintDetail(c *shape.GrantConstraints) audit.Detail {
	if c == nil {
		return nil
	}
	return audit.Detail{
		audit.StringMap("encryptionContextSubset", c.EncryptionContextSubset),
		audit.StringMap("encryptionContextEquals", c.EncryptionContextEquals),
		audit.String("sourceArn", c.SourceArn).If(c.SourceArn != ""),
	}
}
