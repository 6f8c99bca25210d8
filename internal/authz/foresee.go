package authz

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
)

// A Prospect is what can be said of a request before anybody makes it.
type Prospect int

const (
	Never       Prospect = iota // it is refused, whatever it says
	Conditional                 // it depends on what it says, on when and from where
	Always                      // it is allowed, whatever it says
)

// A Foresight says what would be allowed on a key, by the code that decides requests. It changes nothing, and is for one
// goroutine.
type Foresight struct {
	Rules Rules
	Key   *key.Key

	// Work is what it took so far, in the unit of policy.MostWork.
	Work int
}

// Of says what becomes of a need of req, which is on the key, if p is the key's policy. What is known of the request is who
// makes it, and on which key; all else depends. It may be asked about several needs and policies with one req.
func (f *Foresight) Of(ctx context.Context, req *Request, n *key.Need, p *policy.Policy) (Prospect, error) {
	could, err := f.suppose(ctx, req, n, p, true)
	if err != nil || !could {
		return Never, err
	}
	sure, err := f.suppose(ctx, req, n, p, false)
	if err != nil || !sure {
		return Conditional, err
	}
	return Always, nil
}

func (f *Foresight) suppose(ctx context.Context, req *Request, n *key.Need, p *policy.Policy, generous bool) (bool, error) {
	s, err := f.Rules.sideOf(ctx, req)
	if err != nil {
		return false, err
	}
	q, a := f.Rules.question(ctx, req, n, f.Key, s)
	q.Suppose = &policy.Supposition{Unknown: unknown(req.Caller), Generous: generous}
	q.Context, q.Identity = q.Suppose.Over(q.Context), q.Suppose.Over(q.Identity)
	sources := s.sources
	sources.Key = p
	found := policy.Consult(q, &sources)
	f.Work += found.Work()
	v := Verdict{Decision: found.Decide(policy.NoGrant)}
	req.grants = generous
	if a.err == nil && !v.Allowed && v.Reason != policy.ExplicitDeny {
		a.err = f.Rules.byGrant(ctx, a, &found, &v)
	}
	req.grants = false
	return v.Allowed && a.err == nil, a.err
}

// Stranger is a request of somebody of another account, or of any, as far as the owner of a key may know: nothing is looked
// up of who it is, and their own account is taken to allow everything. who is nobody in particular when it has no account.
func Stranger(who policy.Principal, caller *authn.Caller) *Request {
	req := &Request{Caller: caller, TLS: true, sided: true, side: side{principal: who}}
	if who.Kind != policy.Root {
		req.side.sources.Identity = []*policy.Policy{everything}
	}
	return req
}

var everything = func() *policy.Policy {
	d, err := policy.ParseIdentity(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "aws")
	if err != nil {
		panic("authz: internal error: a policy that allows everything: " + err.Error()) // a constant
	}
	return d.Compile()
}()

// ofKeys are the condition keys that are known once the key is, and absent those that no request has here: there are
// neither organisations nor VPCs. A name that ends in a slash stands for all that begin with it.
var (
	ofKeys = []string{
		"aws:resourceaccount", "aws:resourcetag/", "aws:requestedregion", "kms:keyspec", "kms:customermasterkeyspec", "kms:keyusage",
		"kms:customermasterkeyusage", "kms:keyorigin", "kms:multiregion", "kms:multiregionkeytype", "kms:resourcealiases",
	}
	absent = []string{
		"aws:principalorgid", "aws:principalorgpaths", "aws:resourceorgid", "aws:resourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip",
	}
	ofAccounts = []string{"aws:principalaccount", "aws:principalisawsservice", "kms:calleraccount"}
	ofCallers  = []string{"aws:principalarn", "aws:principaltype"}
	ofUsers    = []string{"aws:username", "aws:userid", "aws:principaltag/"} // sessions bring what is theirs
)

// unknown says which condition keys have values that nobody can tell before c asks. Without a unique id c is whoever of the
// account, without an account whoever; a user without a record is another account's.
func unknown(c *authn.Caller) func(name string) bool {
	lists := [][]string{ofKeys, absent}
	if c.Account != "" || c.Kind == authn.KindService {
		lists = append(lists, ofAccounts)
	}
	if c.PrincipalID != "" {
		lists = append(lists, ofCallers)
	}
	if c.PrincipalID != "" && c.Role == nil && (c.User == nil || c.User.Ver != 0) {
		lists = append(lists, ofUsers)
	}
	return func(name string) bool {
		for _, list := range lists {
			if slices.ContainsFunc(list, func(known string) bool {
				return known == name || strings.HasSuffix(known, "/") && strings.HasPrefix(name, known)
			}) {
				return false
			}
		}
		return true
	}
}
