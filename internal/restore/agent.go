package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// An agent does events again on a restored node, for somebody who needs no permission: who has its data
// directory and its root key.
type agent struct {
	*node.Node
	who   audit.Identity
	asked bool // nothing is done: errNotDone where something would be
}

// errNotNeeded is returned for what is as the event wants it without its being done again.
var errNotNeeded = errors.New("it is so already, or what it was about is not in the backup")

// errNotDone is returned instead of doing what would have been to be done, when that was asked.
var errNotDone = errors.New("it is not so")

// all finds what was done after the backup, and if again is set does again what restricted.
func (a *agent) all(ctx context.Context, events []*event, again bool) (f Findings, err error) {
	f.tally(events)
	if f.LostKeys, err = a.lostKeys(ctx, events); err != nil {
		return f, err
	}
	if f.LostAccessKeys, err = a.lostAccessKeys(ctx, events); err != nil {
		return f, err
	}
	for _, c := range choose(events) {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		o := Outcome{Event: c.Name, EventID: c.ID, Time: c.Time, About: c.what, ByTime: c.byTime}
		switch {
		case c.early && (c.effect == loosens || !a.lacks(ctx, c)):
			continue
		case c.early:
			o.Result, o.Why = ToDo, "by the clock of its node it is from just before the backup, and it is not so in the backup: it was undone, or the clock is wrong; look at it"
		case c.effect == loosens:
			o.Result, o.Why = ToDo, "it gave rights, or may have; do it again if they are still wanted"
		case !again:
			o.Result, o.Why = ToDo, "nothing is done again (--no-reapply)"
		case c.effect == settles && !c.signed:
			o.Result, o.Why = ToDo, "no checkpoint covers its record yet, so anybody could have written it; look at it and do it again"
		default:
			o.Result, o.Why = a.try(ctx, c)
		}
		f.Outcomes = append(f.Outcomes, o)
	}
	return f, nil
}

// lacks reports whether what an event wants is not so as it is.
func (a *agent) lacks(ctx context.Context, c chosen) bool {
	asking := *a
	asking.asked = true
	result, _ := asking.try(ctx, c)
	return result != NotNeeded
}

// try does one event again. A failure is for the operator: the others are to be done all the same.
func (a *agent) try(ctx context.Context, c chosen) (Result, string) {
	err := c.again(a, ctx, c.event)
	f, refused := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return Again, ""
	case errors.Is(err, errNotNeeded), errors.Is(err, authn.ErrNoAccessKey),
		refused && (f.Code == fault.NotFound || f.Code == fault.NoSuchEntity || f.Code == fault.CustomStoreNotFound):
		return NotNeeded, ""
	case refused:
		return ToDo, f.Error()
	}
	return ToDo, err.Error()
}

// A proposal is what is to be committed with the record of an event that is done again.
type proposal struct {
	change *record.Change
	also   []*audit.Record
	settle func() // after the commit, whatever came of it; may be nil
}

const attempts = 8 // as often is a change built anew when what it relied on changed meanwhile

// commit makes what build proposes durable, with a record that names the event. No change: errNotNeeded.
func (a *agent) commit(ctx context.Context, e *event, build func(rec *audit.Record) (proposal, error)) (err error) {
	for range attempts {
		rec := a.record(e)
		var p proposal
		if p, err = build(rec); err != nil {
			return err
		}
		if p.change == nil {
			return errNotNeeded
		}
		if a.asked {
			return errNotDone
		}
		err = a.Ledger.Commit(ctx, p.change, rec, p.also...)
		if p.settle != nil {
			p.settle()
		}
		if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
			break
		}
	}
	return err
}

func (a *agent) record(e *event) *audit.Record {
	return &audit.Record{
		EventName: e.Name, EventSource: e.Source, EventType: audit.TypeAdminAction, Region: e.Region, RecipientAccount: e.Account, Identity: a.who,
		Additional: audit.Detail{audit.String("doneAgain", e.ID), audit.String("doneFirst", e.Time.UTC().Format("2006-01-02T15:04:05Z"))},
	}
}

// lostKeys are the keys that the log tells of and the backup does not have, with how often they were used.
func (a *agent) lostKeys(ctx context.Context, events []*event) ([]LostKey, error) {
	uses := map[string]int{}
	for _, e := range events {
		if arn := e.made(); arn != "" {
			lost, err := a.lost(ctx, e, arn)
			if err != nil {
				return nil, err
			}
			if _, known := uses[arn]; lost && !known {
				uses[arn] = 0
			}
		}
		for _, r := range e.Resources {
			if n, lost := uses[r.ARN]; lost && e.ReadOnly {
				uses[r.ARN] = n + 1
			}
		}
	}
	out := make([]LostKey, 0, len(uses))
	for arn, n := range uses {
		out = append(out, LostKey{arn, n})
	}
	slices.SortFunc(out, byUses)
	return out, nil
}

func (a *agent) lost(ctx context.Context, e *event, arn string) (bool, error) {
	region := e.Region
	if to := e.Request.text("replicaRegion"); e.Name == "ReplicateKey" && to != "" {
		region = to
	}
	ref, err := a.Naming.ParseReference(arn, e.Account, region, key.KeyOnly)
	if err != nil {
		return false, fmt.Errorf("audit record %d: %w", e.Seq, err)
	}
	k, err := a.Resolver.Stored(ctx, ref.Account, ref.Region, ref.ID)
	return k == nil, err
}

func (a *agent) lostAccessKeys(ctx context.Context, events []*event) ([]string, error) {
	out := []string{}
	for _, e := range events {
		if e.Name != "CreateAccessKey" || e.early { // it may have been deleted again before the backup
			continue
		}
		id := e.Response.text("accessKeyId")
		if id == "" {
			id = e.Response.text("accessKey.accessKeyId")
		}
		m, _, err := record.Read[recordpb.AccessKey](ctx, a.Book, record.OfAccessKey(id))
		if err != nil {
			return nil, fmt.Errorf("access key %s: %w", id, err)
		}
		if m == nil && id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}
