package admin

import (
	"context"
	"fmt"

	"qkms/internal/audit"
	"qkms/internal/roster"
)

// A Roster is a file of identities, see package roster.
type Roster struct {
	Path    string `json:"path"` // for errors
	Text    []byte `json:"text"` // at most roster.MaxFile bytes
	Account string `json:"account"`
	Prune   bool   `json:"prune"`
}

// Applied is what was planned, and how far it came.
type Applied struct {
	Changes []*roster.Change `json:"changes"`
	Failed  string           `json:"failed,omitempty"` // why it went no further
	InForce                  // of all changes that were made
}

// PlanIdentities tells what ApplyIdentities would change.
var PlanIdentities = &Action[Roster, Applied]{
	Name: "iam/plan", Event: "PlanIdentities", ReadOnly: true,
	run: func(ctx context.Context, c *call, p Roster) (Applied, error) {
		plan, err := p.compare(ctx, c)
		if err != nil {
			return Applied{}, err
		}
		return Applied{Changes: plan.Changes}, nil
	},
	audit: Roster.detail,
}

// ApplyIdentities makes the identities of accounts what a file says. What a change that fails leaves undone, the
// next time does.
var ApplyIdentities = &Action[Roster, Applied]{
	Name: "iam/apply", Event: "ApplyIdentities",
	run: func(ctx context.Context, c *call, p Roster) (Applied, error) {
		c.applying.Lock()
		defer c.applying.Unlock()
		plan, err := p.compare(ctx, c)
		if err != nil {
			return Applied{}, err
		}
		out := Applied{Changes: plan.Changes}
		err = plan.Apply(ctx, c.rec.Identity, nil)
		if plan.Waited {
			out.InForce = c.inForce(plan.Reach)
			c.rec.Response = out.detail()
		}
		if err != nil {
			out.Failed = err.Error()
			c.rec.ErrorCode, c.rec.ErrorMessage = actionFailed, out.Failed
		}
		return out, nil
	},
	audit: Roster.detail,
}

func (p Roster) compare(ctx context.Context, c *call) (*roster.Plan, error) {
	if len(p.Text) > roster.MaxFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB", p.Path)
	}
	f, err := roster.Parse(p.Path, p.Text, p.Account)
	if err != nil {
		return nil, err
	}
	return roster.Compare(ctx, c.Node, f, p.Prune)
}

// detail says which file it was; what came of it, the records of its operations say.
func (p Roster) detail() audit.Detail {
	return audit.Detail{audit.String("file", p.Path), audit.Bool("prune", p.Prune)}
}
