package oversight

import (
	"context"
	"maps"
	"slices"

	"qkms/internal/authz"
	"qkms/internal/authz/explain"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/key"
)

// A weighed is a policy, as its author has it and ready to decide.
type weighed struct {
	*policy.Document
	bound  map[string]string
	decide *policy.Policy
}

// policySides are the policy that a key has, and the one that it may have instead.
type policySides struct {
	key       *key.Key
	before    weighed
	after     weighed
	reworded  bool // a statement with a condition is not in both
	textBytes int
}

func (d *Deps) sides(ctx context.Context, k *key.Key, text string) (*policySides, error) {
	now, _, err := d.Ops.Authz.KeyPolicy(ctx, k)
	if err != nil {
		return nil, err
	}
	before := weighed{Document: policy.Default(d.Ops.Naming.Partition, k.Account), bound: now.Bound, decide: now.Policy}
	if now.Text != "" {
		if before.Document, err = policy.Parse(now.Text, d.Ops.Naming.Partition); err != nil {
			return nil, err
		}
	}
	after := weighed{}
	if after.Document, err = policy.Parse(text, d.Ops.Naming.Partition); err != nil {
		return nil, err
	}
	var unknown string
	if after.bound, unknown, err = d.Ops.Identities.BindAll(ctx, after.Principals()); err != nil {
		return nil, err
	} else if unknown != "" { // deleted in this very moment
		return nil, fault.PolicyPrincipal()
	}
	after.decide = after.Bind(after.bound)
	return &policySides{
		key: k, before: before, after: after, textBytes: len(now.Text) + len(text),
		reworded: !maps.Equal(before.Conditional(), after.Conditional()),
	}, nil
}

// An action is one that matters to who thinks about a policy.
type action struct {
	name        string
	usages      []string // of keys that it is for; nil: of any
	administers bool
}

// actions are the use of keys, by what they are for, and what changes or ends a key, or says who may use it.
var actions = []action{
	{name: "Encrypt", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "Decrypt", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "GenerateDataKey", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "GenerateDataKeyWithoutPlaintext", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "GenerateDataKeyPair", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "ReEncryptFrom", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "ReEncryptTo", usages: []string{"ENCRYPT_DECRYPT"}},
	{name: "Sign", usages: []string{"SIGN_VERIFY"}},
	{name: "Verify", usages: []string{"SIGN_VERIFY"}},
	{name: "GenerateMac", usages: []string{"GENERATE_VERIFY_MAC"}},
	{name: "VerifyMac", usages: []string{"GENERATE_VERIFY_MAC"}},
	{name: "DeriveSharedSecret", usages: []string{"KEY_AGREEMENT"}},
	{name: "Encapsulate", usages: []string{"ENCAPSULATE_DECAPSULATE"}},
	{name: "Decapsulate", usages: []string{"ENCAPSULATE_DECAPSULATE"}},
	{name: "DescribeKey"},
	{name: "GetKeyPolicy", administers: true},
	{name: "PutKeyPolicy", administers: true},
	{name: "CreateGrant", administers: true},
	{name: "ListGrants", administers: true},
	{name: "RevokeGrant", administers: true},
	{name: "EnableKey", administers: true},
	{name: "DisableKey", administers: true},
	{name: "ScheduleKeyDeletion", administers: true},
	{name: "CancelKeyDeletion", administers: true},
	{name: "EnableKeyRotation", administers: true},
	{name: "RotateKeyOnDemand", administers: true},
	{name: "TagResource", administers: true},
	{name: "UpdateAlias", administers: true},
}

var prospects = map[authz.Prospect]string{authz.Never: "never", authz.Conditional: "conditions", authz.Always: "always"}

// change is what changes for one party.
func (p *policySides) change(ctx context.Context, f *authz.Foresight, of party) (PolicyChange, error) {
	out := PolicyChange{Who: of.PolicyParty}
	for _, a := range actions {
		if a.usages != nil && !slices.Contains(a.usages, p.key.Usage) {
			continue
		}
		n := key.Need{Action: "kms:" + a.name, KeyID: p.key.Id, Forms: key.KeyOnly, CrossAccount: explain.CrossAccount(a.name)}
		before, err := f.Of(ctx, of.request, &n, p.before.decide)
		if err != nil {
			return out, err
		}
		after, err := f.Of(ctx, of.request, &n, p.after.decide)
		if err != nil {
			return out, err
		}
		changed := ActionChange{Action: n.Action, Administers: a.administers, Before: prospects[before], After: prospects[after]}
		switch {
		case after > before:
			out.Gains = append(out.Gains, changed)
		case after < before:
			out.Loses = append(out.Loses, changed)
		case after == authz.Conditional && p.reworded:
			out.Depends = append(out.Depends, changed)
		}
	}
	return out, nil
}
