package roster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/iam"
	"qkms/internal/node"
	"qkms/internal/query"
	"qkms/internal/record"
)

// A Plan is how the store becomes what a file says. It holds for the store as Compare found it.
type Plan struct {
	Changes []*Change

	// Reach is how far what Apply took away has got, in the worst case; Waited: something was.
	Reach  coherence.Reach
	Waited bool

	node *node.Node
	file *File
}

// A Change is one thing that is made, changed or deleted.
type Change struct {
	Sign    string   `json:"sign"`    // "+", "~" or "-"
	Account string   `json:"account"` // twelve digits
	What    string   `json:"what"`    // "user alice"
	Detail  string   `json:"detail,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Done    bool     `json:"done"`

	line int
	ops  []operation
}

// String is the change in one line, without its account.
func (c *Change) String() string {
	if c.Detail == "" {
		return c.Sign + " " + c.What
	}
	return c.Sign + " " + c.What + ": " + c.Detail
}

// An operation is a request to IAM that nobody sends.
type operation struct {
	action string
	form   url.Values

	// What stands in the place of a request, where AWS has none.
	own    func(context.Context, *query.Call) (*record.Change, error)
	detail audit.Detail
}

// The order of changes. What takes something away goes before what gives, so that nobody has meanwhile what
// neither the former state nor the file gives them, and no limit is met on the way.
const (
	making = iota
	taking
	changing
	giving
	deleting
	phases
)

type planner struct {
	ctx   context.Context
	node  *node.Node
	file  *File
	prune bool

	worlds  []*world
	keys    map[string]string // by SPKI: of which certificate
	present map[string]bool   // ARNs of users and roles that are there, or will be when the change at hand is made
	changes [phases][]*Change
	wrong   []error
	failed  error // not the file's fault
}

// Compare returns the Plan that makes the store what the file says. With prune it deletes the users, groups,
// roles, customer managed policies, identity providers and client certificates that the file does not list, of
// the accounts that it is about. Whatever would be refused, as far as that can be known, is an error now: all that is wrong, one
// line each.
func Compare(ctx context.Context, n *node.Node, f *File, prune bool) (*Plan, error) {
	p := &planner{ctx: ctx, node: n, file: f, prune: prune, present: map[string]bool{}, keys: map[string]string{}}
	for _, a := range f.Accounts {
		if prune && !a.listed() {
			return nil, fmt.Errorf("%s: nothing is listed of account %s; all of it would be deleted, which is refused", f.path, a.Account)
		}
		w, err := p.world(a)
		if err != nil {
			return nil, err
		}
		p.worlds = append(p.worlds, w)
	}
	for _, plan := range []func(*world){p.policies, p.providers, p.groups, p.users, p.roles, p.certificates, p.pruned} {
		for _, w := range p.worlds {
			plan(w)
		}
	}
	plan := &Plan{Changes: []*Change{}, node: n, file: f} // none is an empty list in JSON, not null
	for _, some := range p.changes {
		plan.Changes = append(plan.Changes, some...)
	}
	for _, c := range plan.Changes {
		p.check(c)
	}
	return plan, cmp.Or(p.failed, errors.Join(p.wrong...))
}

// check decodes the operations of a change: what breaks a constraint of the API is the file's mistake.
func (p *planner) check(c *Change) {
	for _, o := range c.ops {
		if o.own != nil {
			continue
		}
		req, err := iam.Service.Row(o.action).Decode(o.form)
		if err == nil {
			_, err = req.Needs(p.ctx, Call(p.node, c.Account))
		}
		if err != nil {
			p.refuse(c.line, c.What, "%s", said(err))
		}
	}
}

// refuse notes a mistake in the file.
func (p *planner) refuse(line int, what, format string, args ...any) {
	err := p.file.at(line, "%s: %s", what, fmt.Sprintf(format, args...))
	if !slices.ContainsFunc(p.wrong, func(e error) bool { return e.Error() == err.Error() }) { // of a name: by each operation
		p.wrong = append(p.wrong, err)
	}
}

// A subject is what changes are about.
type subject struct {
	account    string
	kind, name string // for people: "user", "alice"
	noun       string // in the names of operations: "User"
	parameter  string // that names it: "UserName"
	id         string // … and the value it has
	line       int
}

func (s *subject) String() string { return s.kind + " " + s.name }

// op is an operation on the subject: parameters are names and values.
func (s *subject) op(action string, parameters ...string) operation {
	return request(action, append(parameters, s.parameter, s.id)...)
}

func request(action string, parameters ...string) operation {
	form := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return operation{action: action, form: form}
}

// with adds a parameter unless it is empty.
func (o operation) with(name, value string) operation {
	if value != "" {
		o.form.Set(name, value)
	}
	return o
}

// list adds a list of texts.
func (o operation) list(name string, values []string) operation {
	if len(values) == 0 {
		o.form.Set(name, "") // how clients send an empty list
	}
	for i, v := range values {
		o.form.Set(name+".member."+strconv.Itoa(i+1), v)
	}
	return o
}

func (p *planner) add(phase int, sign string, s *subject, detail string, ops ...operation) *Change {
	c := &Change{Sign: sign, Account: s.account, What: s.String(), Detail: detail, line: s.line, ops: ops}
	p.changes[phase] = append(p.changes[phase], c)
	return c
}

// arn names what is in an account.
func (p *planner) arn(w *world, kind, path, name string) string {
	return "arn:" + p.node.Naming.Partition + ":iam::" + w.Account.Account + ":" + kind + cmp.Or(path, "/") + name
}

// quota refuses what is more than the API takes.
func (p *planner) quota(s *subject, n, most int, what string) {
	if n > most {
		p.refuse(s.line, s.String(), "it has %d %s; %d is the most", n, what, most)
	}
}
