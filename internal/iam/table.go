// Package iam is the part of AWS's Identity and Access Management API that tools use to keep users, groups,
// roles and policies.
package iam

import (
	"qkms/internal/audit"
	"qkms/internal/query"
)

// Service is the API. To add an operation: write it beside its noun, add its row.
var Service = query.New(query.Service{
	Signing: "iam", Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
	Source: audit.SourceIAM, Failure: "ServiceFailure",
	Table: []query.Row{},
})
