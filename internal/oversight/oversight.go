// Package oversight is an API of our own, for who looks after keys in a browser: what the console asks and the APIs of AWS do not answer.
//
// It is on the same pipeline as they are: requests are signed for the service "qkms", decided by policies about
// actions like qkms:LookupEvents, and recorded. Parameters are a form, answers JSON.
package oversight

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/authz"
	"qkms/internal/op"
	"qkms/internal/query"
)

// Signing is the service of a signature's scope, and Version that of the API.
const (
	Signing = "qkms"
	Version = "2026-11-22"
)

// Deps is what the operations look at, besides what those of every service do.
type Deps struct {
	// Operators are the accounts that may ask about the whole deployment; see operates.
	Operators []string

	Audit    *audit.Log // of this node
	Verifier *Verifier  // of Audit

	Sampler *Sampler // of what this node does

	Turns *Turns // of operations that take long

	// Deployment finds out how the service as a whole is.
	Deployment func(context.Context) *Deployment

	Shared bool // other nodes may use the store

	Ops *op.Deps // what operations of KMS work with, and decide by
}

// New returns the API. To add an operation: write its file, add its row.
func New(d Deps) *query.Service {
	return query.New(query.Service{
		Signing: Signing, Version: Version, Source: audit.SourceOversight, JSON: true,
		Table: []query.Row{
			consoleLogin,
			d.lookupEvents(),
			d.getEvent(),
			d.proveEvent(),
			d.auditState(),
			d.verifyAudit(),
			d.describeDeployment(),
			d.series(),
			d.explainAuthorization(),
			d.explainKeyUse(),
			searchKeys,
			d.previewKeyPolicy(),
		},
	})
}

// needs is the permission to do what is about no key in particular.
func needs[In any](name string) func(context.Context, *query.Call, *In) ([]authz.Act, error) {
	return func(context.Context, *query.Call, *In) ([]authz.Act, error) {
		return []authz.Act{{Action: Signing + ":" + name, Resource: "*"}}, nil
	}
}
