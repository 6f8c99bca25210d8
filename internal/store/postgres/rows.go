package postgres

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// rows are records to write, by their keys.
type rows map[string]row

type row struct {
	shard int
	ver   int64
	body  []byte
}

func (r rows) set(key []byte, shard int, ver uint64, body []byte) {
	r[string(key)] = row{shard, int64(ver), present(body)}
}

// queue writes the rows in one statement, in the order of their keys: two that write the same ones
// outside every shard, where no head is locked, do not wait for each other in a circle.
func (r rows) queue(b *pgx.Batch, conflict string) {
	var keys, bodies [][]byte
	var shards []int
	var vers []int64
	for _, k := range slices.Sorted(maps.Keys(r)) {
		keys, shards, vers, bodies = append(keys, []byte(k)), append(shards, r[k].shard), append(vers, r[k].ver), append(bodies, r[k].body)
	}
	b.Queue(`INSERT INTO rec (k, shard, ver, body)
		SELECT * FROM unnest($1::bytea[], $2::int[], $3::bigint[], $4::bytea[]) `+conflict, keys, shards, vers, bodies)
}

// present is b, never nil: the driver writes nil as NULL.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
