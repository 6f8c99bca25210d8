package admin

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/authz/explain"
)

// Explain tells why a request would be allowed or refused. Nothing is done and nobody else learns of it; what
// was asked is recorded, as whoever asks learns of every account's policies.
var Explain = &Action[explain.Question, *explain.Explanation]{
	Name: "explain", Event: "ExplainAuthorization", ReadOnly: true,
	run: func(ctx context.Context, c *call, q explain.Question) (*explain.Explanation, error) {
		return explain.Explainer{Ops: c.Ops}.Explain(ctx, q)
	},
	audit: func(q explain.Question) audit.Detail {
		return audit.Detail{
			audit.String("principal", q.Principal), audit.String("account", q.Account), audit.String("action", q.Action),
			audit.String("key", q.Key).If(q.Key != ""), audit.String("resource", q.Resource).If(q.Resource != ""),
		}
	},
}
