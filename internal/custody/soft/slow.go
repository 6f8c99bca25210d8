package soft

import (
	"context"
	"errors"
	"fmt"

	"qkms/internal/bulkhead"
	"qkms/internal/custody"
)

// Slow is where computations that take long wait for their turn, so that the others find a free core.
func (s *Soft) Slow() *bulkhead.Bulkhead { return s.slow }

// slowly returns what compute does when it is its turn, among those for the same key and account, to run on lane.
func slowly[T any](ctx context.Context, lane *bulkhead.Lane, ref custody.Ref, compute func() (T, error)) (result T, err error) {
	refused := lane.Do(ctx, bulkhead.Flow{Account: ref.Account, Key: ref.KeyID}, func() { result, err = compute() })
	switch {
	case errors.Is(refused, bulkhead.ErrFull):
		return result, fmt.Errorf("%w: %w", custody.ErrBusy, refused)
	case refused != nil:
		return result, refused
	}
	return result, err
}

// use returns what compute does with k, the key of ref, which is of spec.
func use[K any](ctx context.Context, s *Soft, ref custody.Ref, spec string, k K, compute func(K) ([]byte, error)) ([]byte, error) {
	if !recipes[spec].slowUse {
		return compute(k)
	}
	for {
		out, err := inTurn(ctx, s, ref, compute)
		if !errors.Is(err, errForgotten) {
			return out, err
		}
	}
}

// errForgotten is that a key was forgotten while somebody waited to use it. It may be there again.
var errForgotten = errors.New("soft: the key was forgotten meanwhile")

// inTurn looks the key up before it waits for its turn, and not when that has come: who reads from a store that is slow
// would otherwise hold a slot as long, and nobody could sign with a key that is in memory.
func inTurn[K any](ctx context.Context, s *Soft, ref custody.Ref, compute func(K) ([]byte, error)) ([]byte, error) {
	place := new(entry) // of ref in the line, for who forgets it
	s.cache.away.add(ref, place)
	defer s.cache.away.remove(place)
	k, _, err := privateKeyOf[K](ctx, s, ref)
	if err != nil {
		return nil, err
	}
	return slowly(ctx, s.slow.Short, ref, func() ([]byte, error) {
		if !place.acquire() {
			return nil, errForgotten
		}
		place.release()
		return compute(k)
	})
}

// generate returns the stored form of a new key of spec for key.
func (s *Soft) generate(ctx context.Context, key custody.Ref, spec string) ([]byte, error) {
	r := recipes[spec]
	if !r.slowMake {
		return r.generate()
	}
	return slowly(ctx, s.slow.Long, key, r.generate)
}
