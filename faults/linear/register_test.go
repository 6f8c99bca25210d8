package linear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/anishathalye/porcupine"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
)

// A register is a record of the store, its value the record's version. No value is written twice.
type (
	input struct {
		register int
		op       kind
		old      uint64 // of a swap
		value    uint64 // of a write or a swap
	}
	output struct {
		value   uint64 // of a read
		missed  bool   // of a swap: the old value was another
		unknown bool
	}
	kind int
)

const (
	read kind = iota
	write
	swap
)

func (in input) key() []byte { return fmt.Append(nil, "register/", in.register) }

// on does the operation.
func (in input) on(ctx context.Context, db *postgres.DB) (output, error) {
	if in.op == read {
		records, err := db.Get(ctx, in.key())
		if err != nil {
			return output{}, err
		}
		return output{value: records[0].Ver}, nil
	}
	t := store.Txn{Puts: []store.Put{{Shard: in.register, Key: in.key(), Ver: in.value}}}
	if in.op == swap {
		t.Checks = []store.Check{{Shard: in.register, Key: in.key(), Ver: in.old}}
	}
	_, err := db.Commit(ctx, t)
	if errors.As(err, new(*store.Conflict)) {
		return output{missed: true}, nil
	}
	return output{}, err
}

// model is what registers do when one operation follows another. One with an unknown outcome returns
// at the end of time: if it never happened, it comes after everything.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, registers)
		for _, o := range history {
			n := o.Input.(input).register
			parts[n] = append(parts[n], o)
		}
		return parts
	},
	Init: func() any { return uint64(0) },
	Step: func(state, in, out any) (bool, any) {
		was, i, o := state.(uint64), in.(input), out.(output)
		switch {
		case i.op == read:
			return o.value == was, was
		case i.op == write:
			return true, i.value
		case o.unknown:
			if was == i.old {
				return true, i.value
			}
			return true, was
		case o.missed:
			return was != i.old, was
		}
		return was == i.old, i.value
	},
}
