package oversight

import (
	"cmp"
	"context"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/identity"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A party is somebody, and a request of theirs.
type party struct {
	PolicyParty
	request *authz.Request
}

// What one PreviewKeyPolicy looks at: fewer parties where policies are long. Between them it makes some thousand decisions,
// which take some hundredths of a second.
const (
	mostParties  = 100
	leastParties = 20
	mostText     = 1 << 20 // of both policies, for all parties together
)

// A gathering brings together who is concerned.
type gathering struct {
	*Deps
	c     *query.Call
	sides *policySides
	most  int
	all   []party
	seen  map[string]bool
	cut   bool
}

// parties are the root user of the account, whom either policy names, and the users and roles of the account, as
// many as there may be. cut: there are more.
func (d *Deps) parties(ctx context.Context, c *query.Call, p *policySides) ([]party, bool, error) {
	g := &gathering{Deps: d, c: c, sides: p, seen: map[string]bool{}}
	g.most = min(max(mostText/(p.textBytes+1), leastParties), mostParties)
	g.account(p.key.Account)
	for _, side := range []weighed{p.before, p.after} {
		if err := g.named(ctx, side); err != nil {
			return nil, false, err
		}
	}
	if err := g.own(ctx); err != nil {
		return nil, false, err
	}
	return g.all, g.cut, nil
}

// add takes a party in, once.
func (g *gathering) add(p PolicyParty, request func() *authz.Request) {
	switch {
	case g.seen[p.Arn]:
	case len(g.all) == g.most:
		g.cut = true
	default:
		g.seen[p.Arn] = true
		g.all = append(g.all, party{p, request()})
	}
}

func (g *gathering) ask(c authn.Caller) *authz.Request {
	c.Region = g.sides.key.Region
	return &authz.Request{Caller: &c, Now: g.c.Now, TLS: true}
}

// account is the root user of the key's account, or another account as a whole.
func (g *gathering) account(id string) {
	c := authn.Caller{Kind: authn.KindRoot, Account: id, ARN: authn.RootARN(g.Ops.Naming.Partition, id)}
	if id == g.sides.key.Account {
		c.PrincipalID = id
		g.add(PolicyParty{Kind: "Root", Arn: c.ARN}, func() *authz.Request { return g.ask(c) })
		return
	}
	g.add(PolicyParty{Kind: "Account", Arn: id, Elsewhere: true}, func() *authz.Request {
		return authz.Stranger(policy.Principal{Kind: policy.Root, Account: id, ARN: c.ARN}, g.ask(c).Caller)
	})
}

// named takes in whom a policy names.
func (g *gathering) named(ctx context.Context, w weighed) error {
	accounts, services, everyone := w.Others()
	for _, id := range accounts {
		g.account(id)
	}
	for _, name := range services {
		c := authn.Caller{Kind: authn.KindService, ARN: name, PrincipalID: name}
		g.add(PolicyParty{Kind: "Service", Arn: name}, func() *authz.Request { return g.ask(c) })
	}
	if everyone {
		g.add(PolicyParty{Kind: "Everyone", Arn: "*", Elsewhere: true}, func() *authz.Request {
			return authz.Stranger(policy.Principal{Kind: policy.User}, g.ask(authn.Caller{}).Caller)
		})
	}
	for _, arn := range w.Principals() {
		if err := g.principal(ctx, w, arn); err != nil {
			return err
		}
	}
	return nil
}

// principal takes in a user, a role or a session that a policy names. Who is not there any more is nobody.
func (g *gathering) principal(ctx context.Context, w weighed, arn string) error {
	p, err := authn.ParsePrincipal(g.Ops.Naming.Partition, arn)
	if err != nil {
		return nil // the unique id of one who was deleted
	}
	kind, name, _ := strings.Cut(arn[strings.LastIndexByte(arn, ':')+1:], "/")
	if p.Account != g.sides.key.Account {
		g.stranger(kind, p, cmp.Or(g.sides.after.bound[arn], w.bound[arn]))
		return nil
	}
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch kind {
	case "user":
		return g.user(ctx, p.Account, last)
	case "role":
		return g.role(ctx, p.Account, last, "")
	case "assumed-role":
		role, session, _ := strings.Cut(name, "/")
		return g.role(ctx, p.Account, role, session)
	}
	return nil // there are no federated users here
}

// stranger is a principal of another account, of whom nothing is looked up: id is what the policy is bound to.
func (g *gathering) stranger(kind string, p authn.Principal, id string) {
	if id == "" { // who was deleted: nobody
		return
	}
	who := policy.Principal{Account: p.Account, ARN: p.ARN, ID: id}
	c := authn.Caller{Account: p.Account, ARN: p.ARN, PrincipalID: id}
	out := PolicyParty{Arn: p.ARN, Elsewhere: true}
	switch kind {
	case "user":
		out.Kind, who.Kind = "User", policy.User
		c.Kind, c.User = authn.KindUser, &identity.User{User: &recordpb.User{Id: id}}
	case "role":
		out.Kind, who.Kind, who.Role = "Role", policy.Session, p.ARN
		c.Kind, c.Role = authn.KindSession, &identity.Role{Role: &recordpb.Role{Id: id}, ARN: p.ARN}
	case "assumed-role":
		out.Kind, who.Kind = "Session", policy.Session
		c.PrincipalID = "" // aws:PrincipalArn is the role's, of which the path is not known
		c.Kind, c.Role = authn.KindSession, &identity.Role{Role: &recordpb.Role{Id: id}, ARN: p.ARN}
	default:
		return
	}
	g.add(out, func() *authz.Request { return authz.Stranger(who, g.ask(c).Caller) })
}

func (g *gathering) user(ctx context.Context, account, name string) error {
	u, err := g.Ops.Identities.User(ctx, account, name)
	if err != nil || u == nil {
		return err
	}
	c := authn.Caller{Kind: authn.KindUser, Account: account, ARN: u.ARN, PrincipalID: u.Id, User: u}
	g.add(PolicyParty{Kind: "User", Arn: u.ARN}, func() *authz.Request { return g.ask(c) })
	return nil
}

// anySession is the name of a session that no session has (they have two characters at least), and no policy means.
const anySession = "*"

// role is any session of a role, or that of a name.
func (g *gathering) role(ctx context.Context, account, name, session string) error {
	r, err := g.Ops.Identities.Role(ctx, account, name)
	if err != nil || r == nil {
		return err
	}
	p := PolicyParty{Kind: "Role", Arn: r.ARN}
	c := authn.Caller{Kind: authn.KindSession, Account: account, ARN: g.Ops.Identities.SessionARN(r, anySession), PrincipalID: r.Id + ":" + anySession, Role: r}
	if session != "" {
		c.ARN, c.PrincipalID = g.Ops.Identities.SessionARN(r, session), r.Id+":"+session
		p = PolicyParty{Kind: "Session", Arn: c.ARN}
	}
	g.add(p, func() *authz.Request { return g.ask(c) })
	return nil
}

// own takes in the users and roles of the account, in order of their names.
func (g *gathering) own(ctx context.Context) error {
	account := g.sides.key.Account
	users, more, err := record.Scan[recordpb.User](ctx, g.Ops.Book, record.Users(account), record.Key{}, g.most)
	if err != nil {
		return err
	}
	roles, others, err := record.Scan[recordpb.Role](ctx, g.Ops.Book, record.Roles(account), record.Key{}, g.most)
	if err != nil {
		return err
	}
	g.cut = g.cut || more || others
	for _, u := range users {
		if err := g.user(ctx, account, u.Msg.Name); err != nil {
			return err
		}
	}
	for _, r := range roles {
		if err := g.role(ctx, account, r.Msg.Name, ""); err != nil {
			return err
		}
	}
	return nil
}
