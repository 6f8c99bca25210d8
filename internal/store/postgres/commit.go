package postgres

import (
	"context"
	"fmt"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// trimEvery is how often, in revisions of a shard, its oldest notes are deleted.
const trimEvery = 256

// Commit implements store.Engine. It takes two round trips: the first locks the heads and reads what
// the checks, the fences and the chain need; the second writes and commits.
func (d *DB) Commit(ctx context.Context, t store.Txn) (at []store.Position, err error) {
	shards, err := t.Vet()
	if err != nil {
		return nil, err
	}
	fences := d.fences(t.Fence)
	err = d.runCommit(ctx, shards, func(ctx context.Context, conn *pgx.Conn) error {
		b := begin()
		var heads []head
		if len(shards) > 0 || len(fences) > 0 {
			seen, err := look(ctx, conn, b, &t, shards, fences)
			if err != nil {
				return err
			}
			heads, b = seen.heads, &pgx.Batch{}
		}
		at = advance(b, &t, heads)
		change(b, &t)
		if err := ctx.Err(); err != nil { // nothing of it was sent
			return err
		}
		return commit(ctx, conn, b)
	})
	if err != nil {
		d.taken(err)
		return nil, err
	}
	d.seen.wrote(at)
	return at, nil
}

// fences are the claims that must hold for a commit.
func (d *DB) fences(of *store.Fence) (all []store.Fence) {
	if of != nil {
		all = append(all, *of)
	}
	return append(all, d.hold.fence)
}

// A head is where a shard's change log stands.
type head struct {
	shard int
	rev   int64
	link  []byte
}

// A sight is what a commit goes by.
type sight struct {
	heads  []head
	vers   map[string]int64
	tokens map[string]int64
}

// look begins the transaction, locks the heads and evaluates the checks. Every statement after the
// lock sees what those who had it before have committed (begin), so the checks hold until the commit.
func look(ctx context.Context, conn *pgx.Conn, b *pgx.Batch, t *store.Txn, shards []int, fences []store.Fence) (*sight, error) {
	s := &sight{vers: map[string]int64{}, tokens: map[string]int64{}}
	// Rows are locked in the order of the sort, which keeps opposed commits from deadlock.
	b.Queue(`SELECT shard, rev, link FROM head WHERE shard = ANY($1::int[]) ORDER BY shard ASC FOR UPDATE`, shards).Query(func(rows pgx.Rows) error {
		var h head
		_, err := pgx.ForEachRow(rows, []any{&h.shard, &h.rev, &h.link}, func() error {
			s.heads = append(s.heads, h)
			h.link = nil // the next row must not be scanned over these bytes
			return nil
		})
		return err
	})
	if len(t.Checks) > 0 {
		b.Queue(`SELECT k, ver FROM rec WHERE k = ANY($1::bytea[])`, checked(t)).Query(pairs[[]byte](s.vers))
	}
	if len(fences) > 0 {
		b.Queue(readFences(len(shards) > 0), jobs(fences)).Query(pairs[string](s.tokens))
	}
	if _, _, err := send(ctx, conn, b); err != nil {
		return nil, err
	}
	if len(s.heads) != len(shards) {
		return nil, fmt.Errorf("the store is damaged: of the heads of shards %v there are %d", shards, len(s.heads))
	}
	return s, s.judge(t, fences)
}

// readFences reads the newest claims. Whoever takes a claim over locks every head (Claim), so under the
// lock of one the answer stays true; a commit without a head has to lock the row of the claim.
func readFences(locked bool) string {
	if locked {
		return `SELECT name, fence FROM job WHERE name = ANY($1::text[])`
	}
	return `SELECT name, fence FROM job WHERE name = ANY($1::text[]) ORDER BY name ASC FOR SHARE`
}

// pairs reads rows of a name and a number.
func pairs[K string | []byte](into map[string]int64) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var k K
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&k, &n}, func() error {
			into[string(k)] = n
			return nil
		})
		return err
	}
}

func checked(t *store.Txn) (keys [][]byte) {
	for _, c := range t.Checks {
		keys = append(keys, c.Key)
	}
	return keys
}

func jobs(fences []store.Fence) (names []string) {
	for _, f := range fences {
		names = append(names, f.Job)
	}
	return names
}

func (s *sight) judge(t *store.Txn, fences []store.Fence) error {
	for _, f := range fences {
		switch newest := s.tokens[f.Job]; { // 0: no claim was ever made
		case uint64(newest) == f.Token && (newest > 0 || f.Job == holdJob):
		case f.Job == holdJob:
			return errTaken
		default:
			return fmt.Errorf("%w: job %q", store.ErrFenced, f.Job)
		}
	}
	for _, c := range t.Checks {
		if uint64(s.vers[string(c.Key)]) != c.Ver {
			return &store.Conflict{Key: c.Key}
		}
	}
	return nil
}

// advance queues what moves the heads by one, with their notes.
func advance(b *pgx.Batch, t *store.Txn, heads []head) []store.Position {
	if len(heads) == 0 {
		return nil
	}
	var at []store.Position
	var shards, trimmed []int
	var revs, until []int64
	var bodies, links [][]byte
	for _, h := range heads {
		rev, note, link := h.rev+1, present(t.Notes[h.shard]), []byte(nil)
		if t.Link != nil {
			link = t.Link(h.shard, uint64(rev), note, h.link)
		}
		at = append(at, store.Position{Shard: h.shard, Rev: uint64(rev)})
		shards, revs, bodies, links = append(shards, h.shard), append(revs, rev), append(bodies, note), append(links, link)
		if rev > store.NoteWindow && rev%trimEvery == 0 {
			trimmed, until = append(trimmed, h.shard), append(until, rev-store.NoteWindow)
		}
	}
	b.Queue(`UPDATE head SET rev = u.rev, link = u.link
		FROM unnest($1::int[], $2::bigint[], $3::bytea[]) AS u(shard, rev, link) WHERE head.shard = u.shard`, shards, revs, links)
	b.Queue(`INSERT INTO chg (shard, rev, note, link)
		SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bytea[])`, shards, revs, bodies, links)
	for i, shard := range trimmed {
		b.Queue(`DELETE FROM chg WHERE shard = $1::int AND rev <= $2::bigint`, shard, until[i])
	}
	return at
}

// change queues the deletes, then the puts. Of several puts of a key the last one stays, as if they
// were made in their order.
func change(b *pgx.Batch, t *store.Txn) {
	if len(t.Deletes) > 0 {
		var keys [][]byte
		for _, del := range t.Deletes {
			keys = append(keys, del.Key)
		}
		b.Queue(`DELETE FROM rec WHERE k = ANY($1::bytea[])`, keys)
	}
	r := rows{}
	for _, p := range t.Puts {
		r.set(p.Key, p.Shard, p.Ver, p.Body)
	}
	if len(r) > 0 {
		r.queue(b, `ON CONFLICT (k) DO UPDATE SET shard = excluded.shard, ver = excluded.ver, body = excluded.body`)
	}
}
