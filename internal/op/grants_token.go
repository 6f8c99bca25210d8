package op

import (
	"context"
	"slices"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/wire/shape"
)

// checkTokens refuses a request with a grant token that leads to no grant on a key of the accounts
// whose keys it uses, if the API gives the operation an exception for that; the others ignore such
// tokens (access.md §6.6). That is all a token is good for here: a grant has effect at once, and a
// token widens nobody's rights. Authorization comes first, so that a stranger cannot try out tokens.
func (c *Call) checkTokens(ctx context.Context, operation string, tokens []string) error {
	if len(tokens) == 0 || !slices.Contains(shape.Find(operation).Errors, string(fault.InvalidGrantToken)) {
		return nil
	}
	for _, token := range tokens {
		_, _, k, err := c.Resolver.Redeem(ctx, c.Caller.Region, token)
		if err != nil {
			return err
		}
		if k == nil || !slices.ContainsFunc(c.Keys, func(used *key.Key) bool { return used != nil && used.Account == k.Account }) {
			return fault.BadGrantToken()
		}
	}
	return nil
}
