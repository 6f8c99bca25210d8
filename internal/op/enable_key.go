package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

// switchable are the states in which a key can be switched on or off, or is so already. An unavailable
// key takes the state when it is back.
const switchable = key.WhileDisabled | key.WhileUnavailable

var enableKey = &Op[shape.EnableKeyRequest, None]{
	Name:   "EnableKey",
	Needs:  func(in *shape.EnableKeyRequest) ([]key.Need, error) { return manage("kms:EnableKey", in.KeyId), nil },
	States: switchable,
	Run: func(ctx context.Context, c *Call, _ *shape.EnableKeyRequest) (*None, *record.Change, error) {
		change := c.enter(key.Enabled)
		if change == nil {
			return nil, nil, nil
		}
		return nil, change, c.awaken(ctx, change)
	},
	Audit:  func(in *shape.EnableKeyRequest) audit.Detail { return keyDetail(in.KeyId) },
	Result: keyResult,
}

// enter puts the call's key into a state; being in it already changes nothing.
func (c *Call) enter(state string) *record.Change {
	k := c.Key()
	if k.State == state {
		return nil
	}
	next := k.Edit()
	next.State = state
	change := c.Book.Change()
	change.Replace(k.Record(), k.Ver, next)
	return change
}
