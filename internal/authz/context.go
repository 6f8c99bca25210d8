package authz

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// asking answers the conditions of policies about one need (access.md §5). It looks up what a policy asks
// for and nothing else.
type asking struct {
	rules Rules
	ctx   context.Context //nolint:containedctx // of one evaluation, whose interface is pure
	req   *Request
	need  *key.Need
	key   *key.Key

	err error // something could not be looked up: the decision is void
}

// Values implements policy.Context.
func (a *asking) Values(name string) []string {
	service, rest, _ := strings.Cut(name, ":")
	switch service {
	case "aws":
		return a.global(rest, name)
	case "kms":
		return a.ofKMS(rest, name)
	}
	return nil
}

func is(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func isBool(b bool) []string { return []string{strconv.FormatBool(b)} }

// global are the keys of §5.2 that have a value: of long-term credentials of root users, without VPCs,
// organisations or services that call.
func (a *asking) global(name, full string) []string {
	c := a.req.Caller
	switch name {
	case "currenttime":
		return is(a.req.Now.UTC().Format(time.RFC3339))
	case "epochtime":
		return is(strconv.FormatInt(a.req.Now.Unix(), 10))
	case "securetransport":
		return isBool(a.req.TLS)
	case "sourceip":
		return is(a.req.SourceIP)
	case "useragent":
		return is(a.req.UserAgent)
	case "requestedregion":
		return is(c.Region)
	case "viaawsservice", "principalisawsservice":
		return isBool(false)
	case "principalarn":
		return is(c.ARN)
	case "principalaccount":
		return is(c.Account)
	case "principaltype":
		if c.Kind == authn.KindRoot {
			return is("Account")
		}
		return nil
	case "userid":
		return is(c.PrincipalID)
	case "resourceaccount":
		return is(a.key.Account)
	}
	return a.req.Says(full)
}

const contextPrefix = "encryptioncontext:"

// ofKMS are the keys of §5.1 that every operation on a key has; the others are its own.
func (a *asking) ofKMS(name, full string) []string {
	if pair, is := strings.CutPrefix(name, contextPrefix); is {
		return folded(a.need.Context, pair)
	}
	k := a.key
	switch name {
	case "encryptioncontextkeys":
		return slices.Sorted(maps.Keys(a.need.Context))
	case "encryptionalgorithm":
		return is(a.need.Algorithm)
	case "calleraccount":
		return is(a.req.Caller.Account)
	case "keyspec", "customermasterkeyspec":
		return is(k.Spec)
	case "keyusage", "customermasterkeyusage":
		return is(k.Usage)
	case "keyorigin":
		return is(k.Origin)
	case "multiregion":
		return isBool(k.MultiRegion)
	case "multiregionkeytype":
		return a.multiRegionType()
	case "requestalias":
		return is(a.alias())
	}
	return a.req.Says(full)
}

// alias is the name by which an operation that uses a key was told which: not its ARN.
func (a *asking) alias() string {
	if a.need.Forms != key.AnyForm || !a.need.CrossAccount {
		return ""
	}
	if i := strings.Index(a.need.KeyID, "alias/"); i == 0 || i > 0 && strings.HasPrefix(a.need.KeyID, "arn:") {
		return a.need.KeyID[i:]
	}
	return ""
}

func (a *asking) multiRegionType() []string {
	if !a.key.MultiRegion {
		return nil
	}
	m, _, err := record.Load[recordpb.MultiRegion](a.ctx, a.rules.Book, record.OfMultiRegion(a.key.Id))
	switch {
	case err != nil:
		a.err = errors.Join(a.err, err)
		return nil
	case m == nil || m.Primary == a.key.Region: // none yet: it is being created
		return is("PRIMARY")
	}
	return is("REPLICA")
}

var _ policy.Context = (*asking)(nil)
