package explain

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/op"
)

// A trial is a request that nobody made.
type trial struct {
	Explainer
	q   Question
	req *authz.Request

	need key.Need
	key  *key.Key            // nil: there is none, or it is about none
	role *identity.Role      // that is to be assumed
	said map[string][]string // by condition key, folded
	op   op.Request          // without parameters, for what is said by default; nil of what is no operation
}

// Actions on keys that other accounts can be allowed, by how their operations take a key (access.md §4.2).
var (
	byAnyName = []string{
		"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		"GenerateMac", "VerifyMac", "Sign", "Verify", "DeriveSharedSecret", "Encapsulate", "Decapsulate", "ReEncryptFrom", "ReEncryptTo",
		"DescribeKey", "GetPublicKey",
	}
	withContext = []string{
		"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		"ReEncryptFrom", "ReEncryptTo",
	}
	byID = []string{"GetKeyRotationStatus", "ListGrants", "CreateGrant", "RevokeGrant", "RetireGrant"}
)

// CrossAccount reports whether the account of a key can let other accounts do something with it, by the name of the
// action without its service.
func CrossAccount(name string) bool {
	return slices.Contains(byAnyName, name) || slices.Contains(byID, name)
}

// onNothing are the actions that are about no key.
var onNothing = []string{
	"CreateKey", "ListKeys", "ListAliases", "GenerateRandom", "ListRetirableGrants", "ConnectCustomKeyStore", "CreateCustomKeyStore",
	"DeleteCustomKeyStore", "DescribeCustomKeyStores", "DisconnectCustomKeyStore", "UpdateCustomKeyStore",
}

var onAliases = []string{"CreateAlias", "DeleteAlias", "UpdateAlias"}

// grantable are the actions that a grant can give.
var grantable = slices.Concat(byAnyName, []string{"CreateGrant", "RetireGrant"})

func (e Explainer) trial(ctx context.Context, q Question, c *authn.Caller) (*trial, error) {
	t := &trial{Explainer: e, q: q, said: map[string][]string{}}
	t.req = &authz.Request{Caller: c, Now: e.Ops.Resolver.Now(), TLS: true, Explain: true, Says: authz.SayerFunc(t.says)}
	if err := t.owned(); err != nil {
		return nil, err
	}
	if err := t.about(ctx); err != nil {
		return nil, err
	}
	if len(q.GrantOperations) > 0 {
		t.said["kms:grantoperations"] = q.GrantOperations
	}
	for name, values := range q.Conditions {
		if len(values) == 0 {
			continue
		}
		if err := t.say(name, policy.Fold(name), values); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// says is what the request says, or what the operation takes when it says nothing.
func (t *trial) says(name string) []string {
	if values, is := t.said[name]; is || t.op == nil {
		return values
	}
	return t.op.Says(&op.Call{Deps: t.Ops, Caller: t.req.Caller, Now: t.req.Now, Keys: []*key.Key{t.key}}, name)
}

// about finds what the action is on.
func (t *trial) about(ctx context.Context) (err error) {
	service, name, _ := strings.Cut(t.q.Action, ":")
	t.need = key.Need{Action: t.q.Action, Context: t.q.Context}
	switch {
	case service == "" || name == "":
		return unfit("action %q is not of the form kms:Decrypt", t.q.Action)
	case service == "sts" && slices.Contains([]string{"AssumeRole", "TagSession", "SetSourceIdentity"}, name):
		return t.aboutRole(ctx)
	case service != "kms":
		return nil
	case name == "ReEncrypt":
		return unfit("there is no action kms:ReEncrypt: ask for kms:ReEncryptFrom on the one key and for kms:ReEncryptTo on the other")
	case op.ByName[name] == nil && name != "ReEncryptFrom" && name != "ReEncryptTo":
		return unfit("there is no action %s", t.q.Action)
	}
	if row := op.ByName[name]; row != nil {
		t.op, _ = row.Decode([]byte("{}")) // that it lacks everything is no error here
	}
	switch {
	case slices.Contains(onNothing, name):
		return nil
	case slices.Contains(onAliases, name) && t.q.Resource != "" && t.q.Key == "":
		return nil
	case t.q.Key == "":
		return unfit("%s is on a key: say which", t.q.Action)
	}
	return t.aboutKey(ctx, name)
}

// owned refuses a resource of an account that is not told of. "aws" is in the ARNs of policies that come with the service.
func (t *trial) owned() error {
	if t.Within == "" || t.q.Resource == "" || t.q.Resource == "*" {
		return nil
	}
	account := key.AccountOf(t.q.Resource)
	if account == "aws" {
		return nil
	}
	return t.mine("resource", t.q.Resource, account)
}

// Key is the key that a caller of account in a Region means by name: an id, an ARN or an alias. It is nil of another account's
// that does not exist; the error is as Explain's.
func (e Explainer) Key(ctx context.Context, name, account, region string) (*key.Key, error) {
	ref, err := e.Ops.Authz.Naming.ParseReference(name, account, region, key.AnyForm)
	if err != nil {
		return nil, unfit("key %q: %w", name, err)
	}
	if err := e.mine("key", name, ref.Account); err != nil {
		return nil, err
	}
	k, err := e.Ops.Resolver.Find(ctx, ref, account)
	if _, is := errors.AsType[*fault.Error](err); is {
		return nil, unfit("key %q: %w", name, err)
	}
	return k, err
}

func (t *trial) aboutKey(ctx context.Context, name string) error {
	var err error
	if t.key, err = t.Key(ctx, t.q.Key, t.req.Caller.Account, t.req.Caller.Region); err != nil {
		return err
	}
	t.need.KeyID, t.need.Forms = t.q.Key, key.Forms(slices.Contains(byAnyName, name))
	if slices.Contains(withContext, name) {
		t.need.Algorithm = "SYMMETRIC_DEFAULT"
	}
	t.need.CrossAccount = CrossAccount(name)
	if name != "RetireGrant" {
		return nil
	}
	if t.q.Grant == "" || t.key == nil {
		return unfit("kms:RetireGrant is about a grant: say which, and on which key")
	}
	t.need.Grant = &key.Grant{ID: t.q.Grant}
	t.need.Grant.Found, _, err = t.Ops.Resolver.Grant(ctx, t.key, t.q.Grant)
	if err == nil && t.need.Grant.Found == nil {
		err = unfit("there is no grant %s on %s", t.q.Grant, t.key.ARN)
	}
	return err
}

func (t *trial) aboutRole(ctx context.Context) (err error) {
	f := strings.SplitN(t.q.Resource, ":", 6)
	if len(f) != 6 || !strings.HasPrefix(f[5], "role/") {
		return unfit("%s is on a role: give its ARN as the resource", t.q.Action)
	}
	t.role, err = t.Ops.Authz.Identities.Role(ctx, f[4], f[5][strings.LastIndexByte(f[5], '/')+1:])
	if err == nil && (t.role == nil || t.role.ARN != t.q.Resource) {
		err = unfit("there is no role %s", t.q.Resource)
	}
	return err
}

// run decides: as an operation on an alias does, first on the alias and then on the key.
func (t *trial) run(ctx context.Context) error {
	switch service, _, _ := strings.Cut(t.q.Action, ":"); {
	case t.role != nil:
		ok, err := t.Ops.Authz.Assumes(ctx, t.req, nil, t.role, t.q.Action)
		switch {
		case err != nil:
		case ok && t.req.Caller.Kind == authn.KindRoot && t.q.Action == "sts:AssumeRole":
			err = fault.RootAssumes()
		case !ok:
			err = fault.AssumeDenied(t.req.Caller.ARN, t.q.Action, t.role.ARN)
		}
		return err
	case service != "kms":
		return t.Ops.Authz.Allow(ctx, t.req, authz.Act{Action: t.q.Action, Resource: t.resource()})
	}
	var needs []key.Need
	var keys []*key.Key
	if _, alias, is := strings.Cut(t.q.Resource, "alias/"); is {
		needs, keys = append(needs, key.Need{Action: t.q.Action, Alias: "alias/" + alias}), append(keys, nil)
	}
	if t.need.KeyID != "" || len(needs) == 0 {
		needs, keys = append(needs, t.need), append(keys, t.key)
	}
	return t.Ops.Authz.Check(ctx, t.req, needs, keys)
}

func (t *trial) resource() string {
	if t.q.Resource == "" {
		return "*"
	}
	return t.q.Resource
}

// known are the condition keys whose values nobody can claim, by the beginnings of their names: they are the
// caller's or the clock's. ofKey are those of a key.
var (
	known = []string{
		"aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:principalisawsservice", "aws:principalservicename", "aws:userid",
		"aws:username", "aws:requestedregion", "aws:viaawsservice", "aws:calledvia", "aws:multifactorauth", "aws:epochtime", "kms:calleraccount",
	}
	ofKey = []string{
		"kms:keyspec", "kms:keyusage", "kms:keyorigin", "kms:multiregion", "kms:customermasterkey", "kms:requestalias", "kms:resourcealiases",
		"kms:trailingdays", "aws:resourcetag/", "aws:resourceaccount",
	}
)

// say puts the values of a condition key where the request has them.
func (t *trial) say(name, folded string, values []string) (err error) {
	begins := func(p string) bool { return strings.HasPrefix(folded, p) }
	c, one := t.req.Caller, values[0]
	tag, isTag := strings.CutPrefix(folded, "aws:principaltag/")
	switch {
	case slices.ContainsFunc(known, begins), t.need.KeyID != "" && slices.ContainsFunc(ofKey, begins):
		return unfit("condition %s is looked up, as it is for a request: leave it out", name)
	case begins("kms:encryptioncontext"):
		return unfit("condition %s follows from the encryption context: give that", name)
	case isTag && c.Session != nil:
		c.Session.Tags[tag] = one
	case isTag, c.Session == nil && slices.Contains([]string{"kms:viaservice", "aws:sourceidentity", "aws:federatedprovider", "aws:tokenissuetime"}, folded):
		return unfit("condition %s is of sessions of a role alone", name)
	case folded == "kms:viaservice":
		c.Session.Via = one
	case folded == "aws:sourceidentity":
		c.Session.SourceIdentity = one
	case folded == "aws:federatedprovider":
		c.Session.Provider = one
	case folded == "aws:tokenissuetime":
		c.Session.Issued, err = time.Parse(time.RFC3339, one)
	case folded == "aws:currenttime":
		t.req.Now, err = time.Parse(time.RFC3339, one)
	case folded == "aws:securetransport":
		t.req.TLS, err = strconv.ParseBool(one)
	case folded == "aws:sourceip":
		t.req.SourceIP = one
	case folded == "aws:useragent":
		t.req.UserAgent = one
	case folded == "aws:sourcearn" && c.Kind == authn.KindService:
		c.SourceARN = one
	case folded == "aws:sourceaccount" && c.Kind == authn.KindService:
		c.SourceAccount = one
	case folded == "kms:encryptionalgorithm" && t.need.KeyID != "":
		t.need.Algorithm = one
	default:
		t.said[folded] = values
	}
	if err != nil {
		return unfit("condition %s: %w", name, err)
	}
	return nil
}
