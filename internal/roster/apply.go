package roster

import (
	"context"
	"fmt"

	"qkms/internal/audit"
	"qkms/internal/query"
	"qkms/internal/record"
)

// Apply makes the changes one after the other, each operation durable before the next, and tells of each
// change that is made. The first that fails ends it: what is done stays done, and a new Plan goes on from there.
func (p *Plan) Apply(ctx context.Context, who audit.Identity, done func(*Change)) error {
	agent := &Agent{Node: p.node, Who: who}
	defer func() { p.Reach, p.Waited = agent.Reach, agent.Waited }()
	for i, c := range p.Changes {
		for _, o := range c.ops {
			err := ctx.Err()
			if err == nil {
				err = agent.carryOut(ctx, c.Account, o)
			}
			if err != nil {
				return p.file.at(c.line, "%s: %s: %s; changes made: %d, not made: %d; run it again to go on", c, o.action, said(err), i, len(p.Changes)-i)
			}
		}
		c.Done = true
		if done != nil {
			done(c)
		}
	}
	return nil
}

func (a *Agent) carryOut(ctx context.Context, account string, o operation) error {
	if o.own == nil {
		return a.Do(ctx, account, o.action, o.form)
	}
	return a.Commit(ctx, account, o.action, true, func(c *query.Call, rec *audit.Record) (*record.Change, error) {
		rec.EventSource, rec.Request = audit.SourceAdmin, o.detail
		return o.own(ctx, c)
	})
}

// Summary is a plan in a few words.
func Summary(changes []*Change) string {
	count := map[string]int{}
	for _, c := range changes {
		count[c.Sign]++
	}
	if len(changes) == 0 {
		return "No changes."
	}
	return fmt.Sprintf("%d to make, %d to change, %d to delete.", count["+"], count["~"], count["-"])
}
