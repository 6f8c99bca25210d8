package op

import (
	"context"
	"errors"

	"qkms/internal/bulkhead"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/wire/shape"
)

// slowToVerify are the specs under which a verification takes from 0.6 to 3 ms of a core; it is 0.3 ms at most under all
// others. What private keys do waits for its turn in custody.
var slowToVerify = map[string]bool{string(shape.KeySpecEccNistP384): true, string(shape.KeySpecEccNistP521): true}

// inTurn is verify, a computation with the public key of k; when it is its turn, if that takes long.
func (c *Call) inTurn(ctx context.Context, k *key.Key, verify func() error) (err error) {
	if !slowToVerify[k.Spec] {
		return verify()
	}
	refused := c.Slow.Short.Do(ctx, bulkhead.Flow{Account: k.Account, Key: k.Id}, func() { err = verify() })
	switch {
	case errors.Is(refused, bulkhead.ErrFull):
		return fault.Throttled().Because(refused)
	case refused != nil:
		return refused
	}
	return err
}
