package oversight

import (
	"context"
	"encoding/json"

	"qkms/internal/audit"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/op"
	"qkms/internal/query"
	"qkms/internal/record"
)

type previewKeyPolicyIn struct {
	KeyId  string // as PutKeyPolicy has it, like the rest
	Policy string
}

// A PolicyPreview is what would become of a key's policy, and for whom that changes what they may do.
type PolicyPreview struct {
	KeyArn string

	// Changes are those who gain or lose something, or whose conditions may change; everybody else who was looked at is
	// left out.
	Changes []PolicyChange

	// Looked is how many were looked at: the root user, whom either policy names, and then the users and roles of the
	// account. Cut: there are more.
	Looked int
	Cut    bool
}

// A PolicyChange is what changes for one principal.
type PolicyChange struct {
	Who PolicyParty

	Gains []ActionChange `json:",omitempty"`
	Loses []ActionChange `json:",omitempty"`

	// Depends are actions that were allowed under conditions and still are, where some statement with a condition
	// is another one now.
	Depends []ActionChange `json:",omitempty"`
}

// A PolicyParty is somebody who may be allowed to do something with a key.
type PolicyParty struct {
	Kind string // Root, User, Role, Session, Service, Account, Everyone
	Arn  string // or the name of a service, or the number of an account; "*" of Everyone

	// Elsewhere is set of who is of another account: that must allow it as well, and nobody here knows whether it does.
	Elsewhere bool
}

// An ActionChange is that of one action: Before and After are "never", "conditions" or "always".
type ActionChange struct {
	Action        string
	Administers   bool // the key; otherwise it uses it
	Before, After string
}

// A draft is a policy that may become that of a key.
type draft struct {
	call *op.Call
	req  op.Request // PutKeyPolicy
	key  *key.Key
}

// previewKeyPolicy says what PutKeyPolicy would do, and does nothing: it is that very operation up to the change which
// it proposes, and the change is dropped. Who is not allowed to put the policy is told nothing of what it would be.
func (d *Deps) previewKeyPolicy() query.Row {
	return &query.Op[previewKeyPolicyIn, PolicyPreview]{
		Name: "PreviewKeyPolicy",
		Needs: func(ctx context.Context, c *query.Call, in *previewKeyPolicyIn) ([]authz.Act, error) {
			draft, err := d.draft(ctx, c, in)
			if err != nil {
				return nil, err
			}
			c.Subject = draft
			return []authz.Act{{Action: Signing + ":PreviewKeyPolicy", Resource: d.policyARN(draft.key), Tags: tagsOf(draft.key)}}, nil
		},
		Run: inTurn(d.Turns, func(ctx context.Context, c *query.Call, in *previewKeyPolicyIn) (*PolicyPreview, *record.Change, error) {
			draft := c.Subject.(*draft)
			c.Resources = []audit.Resource{{AccountID: draft.key.Account, ARN: draft.key.ARN}}
			if err := draft.req.Ready(ctx, draft.call); err != nil {
				return nil, nil, err
			}
			if _, _, err := draft.req.Run(ctx, draft.call); err != nil { // the change goes nowhere
				return nil, nil, err
			}
			out, err := d.preview(ctx, c, draft.key, in.Policy)
			return out, nil, err
		}),
		ReadOnly: true,
	}
}

// draft goes as far as a PutKeyPolicy goes until it is authorized.
func (d *Deps) draft(ctx context.Context, c *query.Call, in *previewKeyPolicyIn) (*draft, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := op.ByName["PutKeyPolicy"].Decode(body)
	if err != nil {
		return nil, err
	}
	needs, err := req.Needs()
	if err != nil {
		return nil, err
	}
	call := &op.Call{Deps: d.Ops, Of: req, Caller: c.Caller, Now: c.Now, Needs: needs, Request: c.Request}
	if call.Keys, err = d.Ops.Resolver.Resolve(ctx, nil, c.Caller.Account, c.Caller.Region, needs); err != nil {
		return nil, err
	}
	if err := d.Ops.Authz.Check(ctx, c.Request, needs, call.Keys); err != nil {
		return nil, err
	}
	return &draft{call, req, call.Key()}, nil
}

// policyARN is how policies name a key, however the deployment prints it.
func (d *Deps) policyARN(k *key.Key) string {
	return key.Naming{Partition: d.Ops.Naming.Partition, Style: key.StyleAWS}.Key(k.Account, k.Region, k.Id)
}

func tagsOf(k *key.Key) map[string]string {
	tags := map[string]string{}
	for _, t := range k.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// preview compares the policy that k has with text, which is one that k may have.
func (d *Deps) preview(ctx context.Context, c *query.Call, k *key.Key, text string) (*PolicyPreview, error) {
	p, err := d.sides(ctx, k, text)
	if err != nil {
		return nil, err
	}
	out := &PolicyPreview{KeyArn: k.ARN, Changes: []PolicyChange{}}
	parties, cut, err := d.parties(ctx, c, p)
	if err != nil {
		return nil, err
	}
	f := &authz.Foresight{Rules: d.Ops.Authz, Key: k}
	for _, party := range parties {
		if out.Cut = f.Work > policy.MostWork; out.Cut {
			return out, nil
		}
		change, err := p.change(ctx, f, party)
		if err != nil {
			return nil, err
		}
		out.Looked++
		if len(change.Gains)+len(change.Loses)+len(change.Depends) > 0 {
			out.Changes = append(out.Changes, change)
		}
	}
	out.Cut = cut
	return out, nil
}
