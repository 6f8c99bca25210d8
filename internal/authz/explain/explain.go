// Package explain says why a request is allowed or refused.
//
// Explainer.Explain makes up the request that a Question describes and lets authz decide it, by the very code
// that decides real ones; an Explanation is what it found, for a program; Explanation.Text is that for people.
// It tells everything, of every account, to whoever operates the service, and of one account alone to who is of it: Explainer.Within.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/op"
)

// A Question is what somebody would ask the service for.
type Question struct {
	// Principal is an ARN: of a root user, a user, a session of a role, real or not; or a service's name. Of
	// Account also "root", "user/alice", "assumed-role/reader/any".
	Principal string `json:"principal"`
	Account   string `json:"account,omitempty"` // twelve digits; that of an ARN wins
	Region    string `json:"region"`            // in which the request is made

	Action   string `json:"action"`             // kms:Decrypt, iam:CreateUser, sts:AssumeRole
	Key      string `json:"key,omitempty"`      // id, ARN or alias, as the caller would write it
	Resource string `json:"resource,omitempty"` // the ARN of anything else: alias, role, user
	Grant    string `json:"grant,omitempty"`    // id of the grant to be retired

	Context         map[string]string   `json:"context,omitempty"`         // encryption context
	Conditions      map[string][]string `json:"conditions,omitempty"`      // what else the request says, by condition key
	GrantOperations []string            `json:"grantOperations,omitempty"` // of kms:CreateGrant
}

// An Explanation is the answer to a Question.
type Explanation struct {
	Principal string     `json:"principal"` // its ARN
	Allowed   bool       `json:"allowed"`
	Message   string     `json:"message,omitempty"` // what a refused caller is told
	Decisions []Decision `json:"decisions"`         // one for each thing that is needed, up to a refusal
}

// A Decision is about one action on one thing.
type Decision struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Account  string `json:"account,omitempty"` // whose key or role it is, where it is known

	Allowed bool       `json:"allowed"`
	Reason  string     `json:"reason"`        // one word, as audit records have it
	Why     string     `json:"why,omitempty"` // the sentence of Reason where no statement decided
	By      *Reference `json:"by,omitempty"`
	Note    string     `json:"note,omitempty"` // what else decided

	Policies []Policy `json:"policies"`         // all that were asked
	Grants   []Grant  `json:"grants,omitempty"` // those to the caller, if they were asked
	Needed   []Way    `json:"needed,omitempty"` // what would have been enough: each alone, the nearest first
}

// A Reference is to what decided: a statement, or a grant.
type Reference struct {
	Source    string          `json:"source"` // one word, as audit records have it
	Policy    string          `json:"policy,omitempty"`
	Statement int             `json:"statement,omitempty"` // from 1
	Sid       string          `json:"sid,omitempty"`
	Line      int             `json:"line,omitempty"` // of the policy's text where the statement begins, from 1
	Text      json.RawMessage `json:"text,omitempty"` // the statement as it is stored
	Grant     string          `json:"grant,omitempty"`
}

// A Policy is one that was asked.
type Policy struct {
	Source     string      `json:"source"`
	Name       string      `json:"name"` // "the key policy", "policy kms of user/alice"
	ARN        string      `json:"arn,omitempty"`
	Statements []Statement `json:"statements"`
}

// A Statement is what one has to do with the request.
type Statement struct {
	Number  int             `json:"number"` // from 1
	Sid     string          `json:"sid,omitempty"`
	Deny    bool            `json:"deny,omitempty"`
	Applies bool            `json:"applies"`
	Effect  string          `json:"effect,omitempty"` // of one that applies: "allows it"
	Misses  []string        `json:"misses,omitempty"` // why it does not: "does not name the caller"
	Line    int             `json:"line,omitempty"`   // of the policy's text where it begins, from 1
	Text    json.RawMessage `json:"text,omitempty"`

	step policy.Step
}

// A Grant is what one to the caller has to do with the request.
type Grant struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Permits bool   `json:"permits"`
	Why     string `json:"why"`
}

// A Way is what together would have been enough.
type Way struct {
	Changes []string `json:"changes"`

	misses int // of the statements that come nearest
}

// An Explainer explains. Its methods may be called concurrently.
type Explainer struct {
	Ops *op.Deps

	// Within is the account of whose principals, keys and other resources alone is told: a Question about another's is
	// Unfit, in the same words whether there is such a thing or not. Empty: those of every account.
	Within string
}

// An Unfit question cannot be decided; the text says what is wrong with it, to whoever asked.
type Unfit struct{ error }

func unfit(format string, args ...any) error { return &Unfit{fmt.Errorf(format, args...)} }

// mine refuses what is of an account that is not told of.
func (e Explainer) mine(what, name, account string) error {
	if e.Within == "" || account == e.Within {
		return nil
	}
	return unfit("%s %q is not of account %s, and of other accounts nothing is told", what, name, e.Within)
}

// Explain decides q as a request and tells why. The error is an Unfit, or says what could not be read.
func (e Explainer) Explain(ctx context.Context, q Question) (*Explanation, error) {
	c, err := e.caller(ctx, q)
	if err != nil {
		return nil, err
	}
	t, err := e.trial(ctx, q, c)
	if err != nil {
		return nil, err
	}
	err = t.run(ctx)
	x := &Explanation{Principal: c.ARN, Allowed: err == nil}
	if denied, is := errors.AsType[*fault.Error](err); is && denied.Code == fault.AccessDenied {
		x.Message = denied.Text
	} else if err != nil {
		return nil, err
	}
	for i := range t.req.Verdicts {
		d, err := t.explain(ctx, &t.req.Verdicts[i])
		if err != nil {
			return nil, err
		}
		x.Decisions = append(x.Decisions, d)
	}
	return x, nil
}

// caller is whom a Question is about, with a session made up where one is needed.
func (e Explainer) caller(ctx context.Context, q Question) (*authn.Caller, error) {
	if authn.IsService(q.Principal) {
		return &authn.Caller{Kind: authn.KindService, Region: q.Region, ARN: q.Principal, PrincipalID: q.Principal}, nil
	}
	p, err := authn.ParsePrincipal(e.Ops.Authz.Naming.Partition, e.spell(q))
	if err != nil {
		return nil, unfit("principal %q is none: write an ARN of a root user, a user or a session of a role, or a service like s3.amazonaws.com", q.Principal)
	}
	if err := e.mine("principal", q.Principal, p.Account); err != nil {
		return nil, err
	}
	c := &authn.Caller{Account: p.Account, Region: q.Region, ARN: p.ARN}
	resource := p.ARN[strings.LastIndex(p.ARN, ":")+1:]
	kind, name, _ := strings.Cut(resource, "/")
	switch kind {
	case "root":
		c.Kind, c.PrincipalID = authn.KindRoot, p.Account
		return c, nil
	case "user":
		return c, e.user(ctx, c, name)
	case "assumed-role":
		return c, e.session(ctx, c, name)
	case "role":
		return nil, unfit("a role never asks for anything, its sessions do: name one, as in assumed-role/%s/any", name[strings.LastIndexByte(name, '/')+1:])
	}
	return nil, unfit("principal %q: there are no federated users here", q.Principal)
}

// spell completes the short forms of principals.
func (e Explainer) spell(q Question) string {
	arn := "arn:" + e.Ops.Authz.Naming.Partition
	switch kind, _, _ := strings.Cut(q.Principal, "/"); {
	case key.IsAccount(q.Principal):
		return arn + ":iam::" + q.Principal + ":root"
	case kind == "root", kind == "user", kind == "role":
		return arn + ":iam::" + q.Account + ":" + q.Principal
	case kind == "assumed-role":
		return arn + ":sts::" + q.Account + ":" + q.Principal
	}
	return q.Principal
}

func (e Explainer) user(ctx context.Context, c *authn.Caller, path string) error {
	u, err := e.Ops.Authz.Identities.User(ctx, c.Account, path[strings.LastIndexByte(path, '/')+1:])
	if err == nil && (u == nil || u.ARN != c.ARN) {
		err = unfit("there is no user %s", c.ARN)
	}
	if err != nil {
		return err
	}
	c.Kind, c.PrincipalID, c.User = authn.KindUser, u.Id, u
	return nil
}
