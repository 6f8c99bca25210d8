package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var getParametersForImport = &Op[shape.GetParametersForImportRequest, shape.GetParametersForImportResponse]{
	Name: "GetParametersForImport",
	Needs: func(in *shape.GetParametersForImportRequest) ([]key.Need, error) {
		return manage("kms:GetParametersForImport", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.GetParametersForImportRequest, name string) []string {
		switch name {
		case "kms:wrappingalgorithm":
			return said(in.WrappingAlgorithm)
		case "kms:wrappingkeyspec":
			return said(in.WrappingKeySpec)
		}
		return nil
	},
	Check:  func(c *Call, _ *shape.GetParametersForImportRequest) error { return imported(c.Key()) },
	States: key.WhileDisabled | key.WhilePendingImport,
	Run: func(ctx context.Context, c *Call, in *shape.GetParametersForImportRequest) (*shape.GetParametersForImportResponse, *record.Change, error) {
		k := c.Key()
		if !canWrap(k.Spec, in.WrappingAlgorithm, in.WrappingKeySpec) {
			return nil, nil, fault.WrappingNotForSpec(string(in.WrappingAlgorithm), string(in.WrappingKeySpec), k.Spec)
		}
		ref := custody.Ref{Account: k.Account, Region: k.Region, KeyID: k.Id}
		public, private, err := c.Importer.WrappingKey(ctx, ref, string(in.WrappingKeySpec))
		if err != nil {
			return nil, nil, sealFault(err)
		}
		expires := c.Now.Add(importTokenLife)
		return &shape.GetParametersForImportResponse{
			KeyId:             k.ARN,
			ImportToken:       c.sealImportToken(importToken{expires, string(in.WrappingAlgorithm), private}),
			PublicKey:         public,
			ParametersValidTo: expires,
		}, nil, nil
	},
	Audit: func(in *shape.GetParametersForImportRequest) audit.Detail { // the answer is not recorded: it holds the token
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.String("wrappingAlgorithm", in.WrappingAlgorithm),
			audit.String("wrappingKeySpec", in.WrappingKeySpec),
		}
	},
	ReadOnly: true,
	Differs:  []string{"`SM2PKE` and `SM2` are refused like any other combination that a key spec cannot be imported under."},
}
