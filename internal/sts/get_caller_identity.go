package sts

import (
	"context"

	"qkms/internal/query"
	"qkms/internal/record"
)

type callerIdentity struct {
	Arn     string
	UserId  string
	Account string
}

// getCallerIdentity needs no permission: it tells callers what they know already.
var getCallerIdentity = &query.Op[struct{}, callerIdentity]{
	Name: "GetCallerIdentity",
	Run: func(_ context.Context, c *query.Call, _ *struct{}) (*callerIdentity, *record.Change, error) {
		return &callerIdentity{Arn: c.Caller.ARN, UserId: c.Caller.PrincipalID, Account: c.Caller.Account}, nil, nil
	},
	ReadOnly: true,
}
