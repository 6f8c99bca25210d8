package sts

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/query"
	"qkms/internal/record/recordpb"
)

// An assumption is a session of a role that somebody asks for. Check makes it, so that policies can be asked
// about it.
type assumption struct {
	action        string            // sts:AssumeRole, or one of its kin
	account, name string            // of the role
	arn           string            // of the role, with its path; empty if only its name is known
	who           *policy.Principal // who asks, if that is not the caller
	chained       bool              // it is a session that asks
	lasts         time.Duration     // 0: as long as it does by default
	session       *recordpb.Session // all but its role and times
	asked         []*recordpb.Tag   // what the request says of tags, and
	transitive    []string          // which of them are to be inherited
	says          map[string][]string
}

// limits are the parameters that every way to assume a role has.
type limits struct {
	DurationSeconds int         `is:"durationSeconds"`
	Policy          string      `is:"sessionPolicy"`
	PolicyArns      []policyARN `is:"policyArns"`
}

type policyARN struct {
	Arn string `is:"required,arn" wire:"arn"`
}

func (l *limits) assumption(action string) *assumption {
	a := &assumption{action: action, lasts: time.Duration(l.DurationSeconds) * time.Second, session: &recordpb.Session{Policy: l.Policy}}
	for _, p := range l.PolicyArns {
		a.session.PolicyArns = append(a.session.PolicyArns, p.Arn)
	}
	return a
}

var roleARN = regexp.MustCompile(`\Aarn:([a-z][a-z0-9-]*):iam::([0-9]{12}):role/(?:[!-~]+/)?([\w+=,.@-]{1,64})\z`)

// of says of which role the session is to be. The QKMS reference has a partition of its own for the same roles.
func (a *assumption) of(c *query.Call, arn string) error {
	m := roleARN.FindStringSubmatch(arn)
	if m == nil || m[1] != c.Identities.Partition && m[1] != "verenc" {
		return fault.NotARoleARN(arn)
	}
	a.arn = "arn:" + c.Identities.Partition + strings.TrimPrefix(arn, "arn:"+m[1])
	a.account, a.name = m[2], m[3]
	return nil
}

// An assumed is what all ways to assume a role answer.
type assumed struct {
	SourceIdentity   string `xml:",omitempty"`
	AssumedRoleUser  assumedUser
	Credentials      credentials
	PackedPolicySize int `xml:",omitempty"`
}

type assumedUser struct {
	Arn           string
	AssumedRoleId string
}

func (out *assumed) told() audit.Detail {
	return audit.Detail{
		audit.Object("credentials", out.Credentials.told()),
		audit.Object("assumedRoleUser", audit.Detail{
			audit.String("assumedRoleId", out.AssumedRoleUser.AssumedRoleId), audit.String("arn", out.AssumedRoleUser.Arn),
		}),
		audit.String("sourceIdentity", out.SourceIdentity).If(out.SourceIdentity != ""),
		audit.Int("packedPolicySize", out.PackedPolicySize).If(out.PackedPolicySize != 0),
	}
}

// assume issues the session of a, if the role's trust policy lets whoever asks have it.
func assume(ctx context.Context, c *query.Call, a *assumption) (*assumed, error) {
	role, err := a.authorize(ctx, c)
	if err != nil {
		return nil, err
	}
	c.Resources = []audit.Resource{{Type: "AWS::IAM::Role", AccountID: role.Account, ARN: role.ARN}}
	lasts, err := a.duration(role)
	if err != nil {
		return nil, err
	}
	packed, err := a.pack(ctx, c)
	if err != nil {
		return nil, err
	}
	m := a.session
	m.Account, m.Role, m.RoleId = role.Account, role.Name, role.Id
	issued, err := issue(c, m, lasts)
	return &assumed{
		SourceIdentity:   m.SourceIdentity,
		AssumedRoleUser:  assumedUser{Arn: c.Identities.SessionARN(role, m.Name), AssumedRoleId: role.Id + ":" + m.Name},
		Credentials:      issued,
		PackedPolicySize: packed,
	}, err
}

// authorize returns the role, if it may be assumed with all that is asked for. That it is not there is not told
// apart from that it trusts others.
func (a *assumption) authorize(ctx context.Context, c *query.Call) (*identity.Role, error) {
	role, err := c.Identities.Role(ctx, a.account, a.name)
	if err != nil {
		return nil, err
	}
	if role == nil || a.arn != "" && role.ARN != a.arn {
		return nil, a.denied(c, a.action)
	}
	for _, action := range a.actions() {
		may, err := c.Authz.Assumes(ctx, c.Request, a.who, role, action)
		if err != nil {
			return nil, err
		}
		if !may {
			return nil, a.denied(c, action)
		}
	}
	return role, nil
}

// actions are what must be allowed. What a session inherits needs the same permissions as what is asked for: a
// role whose trust policy does not expect tags shall not meet callers who have some (access.md §2.4).
func (a *assumption) actions() []string {
	actions := []string{a.action}
	if len(a.session.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.session.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

func (a *assumption) denied(c *query.Call, action string) error {
	if a.who != nil || c.Caller == nil {
		return fault.AssumeDeniedTo(action)
	}
	return fault.AssumeDenied(c.Caller.ARN, action, a.arn)
}

const (
	defaultDuration = time.Hour
	longestChained  = time.Hour // of a session that a session made: a chain shall not outlive what it began with
)

// duration is how long the session may last and shall.
func (a *assumption) duration(role *identity.Role) (time.Duration, error) {
	longest := time.Duration(role.MaxSession) * time.Second
	lasts := cmp.Or(a.lasts, min(defaultDuration, longest))
	switch {
	case a.chained && lasts > longestChained:
		return 0, fault.ChainedSessionTooLong()
	case lasts > longest:
		return 0, fault.SessionTooLong()
	}
	return lasts, nil
}
