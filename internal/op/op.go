// Package op holds the operations of the API: one file each, one row of the table each.
//
// Start with Op, which says what an operation is made of, then generate_data_key.go, then table.go.
// An operation writes no response, decides no access and records nothing itself: it says what it
// needs, and proposes an answer with a change. The pipeline does the rest (internal/server).
package op

import (
	"context"
	"errors"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

// An Op is one operation of the API. Every column is either the operation's own or, when nil or zero,
// nothing.
type Op[In, Out any] struct {
	Name string // as in the model

	// Needs says what the caller must be allowed to do, and on what. It may refuse what can be
	// refused from the request alone, in AWS's order before the keys are looked up.
	Needs func(in *In) ([]key.Need, error)

	// Counts says what a request counts as against the rates of its caller, where that is not one
	// request of its operation.
	Counts func(in *In) []throttle.Toll

	// Says returns the values of a condition key of policies that comes from the operation's own
	// parameters (access.md §5), its name folded: nil where the request says nothing.
	Says func(c *Call, in *In, name string) []string

	// Check looks at combinations of parameters that are judged once the caller is known to be
	// allowed, before usage and state (operations.md §4.1 step 5).
	Check func(c *Call, in *In) error

	// As names the operation in a usage refusal, key by key, where that is not Name.
	As     []string
	Usage  key.Usage  // what every key of the request must be for
	States key.States // the states besides Enabled in which they may be; key.InAnyState for no check

	// Run does the work: the answer (nil where the API has none) and the change that makes it true,
	// nil when nothing is to be stored. It stores nothing itself, which is what makes DryRun free.
	Run func(ctx context.Context, c *Call, in *In) (*Out, *record.Change, error)

	// Placed completes the answer with what is known once the change is made: where in the change log it stands. The
	// change is not undone by an error.
	Placed func(c *Call, out *Out, at []store.Position) error

	// Audit is the request as the audit record shows it: never a plaintext, a ciphertext, a token.
	Audit func(in *In) audit.Detail

	// Result is the answer as the record shows it: of operations that change something, and only
	// what access.md §7.3 lists.
	Result func(c *Call, out *Out) audit.Detail

	// Restricts says that a success takes something away from somebody: it is answered when no node goes by what
	// was before, or with the time by which none does (docs/coherence.md, rule 8).
	Restricts bool

	Tracks   bool     // GetKeyLastUsage tells of it, for every key of the request (operations.md §13.1.9)
	ReadOnly bool     // as CloudTrail counts: cryptography is read-only (access.md §7.3)
	Differs  []string // known differences from AWS, for docs/compat.md
}

// None is the answer of an operation that has none: an empty body.
type None struct{}

// A Row is an operation in the table, with the types of its request and answer out of sight.
type Row interface {
	Operation() string
	Differences() []string
	Facts() Facts
	// Decode reads a request body; the model's constraints hold from then on.
	Decode(body []byte) (Request, error)
}

// Facts are what a row says of its operation whatever is asked of it, for the API reference.
type Facts struct {
	Usage     key.Usage
	States    key.States // of nothing where the operation is about no key
	ReadOnly  bool
	Restricts bool
}

// A Request is one call of one operation, decoded.
type Request interface {
	// Tolls are what the request counts as; they are not to be changed.
	Tolls() []throttle.Toll
	Needs() ([]key.Need, error)
	// Says returns the values of a condition key of policies.
	Says(c *Call, name string) []string
	Ready(ctx context.Context, c *Call) error
	DryRun() bool
	// Run returns an Answer, or nil for an empty body.
	Run(ctx context.Context, c *Call) (Answer, *record.Change, error)
	// Placed completes the answer after the commit of the change.
	Placed(c *Call, at []store.Position) error
	// Tokens are the grant tokens that the request brings along.
	Tokens() []string
	// Audit is what the record shows of the request, Result what it shows of the answer to it.
	Audit() audit.Detail
	Result(c *Call) audit.Detail
	ReadOnly() bool
	// Tracks says whether success is a use of the keys.
	Tracks() bool
	// Restricts says whether success takes something away.
	Restricts() bool
}

// An Answer is what goes on the wire.
type Answer = shape.Encoder

func (o *Op[In, Out]) Operation() string     { return o.Name }
func (o *Op[In, Out]) Differences() []string { return o.Differs }

// Facts implements Row.
func (o *Op[In, Out]) Facts() Facts { return Facts{o.Usage, o.States, o.ReadOnly, o.Restricts} }

func (o *Op[In, Out]) Decode(body []byte) (Request, error) {
	b := &bound[In, Out]{op: o}
	request := any(&b.in).(shape.Request) // every request shape is one; TestTable decodes them all
	if err := request.DecodeJSON(body); err != nil {
		return nil, err
	}
	return b, request.Validate()
}

// bound is an operation with its request and, once it ran, its answer.
type bound[In, Out any] struct {
	op  *Op[In, Out]
	in  In
	out *Out
}

func (b *bound[In, Out]) Needs() ([]key.Need, error) { return b.op.Needs(&b.in) }
func (b *bound[In, Out]) ReadOnly() bool             { return b.op.ReadOnly }
func (b *bound[In, Out]) Tracks() bool               { return b.op.Tracks }
func (b *bound[In, Out]) Restricts() bool            { return b.op.Restricts }

func (b *bound[In, Out]) Tokens() []string {
	t, ok := any(&b.in).(shape.TokenBearer)
	if !ok {
		return nil
	}
	return t.Tokens()
}

func (b *bound[In, Out]) Placed(c *Call, at []store.Position) error {
	if b.op.Placed == nil {
		return nil
	}
	return b.op.Placed(c, b.out, at)
}

func (b *bound[In, Out]) Tolls() []throttle.Toll {
	if b.op.Counts == nil {
		return throttle.Of(b.op.Name).Once()
	}
	return b.op.Counts(&b.in)
}

func (b *bound[In, Out]) DryRun() bool {
	d, ok := any(&b.in).(shape.DryRunner)
	return ok && d.IsDryRun()
}

func (b *bound[In, Out]) Says(c *Call, name string) []string {
	if b.op.Says == nil {
		return nil
	}
	return b.op.Says(c, &b.in, name)
}

// Ready runs the checks between authorization and the work: grant tokens, parameters, then for each key
// its usage, then its state.
func (b *bound[In, Out]) Ready(ctx context.Context, c *Call) error {
	if err := c.checkTokens(ctx, b.op.Name, b.Tokens()); err != nil {
		return err
	}
	if b.op.Check != nil {
		if err := b.op.Check(c, &b.in); err != nil {
			return err
		}
	}
	for i, k := range c.Keys {
		if k == nil {
			continue
		}
		if err := key.Ready(k, b.op.as(i), b.op.Usage, b.op.States); err != nil {
			return err
		}
	}
	return nil
}

func (o *Op[In, Out]) as(i int) string {
	if i < len(o.As) {
		return o.As[i]
	}
	return o.Name
}

func (b *bound[In, Out]) Run(ctx context.Context, c *Call) (Answer, *record.Change, error) {
	out, change, err := b.op.Run(ctx, c, &b.in)
	if errors.Is(err, custody.ErrNoMaterial) {
		err = c.overtaken(ctx, err)
	}
	if err != nil {
		return nil, nil, err
	}
	b.out = out
	a, _ := any(out).(Answer) // *None is no Answer: an empty body
	return a, change, nil
}

func (b *bound[In, Out]) Audit() audit.Detail {
	if b.op.Audit == nil {
		return nil
	}
	return b.op.Audit(&b.in)
}

func (b *bound[In, Out]) Result(c *Call) audit.Detail {
	if b.op.Result == nil {
		return nil
	}
	return b.op.Result(c, b.out)
}
