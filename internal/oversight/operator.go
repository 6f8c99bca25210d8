package oversight

import (
	"slices"

	"qkms/internal/fault"
	"qkms/internal/query"
)

// operates refuses whoever is of no account that operates the deployment: for what is about all accounts, or none.
// It is a Check: that the caller's policies allow the action is asked besides.
func (d *Deps) operates(c *query.Call) error {
	if c.Caller.Account == "" || !slices.Contains(d.Operators, c.Caller.Account) {
		return fault.NotOperator(c.Caller.Account)
	}
	return nil
}
