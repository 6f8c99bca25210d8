package query

import (
	"context"
	"crypto/x509"
	"net/url"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authn/webidentity"
	"qkms/internal/authz"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/record"
)

// An Op is one operation of an API of this protocol. Every column is either the operation's own or, when
// nil or zero, nothing.
//
// In is a struct of parameters as Decode reads them; Out is a struct as encoding/xml writes it, with its
// lists of type List and its times of type Time. Out is None where the API has no result.
type Op[In, Out any] struct {
	Name string

	// Check refuses what can be refused from the request alone, besides what Decode does.
	Check func(c *Call, in *In) error

	// Needs says what the caller must be allowed to do, and on what; nil or nothing: no permission.
	Needs func(ctx context.Context, c *Call, in *In) ([]authz.Act, error)

	// Says returns the values of a condition key of policies that comes from the operation's own
	// parameters, its name folded: nil where the request says nothing.
	Says func(c *Call, in *In, name string) []string

	// Run does the work: the answer and the change that makes it true, nil when nothing is to be stored.
	// It may be called again, when what it relied on changed meanwhile.
	Run func(ctx context.Context, c *Call, in *In) (*Out, *record.Change, error)

	// Audit is the request as the audit record shows it. Nil: every parameter there is, which is right
	// where none is a secret.
	Audit func(in *In) audit.Detail

	// Result is the answer as the record shows it: never a secret.
	Result func(out *Out) audit.Detail

	ReadOnly  bool     // as CloudTrail counts
	Adds      bool     // makes what was not there, and takes nothing away from anybody
	Anonymous bool     // the request needs no signature: something in it proves who asks
	Differs   []string // known differences from AWS, for the documentation
}

// None is the answer of an operation that has none.
type None struct{}

// Deps is what operations work with; the same for every call.
type Deps struct {
	Book       *record.Book
	Identities *identity.Directory
	AccessKeys authn.AccessKeys
	Sessions   *authn.Sessions
	Authz      authz.Rules
	Naming     key.Naming
	LastUses   *lastuse.Tracker

	WebIdentities *webidentity.Verifier
}

// A Call is one request whose sender is known; from Run on, also authorized.
type Call struct {
	*Deps
	Caller *authn.Caller // nil of an Anonymous operation
	Now    time.Time

	// Request is the call as policies see it.
	Request *authz.Request

	// Subject is what Needs found, for Run: the very version that the caller was allowed to act on.
	Subject any

	// Peer is the certificate of the TLS client, whose key it has proved to hold; nothing else about it was
	// verified. Nil without one.
	Peer *x509.Certificate

	// Resources are what the request touched, for the audit record.
	Resources []audit.Resource

	// Additional is what Run wants the audit record to say besides request and answer.
	Additional audit.Detail

	// Proved is who asks, of an Anonymous operation, as far as Check, Needs or Run found out, and
	// Account where it was found: for the audit record, also of a refusal.
	Proved  audit.Identity
	Account string
}

// A Record is a Subject that is kept in a record.
type Record interface {
	// Kept returns where, and the version that was found, 0 if none was. The key is zero when there can be none.
	Kept() (record.Key, uint64)
}

// Confirm is a change of nothing that depends on the subject of c being what it was found to be: for where in the
// change log it is so. Nil when that is in no record.
func (c *Call) Confirm() *record.Change {
	r, is := c.Subject.(Record)
	if !is {
		return nil
	}
	at, ver := r.Kept()
	if at == (record.Key{}) {
		return nil
	}
	change := c.Book.Change()
	change.Require(at, ver)
	return change
}

// A Row is an operation in a table, with the types of its request and answer out of sight.
type Row interface {
	Operation() string
	Differences() []string
	Unsigned() bool // as Op.Anonymous
	Reads() bool    // as Op.ReadOnly
	// Restricts says whether a change of it may take something away: unless it is known to add. A policy that is
	// attached may deny, and a tag may be what another policy goes by.
	Restricts() bool

	// Decode reads the parameters of a request; the constraints of the API hold from then on. One that
	// breaks them is still returned, for the record of its refusal.
	Decode(form url.Values) (Request, error)
}

// A Request is one call of one operation, decoded.
type Request interface {
	Check(c *Call) error
	Needs(ctx context.Context, c *Call) ([]authz.Act, error)
	Says(c *Call, name string) []string
	// Run returns what Answer sends: nil where there is no result.
	Run(ctx context.Context, c *Call) (out any, change *record.Change, err error)
	Audit() audit.Detail
	Result() audit.Detail
}

func (o *Op[In, Out]) Operation() string     { return o.Name }
func (o *Op[In, Out]) Differences() []string { return o.Differs }
func (o *Op[In, Out]) Unsigned() bool        { return o.Anonymous }
func (o *Op[In, Out]) Reads() bool           { return o.ReadOnly }
func (o *Op[In, Out]) Restricts() bool       { return !o.ReadOnly && !o.Adds }

func (o *Op[In, Out]) Decode(form url.Values) (Request, error) {
	b := &bound[In, Out]{op: o, in: new(In)}
	return b, decode(form, b.in)
}

// bound is an operation with its request and, once it ran, its answer.
type bound[In, Out any] struct {
	op  *Op[In, Out]
	in  *In
	out *Out
}

func (b *bound[In, Out]) Check(c *Call) error {
	if b.op.Check == nil {
		return nil
	}
	return b.op.Check(c, b.in)
}

func (b *bound[In, Out]) Needs(ctx context.Context, c *Call) ([]authz.Act, error) {
	if b.op.Needs == nil {
		return nil, nil
	}
	return b.op.Needs(ctx, c, b.in)
}

func (b *bound[In, Out]) Says(c *Call, name string) []string {
	if b.op.Says == nil {
		return nil
	}
	return b.op.Says(c, b.in, name)
}

func (b *bound[In, Out]) Run(ctx context.Context, c *Call) (any, *record.Change, error) {
	out, change, err := b.op.Run(ctx, c, b.in)
	if err != nil {
		return nil, nil, err
	}
	b.out = out
	if _, none := any(out).(*None); none || out == nil {
		return nil, change, nil
	}
	return out, change, nil
}

func (b *bound[In, Out]) Audit() audit.Detail {
	if b.op.Audit == nil {
		return detail(b.in)
	}
	return b.op.Audit(b.in)
}

func (b *bound[In, Out]) Result() audit.Detail {
	if b.op.Result == nil {
		return nil
	}
	return b.op.Result(b.out)
}
