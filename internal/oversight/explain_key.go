package oversight

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"qkms/internal/authz/explain"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type keyUseIn struct {
	KeyId    string `is:"required"`
	Marker   string `is:"marker"`
	MaxItems int    `is:"maxItems"`
}

// A KeyUse is who of an account may do what with a key of it: a page of them.
type KeyUse struct {
	Key         string   // its ARN
	Actions     []string // the columns
	Principals  []PrincipalUse
	IsTruncated bool
	Marker      string `json:",omitempty"`
}

// A PrincipalUse is a row: what one may do.
type PrincipalUse struct {
	Principal string // as ExplainAuthorization takes it: root, user/NAME, assumed-role/NAME/any
	Uses      []Use  // as many as there are actions
}

// A Use says whether a principal may do one thing, and what says so: one word, as audit records have it.
type Use struct {
	Allowed bool
	Reason  string
	Source  string `json:",omitempty"`
}

// mostUsers is how many principals are on a page: each of them is a decision for each action.
const mostUsers = 25

// uses are what keys are for, by their usage. Beside them stand seeing a key, giving it to others and taking it from all.
var uses = map[key.Usage][]string{
	key.EncryptDecrypt:    {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom"},
	key.SignVerify:        {"kms:Sign", "kms:Verify", "kms:GetPublicKey"},
	key.GenerateVerifyMac: {"kms:GenerateMac", "kms:VerifyMac"},
	key.KeyAgreement:      {"kms:DeriveSharedSecret", "kms:GetPublicKey"},

	key.EncapsulateDecapsulate: {"kms:Encapsulate", "kms:Decapsulate", "kms:GetPublicKey"},
}

var always = []string{"kms:DescribeKey", "kms:CreateGrant", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}

func (d *Deps) explainKeyUse() query.Row {
	const name = "ExplainKeyUse"
	return &query.Op[keyUseIn, KeyUse]{
		Name:  name,
		Check: func(c *query.Call, in *keyUseIn) error { return askable(c, in.KeyId) },
		Needs: needs[keyUseIn](name),
		Run: inTurn(d.Turns, func(ctx context.Context, c *query.Call, in *keyUseIn) (*KeyUse, *record.Change, error) {
			out, err := d.keyUse(ctx, c, in)
			return out, nil, told(err)
		}),
		ReadOnly: true,
	}
}

func (d *Deps) keyUse(ctx context.Context, c *query.Call, in *keyUseIn) (*KeyUse, error) {
	e := d.explainer(c)
	k, err := e.Key(ctx, in.KeyId, c.Caller.Account, c.Caller.Region)
	if err != nil {
		return nil, err
	}
	if k == nil { // an operator's question, about another account
		return nil, fault.InvalidValue("There is no such key.")
	}
	account := k.Account // whose principals may be allowed by policies of their own
	out := &KeyUse{Key: k.ARN, Actions: append(append([]string(nil), uses[key.Usage(k.Usage)]...), always...)}
	p, err := c.Page("ExplainKeyUse", k.ARN, in.Marker, min(cmp.Or(in.MaxItems, mostUsers), mostUsers))
	if err != nil {
		return nil, err
	}
	names, err := principals(ctx, c.Book, account, p.After, p.Items+1)
	if err != nil {
		return nil, err
	}
	if len(names) > p.Items {
		names = names[:p.Items]
		out.IsTruncated, out.Marker = true, p.Marker(names[len(names)-1])
	}
	for _, name := range names {
		row := PrincipalUse{Principal: name}
		row.Uses, err = each(ctx, e, out.Actions, explain.Question{Principal: name, Account: account, Region: c.Caller.Region, Key: k.ARN})
		if _, gone := errors.AsType[*explain.Unfit](err); gone { // deleted since it was listed
			continue
		} else if err != nil {
			return nil, err
		}
		out.Principals = append(out.Principals, row)
	}
	return out, nil
}

// each decides q for each of actions.
func each(ctx context.Context, e explain.Explainer, actions []string, q explain.Question) (all []Use, err error) {
	for _, q.Action = range actions {
		x, err := e.Explain(ctx, q)
		if err != nil {
			return nil, err
		}
		use := Use{Allowed: x.Allowed}
		for _, d := range x.Decisions { // the last of them decided
			if use.Reason = d.Reason; d.By != nil {
				use.Source = d.By.Source
			}
		}
		all = append(all, use)
	}
	return all, nil
}

// principals are those of the account after one of them, in this order: the root user, the users, and a session of each role.
func principals(ctx context.Context, b *record.Book, account, after string, most int) (all []string, err error) {
	kind, _, _ := strings.Cut(after, "/")
	if after == "" {
		all = append(all, "root")
	}
	if kind != "assumed-role" {
		var from record.Key
		if kind == "user" {
			from = record.OfUser(account, after[strings.LastIndexByte(after, '/')+1:])
		}
		users, _, err := record.Scan[recordpb.User](ctx, b, record.Users(account), from, most)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			all = append(all, "user"+u.Msg.Path+u.Msg.Name)
		}
	}
	var from record.Key
	if kind == "assumed-role" {
		from = record.OfRole(account, strings.Split(after, "/")[1])
	}
	roles, _, err := record.Scan[recordpb.Role](ctx, b, record.Roles(account), from, most)
	for _, r := range roles {
		all = append(all, "assumed-role/"+r.Msg.Name+"/any")
	}
	return all[:min(len(all), most)], err
}
