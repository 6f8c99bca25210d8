// Package sts is the part of AWS's Security Token Service API that clients call before they call KMS.
package sts

import (
	"qkms/internal/audit"
	"qkms/internal/query"
)

// Service is the API. To add an operation: write its file, add its row.
var Service = query.New(query.Service{
	Signing: "sts", Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
	Source: audit.SourceSTS, Failure: "InternalFailure",
	Table: []query.Row{
		assumeRole,
		assumeRoleWithCertificate,
		assumeRoleWithWebIdentity,
		getCallerIdentity,
		getSessionToken,
	},
})
