package store

import (
	"errors"
	"fmt"
	"math"
)

// Vet checks t against the rules written at its type, which are the contract's and not an engine's: every
// engine does it before anything else. It returns the shards that t names, in order. Errors: ErrTooLarge, or a
// mistake of the program above, outside the closed set.
func (t *Txn) Vet() ([]int, error) {
	if n := len(t.Checks) + len(t.Puts) + len(t.Deletes); n > MaxOps {
		return nil, fmt.Errorf("%w: %d operations", ErrTooLarge, n)
	}
	var v vetting
	for _, c := range t.Checks {
		v.op(c.Shard, c.Key, c.Ver, 0)
		v.require(c.Shard != Loose, "a check outside every shard, where nothing makes it hold")
	}
	for _, p := range t.Puts {
		v.op(p.Shard, p.Key, p.Ver, len(p.Body))
		v.require(p.Ver >= 1, "a put of version 0")
	}
	for _, del := range t.Deletes {
		v.op(del.Shard, del.Key, 0, 0)
	}
	for shard, note := range t.Notes {
		v.touch(shard)
		v.size += len(note)
		v.require(shard != Loose, "a note outside every shard")
	}
	if v.err == nil && v.size > MaxTxn {
		v.err = fmt.Errorf("%w: %d bytes", ErrTooLarge, v.size)
	}
	return v.shards(), v.err
}

// Shards returns the shards in which t checks, puts or deletes, in order.
func (t *Txn) Shards() []int {
	var v vetting
	for _, c := range t.Checks {
		v.touch(c.Shard)
	}
	for _, p := range t.Puts {
		v.touch(p.Shard)
	}
	for _, d := range t.Deletes {
		v.touch(d.Shard)
	}
	return v.shards()
}

// A vetting adds up what a Txn names. err is the first thing wrong.
type vetting struct {
	touched [Shards]bool
	size    int
	err     error
}

func (v *vetting) op(shard int, key []byte, ver uint64, body int) {
	v.touch(shard)
	v.size += len(key) + body
	v.require(len(key) > 0, "an empty key")
	v.require(ver <= math.MaxInt64, "a version above 63 bits")
	if v.err == nil && len(key) > MaxKey {
		v.err = fmt.Errorf("%w: a key of %d bytes", ErrTooLarge, len(key))
	}
}

func (v *vetting) touch(shard int) {
	v.require(shard >= Loose && shard < Shards, "a shard that does not exist")
	if shard >= 0 && shard < Shards {
		v.touched[shard] = true
	}
}

// require notes a mistake of the program above, for which there is no error to branch on.
func (v *vetting) require(ok bool, what string) {
	if !ok && v.err == nil {
		v.err = errors.New("store: invalid transaction: " + what)
	}
}

func (v *vetting) shards() (shards []int) {
	for shard, touched := range v.touched {
		if touched {
			shards = append(shards, shard)
		}
	}
	return shards
}
