// Package admin is what an operator does to a node: credentials, rotations, examinations.
//
// Each Action is one function over a Host. Do performs it in the server that has the data directory
// open, through a Unix socket there, or else in this process; the operator sees no difference. Every
// action leaves an audit record, refusals included. It is no remote administration: whoever may open
// the socket may read the data directory anyway.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"sync"

	"qkms/internal/audit"
	"qkms/internal/node"
	"qkms/internal/store"
)

// A Host is a node that actions are performed on.
type Host struct {
	*node.Node

	// KeyFile is the key file that opened the store, which a rotation of the root replaces in place;
	// empty when something else opened it.
	KeyFile string

	applying sync.Mutex // held while identities are made what a file says: of two at once one would meet the other's
	rotating sync.Mutex // held through a rotation: of two at once one would drop what the other seals under

	// unfinished says that NextKeyFile(KeyFile) is what opens the store, and not yet in KeyFile's
	// place. Guarded by rotating.
	unfinished bool
}

// An Operator is who acts: a user of this machine.
type Operator struct {
	UID  int
	Name string // "" when the machine does not know the user
}

// Self is the user this process runs as.
func Self() Operator { return operator(os.Geteuid()) }

func operator(uid int) Operator {
	o := Operator{UID: uid}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		o.Name = u.Username
	}
	return o
}

// Identity is the operator as the audit log tells of who acted.
func (o Operator) Identity() audit.Identity {
	return audit.Identity{Type: "Operator", PrincipalID: "uid:" + strconv.Itoa(o.UID), UserName: o.Name}
}

// Progress says how far a long action is.
type Progress struct {
	Seen int `json:"seen"` // records looked at
	Done int `json:"done"` // records sealed anew

	// Step is what a backup is at: "written" or "read back"; with how many bytes. Empty of other actions.
	Step  string `json:"step,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// An Action takes parameters P and results in R, both of which JSON can carry.
type Action[P, R any] struct {
	Name     string // on the socket: "access-key/create"
	Event    string // in the audit log: "CreateAccessKey"
	ReadOnly bool

	run   func(ctx context.Context, c *call, p P) (R, error)
	audit func(p P) audit.Detail // never a secret; nil: no parameters
}

// A call is an action being performed.
type call struct {
	*Host
	progress func(Progress)
	rec      *audit.Record
	recorded bool
}

const actionFailed = "AdminActionFailed"

const attempts = 8 // as often is an action begun anew when what it relied on changed meanwhile

// Perform performs the action in this process on behalf of who. progress may be nil.
func (a *Action[P, R]) Perform(ctx context.Context, h *Host, who Operator, p P, progress func(Progress)) (out R, err error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	c := &call{Host: h, progress: progress, rec: a.record(h, who)}
	if a.audit != nil {
		c.rec.Request = a.audit(p)
	}
	for range attempts {
		out, err = a.run(ctx, c, p)
		if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
			break
		}
	}
	if err != nil {
		c.rec.ErrorCode, c.rec.ErrorMessage = actionFailed, err.Error()
	}
	if err != nil || !c.recorded {
		c.rec.EventID = "" // a commit of unknown outcome may have left the former one in the outbox
		err = errors.Join(err, c.Ledger.Note(c.rec))
	}
	return out, err
}

func (a *Action[P, R]) record(h *Host, who Operator) *audit.Record {
	return &audit.Record{
		EventName: a.Event, EventSource: audit.SourceAdmin, EventType: audit.TypeAdminAction,
		Identity: who.Identity(), ReadOnly: a.ReadOnly,
	}
}

// What the socket needs.

func (a *Action[P, R]) path() string { return a.Name }

func (a *Action[P, R]) serve(ctx context.Context, h *Host, who Operator, params []byte, progress func(Progress)) (any, error) {
	var p P
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, fmt.Errorf("parameters of %s: %w", a.Name, err)
	}
	return a.Perform(ctx, h, who, p, progress)
}

// refuse records that who may not perform the action.
func (a *Action[P, R]) refuse(h *Host, who Operator, reason string) error {
	rec := a.record(h, who)
	rec.ErrorCode, rec.ErrorMessage = "AccessDenied", reason
	return h.Ledger.Note(rec)
}
