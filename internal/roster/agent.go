package roster

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/iam"
	"qkms/internal/node"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/store"
)

// An Agent carries out operations of IAM for somebody who needs no permission: who has the data directory.
type Agent struct {
	Node *node.Node
	Who  audit.Identity

	// Reach is how far what was taken away has got, in the worst case; Waited: something was.
	Reach  coherence.Reach
	Waited bool
}

// attempts is how often an operation is begun anew when what it relied on changed meanwhile.
const attempts = 8

// Do carries out one operation in an account. It leaves the record that the request would leave, but for who it
// was.
func (a *Agent) Do(ctx context.Context, account, action string, form url.Values) error {
	row := iam.Service.Row(action)
	req, err := row.Decode(form)
	if err != nil {
		return err // was checked before: Compare decoded it
	}
	return a.Commit(ctx, account, action, row.Restricts(), func(c *query.Call, rec *audit.Record) (*record.Change, error) {
		rec.Request = req.Audit()
		if _, err := req.Needs(ctx, c); err != nil { // for what it finds
			return nil, err
		}
		_, change, err := req.Run(ctx, c)
		if err == nil {
			rec.Response = req.Result()
			if change == nil && row.Restricts() && a.Node.Lease.Shared() { // taken away before: see server.fence
				change = c.Confirm()
			}
		}
		return change, err
	})
}

// Commit makes what build proposes durable together with its record, under the name of an operation. build may
// be called again; it fills in what the record says of request and answer. No change is recorded too, and so
// is a failure. restricts says that the change may take something away: then it is waited for until it is in
// force on every node.
func (a *Agent) Commit(ctx context.Context, account, action string, restricts bool, build func(*query.Call, *audit.Record) (*record.Change, error)) error {
	var rec *audit.Record
	var err error
	for range attempts {
		rec = &audit.Record{
			EventName: action, EventSource: audit.SourceIAM, EventType: audit.TypeAdminAction, Identity: a.Who, RecipientAccount: account,
		}
		var change *record.Change
		if change, err = build(Call(a.Node, account), rec); err == nil && change == nil {
			return a.Node.Ledger.Note(rec)
		}
		if err == nil {
			err = a.commit(ctx, change, restricts, rec)
		}
		if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
			break
		}
	}
	if err == nil {
		return nil
	}
	rec.EventID, rec.Response = "", nil // a commit of unknown outcome may have left the former one in the outbox
	rec.ErrorCode, rec.ErrorMessage = "AdminActionFailed", said(err)
	if f, is := errors.AsType[*fault.Error](err); is {
		rec.ErrorCode, _ = query.Code(f)
	}
	return errors.Join(err, a.Node.Ledger.Note(rec))
}

func (a *Agent) commit(ctx context.Context, change *record.Change, restricts bool, rec *audit.Record) error {
	if !restricts {
		return a.Node.Ledger.Commit(ctx, change, rec)
	}
	r, err := a.Node.Commit(ctx, change, rec)
	a.Reach.Pending = max(a.Reach.Pending, r.Pending)
	a.Waited = a.Waited || err == nil
	return err
}

// Call is a request that an account's root user would make.
func Call(n *node.Node, account string) *query.Call {
	caller := &authn.Caller{
		Kind: authn.KindRoot, Account: account, PrincipalID: account, ARN: "arn:" + n.Naming.Partition + ":iam::" + account + ":root",
	}
	deps := &query.Deps{
		Book: n.Book, Identities: n.Identities, AccessKeys: n.AccessKeys, Sessions: n.Sessions, Authz: n.Ops.Authz, Naming: n.Naming, LastUses: n.LastUses,
	}
	now := n.Now()
	return &query.Call{Deps: deps, Caller: caller, Now: now, Request: &authz.Request{Caller: caller, Now: now}}
}

// maxSaid is how much of an error is shown, in bytes: some quote what they are about, whose size nobody limits.
const maxSaid = 500

// said is an error without the name that programs know it by.
func said(err error) string {
	text := err.Error()
	if f, is := errors.AsType[*fault.Error](err); is && f.Text != "" {
		text = f.Text
	}
	if len(text) > maxSaid {
		return strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	return text
}
