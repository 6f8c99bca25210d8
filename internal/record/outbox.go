package record

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// outbox remembers audit records that have reached the log, so that the next commit removes their
// rows along with its own business. A row left by a crash is found by Undelivered.
type outbox struct {
	mu   sync.Mutex
	done []string
}

func (o *outbox) add(ids ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done = append(o.done, ids...)
}

func (o *outbox) take(most int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(o.done), max(most, 0))
	taken := o.done[:n:n]
	o.done = o.done[n:]
	return taken
}

// Delivered says that the audit record of a commit is durable in the log: its row may go.
func (b *Book) Delivered(eventID string) { b.delivered.add(eventID) }

// Undelivered returns the audit records that were committed and not marked delivered since, by event
// id: after a crash, the mutations whose record may be missing from the log. They are those that this node's log
// is to have, and with before also those of every other log that were committed before then.
func (b *Book) Undelivered(ctx context.Context, before time.Time) (map[string][]byte, error) {
	lines := map[string][]byte{}
	var after Key
	for {
		page, more, err := Scan[recordpb.Outbox](ctx, b, newKey(spaceOutbox), after, store.MaxList)
		if err != nil {
			return nil, err
		}
		for _, it := range page {
			after = it.Key
			if it.Msg.Log == b.Log || !before.IsZero() && it.Msg.At < before.UnixMilli() {
				lines[it.Key.Part(0)] = it.Msg.Line
			}
		}
		if !more {
			return lines, nil
		}
	}
}

func (b *Book) outbox(line []byte) ([]byte, error) {
	return proto.Marshal(&recordpb.Outbox{Line: line, Log: b.Log, At: time.Now().UnixMilli()})
}

// Tidy removes the rows of delivered audit records.
func (b *Book) Tidy(ctx context.Context) error {
	for {
		done := b.delivered.take(store.MaxOps)
		if len(done) == 0 {
			return nil
		}
		var t store.Txn
		for _, id := range done {
			k := ofOutbox(id)
			t.Deletes = append(t.Deletes, store.Delete{Shard: store.Loose, Key: k.bytes()})
		}
		if _, err := b.engine.Commit(ctx, t); err != nil {
			b.delivered.add(done...)
			return err
		}
	}
}
