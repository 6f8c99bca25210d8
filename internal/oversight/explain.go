package oversight

import (
	"context"
	"errors"

	"qkms/internal/authz/explain"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

// A named is a name with a value. Of a condition key there may be several.
type named struct {
	Name  string `is:"required"`
	Value string `is:"required"`
}

type explainIn struct {
	Principal         string `is:"required"`
	ActionName        string `is:"required"`
	KeyId             string
	Resource          string
	GrantId           string
	EncryptionContext []named
	Conditions        []named
	GrantOperations   []string
}

func (in *explainIn) question(c *query.Call) explain.Question {
	q := explain.Question{
		Principal: in.Principal, Account: c.Caller.Account, Region: c.Caller.Region, Action: in.ActionName, Key: in.KeyId, Resource: in.Resource,
		Grant: in.GrantId, GrantOperations: in.GrantOperations, Context: map[string]string{}, Conditions: map[string][]string{},
	}
	for _, p := range in.EncryptionContext {
		q.Context[p.Name] = p.Value
	}
	for _, p := range in.Conditions {
		q.Conditions[p.Name] = append(q.Conditions[p.Name], p.Value)
	}
	return q
}

// longestName is how long what names something may be, as the longest ARN of IAM. Refusals repeat it.
const longestName = 2048

// askable refuses who has no account of which to be told, and names that are none.
func askable(c *query.Call, names ...string) error {
	if c.Caller.Account == "" {
		return fault.ExplanationOfService()
	}
	for _, name := range names {
		if len(name) > longestName {
			return fault.InvalidValue("No principal, action, key or resource has a name that long.")
		}
	}
	return nil
}

// explainAuthorization tells who may do what, and which statement says so. Whoever may ask sees the policies of all principals
// and keys of the account: it is a right like iam:GetAccountAuthorizationDetails. What is of other accounts is not told of, and
// cannot be asked for.
func (d *Deps) explainAuthorization() query.Row {
	const name = "ExplainAuthorization"
	return &query.Op[explainIn, explain.Explanation]{
		Name: name,
		Check: func(c *query.Call, in *explainIn) error {
			return askable(c, in.Principal, in.ActionName, in.KeyId, in.Resource, in.GrantId)
		},
		Needs: needs[explainIn](name),
		Run: inTurn(d.Turns, func(ctx context.Context, c *query.Call, in *explainIn) (*explain.Explanation, *record.Change, error) {
			x, err := d.explainer(c).Explain(ctx, in.question(c))
			return x, nil, told(err)
		}),
		ReadOnly: true,
	}
}

// explainer tells of the account of the caller alone, unless that operates the deployment.
func (d *Deps) explainer(c *query.Call) explain.Explainer {
	e := explain.Explainer{Ops: d.Ops, Within: c.Caller.Account}
	if d.operates(c) == nil {
		e.Within = ""
	}
	return e
}

// told is err as the caller sees it: of a question that cannot be asked, why.
func told(err error) error {
	if unfit, is := errors.AsType[*explain.Unfit](err); is {
		return fault.InvalidValue(unfit.Error())
	}
	return err
}
