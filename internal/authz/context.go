package authz

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/lastuse"
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
	key   *key.Key // nil of what is no key
	act   *Act     // nil of what is a key
	err   error    // something could not be looked up: the decision is void

	// What was said last of the encryption context, if at most one value: under which condition key, how many
	// and which.
	last  string
	found int
	one   [1]string
}

// Values implements policy.Context.
func (a *asking) Values(name string) []string {
	if name == a.last && name != "" {
		return a.one[:a.found]
	}
	if a.act != nil && len(a.act.Tags) > 0 {
		if values, asked := a.act.tagged(name); asked {
			return values
		}
	}
	service, rest, _ := strings.Cut(name, ":")
	switch service {
	case "aws":
		return a.global(rest, name)
	case "kms":
		return a.ofKMS(rest, name)
	}
	return a.req.says(name) // what a web identity's token says, by its issuer
}

func is(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func isBool(b bool) []string { return []string{strconv.FormatBool(b)} }

// global are the keys of §5.2 that have a value here, without VPCs and organisations.
func (a *asking) global(name, full string) []string {
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
		if a.need.Region != "" {
			return is(a.need.Region)
		}
	case "resourceaccount":
		if a.key != nil {
			return is(a.key.Account)
		}
		return nil
	}
	if a.key != nil && strings.HasPrefix(full, resourceTag) {
		return nil // ofIdentity alone answers that of a key
	}
	if c := a.req.Caller; c != nil {
		if values, known := ofCaller(c, name); known {
			return values
		}
	}
	return a.req.says(full)
}

const contextPrefix = "encryptioncontext:"

// ofKMS are the keys of §5.1 that every operation on a key has; the others are its own. What is about no
// key has only those that its operation has.
func (a *asking) ofKMS(name, full string) []string {
	if pair, is := strings.CutPrefix(name, contextPrefix); is {
		return a.paired(full, pair)
	}
	if a.key == nil {
		return a.req.says(full)
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
	case "viaservice":
		return is(via(a.req.Caller))
	case "trailingdayswithoutkeyusage":
		return a.unused()
	case "grantconstrainttype":
		if a.need.Grant != nil {
			return constraintType(a.need.Grant.Found)
		}
	}
	return a.req.says(full)
}

// paired are the values in the encryption context under a name. The one there is, unless names differ by their
// case alone, is told without making a list and remembered: twenty statements ask for it.
func (a *asking) paired(full, name string) []string {
	found := 0
	for k, v := range a.need.Context {
		if foldsTo(k, name) {
			a.one[0] = v
			found++
		}
	}
	if found > 1 {
		a.last = ""
		return folded(a.need.Context, name)
	}
	a.last, a.found = full, found
	return a.one[:found]
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

// unused is for how many whole days the key has not been used, or has existed without being used: of the
// operations that end its use alone (§5.1).
func (a *asking) unused() []string {
	if a.need.Action != "kms:DisableKey" && a.need.Action != "kms:ScheduleKeyDeletion" {
		return nil
	}
	k, since := a.key, a.key.Created
	use, used, err := a.rules.LastUses.Last(a.ctx, lastuse.Key{Account: k.Account, Region: k.Region, ID: k.Id})
	if err != nil {
		a.err = errors.Join(a.err, err)
		return nil
	}
	if used && use.At > since {
		since = use.At
	}
	return is(strconv.Itoa(int(a.req.Now.Sub(time.UnixMilli(since)).Hours()) / 24))
}

// ofIdentity answers the policies of identities, which may ask about the tags and the aliases of a key:
// whoever may write those must not thereby change what a key policy says (§5.1, §5.2).
type ofIdentity asking

const resourceTag = "aws:resourcetag/"

// Values implements policy.Context.
func (o *ofIdentity) Values(name string) []string {
	a := (*asking)(o)
	if tag, is := strings.CutPrefix(name, resourceTag); is {
		return a.tag(tag)
	}
	if name == "kms:resourcealiases" {
		names, err := a.rules.Book.AliasNames(a.ctx, a.key.Account, a.key.Region, a.key.Id)
		if most := a.rules.Aliases; most > 0 && len(names) > most {
			// More than there may be: conditions on them deny (§5.1), which no list of names can make them do.
			err = fault.DeniedElsewhere(a.req.Caller.ARN, a.need.Action)
			if a.key.Account == a.req.Caller.Account {
				err = fault.DeniedByIdentity(a.req.Caller.ARN, a.need.Action, fault.OnResource(a.key.ARN))
			}
		}
		a.err = errors.Join(a.err, err)
		return names
	}
	return a.Values(name)
}

func (a *asking) tag(name string) (values []string) {
	for _, t := range a.key.Tags {
		if policy.Fold(t.Key) == name {
			values = append(values, t.Value)
		}
	}
	return values
}

var (
	_ policy.Context = (*asking)(nil)
	_ policy.Context = (*ofIdentity)(nil)
)
