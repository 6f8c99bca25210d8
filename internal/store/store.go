// Package store is the contract between the service and whatever keeps its records: ordered byte
// keys, versioned opaque bodies, small all-or-nothing transactions, and a change log without gaps.
//
// An engine never sees a plaintext or a policy; bodies arrive sealed. The suite in storetest says
// everything below again, to a machine, and every engine passes it. Engines share the suite and the format of backups, and no other
// code. Read Engine first.
package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

const (
	// Shards is the number of heads that order changes. It is fixed when a store is made.
	Shards = 64

	// Loose marks a write outside every shard: no head is locked or advanced for it, no note may
	// name it and nothing may be cached from it. The audit outbox lives there.
	Loose = -1

	MaxKey     = 1000    // bytes of a key
	MaxOps     = 128     // checks, puts and deletes of one Txn together
	MaxTxn     = 1 << 20 // bytes of all keys, bodies and notes of one Txn
	MaxList    = 1000    // records of one page
	NoteWindow = 4096    // notes a shard keeps at least; older ones may answer ErrGone
)

// An Engine keeps records. All methods may be called concurrently. Unless said otherwise a nil error
// means the effect is durable: it survives kill -9 and power loss. Every method honours its context,
// except that a Commit whose outcome is no longer certain returns ErrUnknown rather than guess.
//
// No read is answered from a state that lacks what a Commit or a Renew here has returned: a connection to
// a primary that was deposed since is as good as none.
//
// Arguments that break the rules written at their type (a shard that does not exist, an empty key, a
// put of version 0, a page of no records) are a mistake of the program above: they get an error
// outside the closed set, and nothing is written.
type Engine interface {
	// Get reads the keys from one snapshot that contains every commit finished before the call.
	// The answer has one Record per key, in order; an absent one has Ver 0 and a nil Body.
	Get(ctx context.Context, keys ...[]byte) ([]Record, error)

	// List returns up to limit (1 … MaxList) records with from <= key < to in byte order; a nil to
	// means no upper bound. more says that at least one further record is in the range. One page is
	// one snapshot, two pages need not be. The cost is proportional to the page.
	List(ctx context.Context, from, to []byte, limit int) (page []Record, more bool, err error)

	// Commit applies t whole or not at all. It locks and advances the head of every shard t names
	// (by check, put, delete or note) in shard order, then evaluates the checks, then writes; so two
	// commits that share a shard are serial, whatever isolation the database gives. Errors:
	// *Conflict (a check failed; nothing was written), ErrTooLarge (over a limit; nothing was
	// written), ErrUnavailable (nothing was written; may be retried), ErrUnknown (outcome unknown:
	// re-read by the ids you generated), ErrFenced (the fence was taken over; nothing was written).
	Commit(ctx context.Context, t Txn) ([]Position, error)

	// Changes returns up to max notes after the vector, per shard contiguous from after[shard]+1 and
	// never with a gap, and the vector that has them applied. Fewer than max means that the vector
	// is at the heads. A commit on two shards may be told in two calls. ErrGone when a note after
	// the vector was trimmed: drop every cache and start from the heads of Renew. ErrRolledBack when
	// the vector is ahead of a head.
	Changes(ctx context.Context, after Vector, max int) ([]Note, Vector, error)

	// Renew records that the node is alive and has applied its vector. Its heads include every
	// commit that finished before the call was made. ErrRolledBack, together with the heads there are, when
	// they lack what a Commit or Renew here had returned before: acknowledged commits were lost. That
	// is said once, and all that is remembered is to be dropped.
	//
	// A vector with a position beyond its shard's head is of a history that was lost, and the revisions that take
	// the place of the lost ones are not applied, nor may those of other shards be: it is never shown to Peers, but
	// nothing applied instead.
	Renew(ctx context.Context, n Node) (Heads, error)

	// Peers lists the nodes that renewed and have not left, in id order. A Renew that it does not show
	// yet returns heads with every commit that finished before this call of Peers was made.
	Peers(ctx context.Context) ([]Node, error)

	// Touch notes uses: for each key the one with the greatest At stays, readable by Get with Ver =
	// At. It writes no note, takes no head, and the last minute of it may be lost in a crash.
	Touch(ctx context.Context, uses []Use) error

	// Claim takes the named job for ttl, or returns ErrClaimed while another claim of it is
	// unexpired. A Txn that carries a fence commits only while that fence is the job's newest. An
	// engine may free the claims of a process that it knows to be dead.
	Claim(ctx context.Context, job string, ttl time.Duration) (Fence, error)

	// Backup writes one consistent snapshot, online and engine-neutral, bodies still sealed. What
	// was written before an error is worthless.
	Backup(ctx context.Context, w io.Writer) (Manifest, error)

	// Close flushes, removes the node's row and releases the store. Calls after it return
	// ErrUnavailable.
	Close() error
}

// A Loader is an engine that an empty store can be filled with. Every engine is one.
type Loader interface {
	// Load fills a store that nothing was ever written to, whole or not at all: on a nil error all of s
	// is there, durably; on any other error, and after a crash, the store is as empty as before. The
	// epoch becomes that of s. Each shard's change log goes on behind the head it has in s; what came
	// before cannot be read, so Changes after an earlier revision is ErrGone. Errors: what s.Records
	// yields, as it is; ErrNotEmpty (nothing was written); ErrUnavailable.
	//
	// The store is nobody else's while Load runs.
	Load(ctx context.Context, s Snapshot) error
}

// A Hinter is an engine by which processes can wake each other when something was changed that others should
// know of soon. Hints may be lost, late, or of nothing: whoever waits for one looks for itself now and
// then. Both methods return at once and may be called concurrently.
type Hinter interface {
	// Hint has the others woken soon. Many calls together may be one.
	Hint()

	// Hints is told of hints from any process, this one's too; always the same channel, for one to receive from.
	Hints() <-chan struct{}
}

// A Leaver is an engine from which nodes can be removed that died and left their rows behind.
type Leaver interface {
	// Leave removes the row of n, durably, if it still has n.Beat; else it does nothing, and that is no
	// error. A node that renews after it has a row again, whose Beat starts anew.
	Leave(ctx context.Context, n Node) error
}

// A Retirer is an engine whose store can be given up for good, because it is in another place now. Every engine is one.
type Retirer interface {
	// Retire has every Open of the store fail with ErrMoved from now on, durably. Nobody else may be using it, and
	// Close is all that may follow.
	Retire(ctx context.Context) error
}

// As finds in an engine, or in what it wraps, one that is also a T: what engines can do besides. An engine
// that wraps another has a method Unwrap() Engine.
func As[T any](e Engine) (found T, ok bool) {
	for e != nil {
		if found, ok = e.(T); ok {
			return found, true
		}
		w, wraps := e.(interface{ Unwrap() Engine })
		if !wraps {
			break
		}
		e = w.Unwrap()
	}
	return found, false
}

// A Snapshot is a whole store at one moment: what Backup writes, read back (package stream).
type Snapshot struct {
	Heads   Heads
	Links   [Shards][]byte           // the chain value at each head; nil: there is none
	Records iter.Seq2[Placed, error] // in byte order of their keys, once; an error ends them
}

// A Placed is a record and its shard, 0 … Shards-1 or Loose. Its bytes are good until the next is read.
type Placed struct {
	Record
	Shard int
}

// A Record is what is stored under a key. Ver 0 means absent; a version has at most 63 bits.
type Record struct {
	Key  []byte
	Ver  uint64
	Body []byte
}

// A Check holds when the record at Key has version Ver; 0 says it must be absent.
type Check struct {
	Shard int // 0 … Shards-1: outside every shard nothing would make it hold
	Key   []byte
	Ver   uint64
}

// A Put writes Body at Key as version Ver (>= 1), whatever was there: pair it with a Check.
type Put struct {
	Shard int // 0 … Shards-1, or Loose
	Key   []byte
	Ver   uint64
	Body  []byte
}

// A Delete removes the record at Key; removing what is absent is no error.
type Delete struct {
	Shard int // 0 … Shards-1, or Loose
	Key   []byte
}

// A Txn is one all-or-nothing change of at most MaxOps operations and MaxTxn bytes. Deletes are
// applied before Puts, each in their order. A key must name the same shard every time.
type Txn struct {
	Checks  []Check
	Puts    []Put
	Deletes []Delete
	Notes   map[int][]byte // shard → what the change log says of this commit; empty for other shards touched
	Fence   *Fence         // commit only while this claim is the job's newest

	// Link, when set, computes the chain value stored with a shard's new note from the one before
	// it (nil for the first). The engine keeps links and never reads meaning into them. It may call
	// Link more than once for one commit, from any goroutine; Link must not call the engine.
	Link func(shard int, rev uint64, note, previous []byte) []byte
}

// A Position is where in a shard's change log a commit stands; revisions start at 1, without gaps.
type Position struct {
	Shard int
	Rev   uint64
}

// A Vector holds, per shard, the revision up to which changes are known.
type Vector [Shards]uint64

// Bytes is v as engines keep it: one 64-bit big-endian number per shard.
func (v Vector) Bytes() []byte {
	b := make([]byte, 0, 8*Shards)
	for _, rev := range v {
		b = binary.BigEndian.AppendUint64(b, rev)
	}
	return b
}

// Within is v, or nothing applied if a position of v is beyond its head: then v is of a history that was lost.
func (v Vector) Within(heads Vector) Vector {
	for shard, rev := range v {
		if rev > heads[shard] {
			return Vector{}
		}
	}
	return v
}

// ParseVector reads what Bytes made. Any other length is an error.
func ParseVector(b []byte) (v Vector, err error) {
	if len(b) != 8*Shards {
		return v, fmt.Errorf("the store is damaged: a vector of %d bytes", len(b))
	}
	for shard := range v {
		v[shard] = binary.BigEndian.Uint64(b[8*shard:])
	}
	return v, nil
}

// A Note is one entry of a shard's change log.
type Note struct {
	Shard int
	Rev   uint64
	Body  []byte
	Link  []byte
}

// Heads is where the change log ends. Epoch rises when history was cut (restore, shard-count change).
type Heads struct {
	Revs  Vector
	Epoch uint64
}

// A Node is one server process. Beat counts its renewals; engines set it.
type Node struct {
	ID      string
	Beat    uint64
	Applied Vector
	Info    string
}

// A Use is the last use of something: At is milliseconds since 1970, at least 1. Its Key
// serves nothing else and lies outside every shard.
type Use struct {
	Key  []byte
	At   uint64
	Body []byte
}

// A Fence is a claim on a job; a newer claim of the same job has a greater Token.
type Fence struct {
	Job   string
	Token uint64
}

// A Manifest says what a backup holds. Bytes is the length of the whole stream; SHA256 covers every
// byte written before the trailer.
type Manifest struct {
	Records int
	Bytes   int64
	Heads   Heads
	SHA256  [32]byte
}

// The closed set of errors, besides *Conflict. Engines wrap them with what happened.
var (
	ErrUnknown     = errors.New("store: outcome unknown")
	ErrUnavailable = errors.New("store: unavailable")
	ErrTooLarge    = errors.New("store: transaction too large")
	ErrGone        = errors.New("store: change log trimmed")
	ErrRolledBack  = errors.New("store: a head or the epoch went backwards")
	ErrFenced      = errors.New("store: claim taken over")
	ErrClaimed     = errors.New("store: job claimed by another")
	ErrLocked      = errors.New("store: in use by another process")
	ErrNotEmpty    = errors.New("store: not empty")
)

// ErrMoved is returned where a store is opened that was retired.
var ErrMoved = errors.New("the store was moved elsewhere with `qkms move`: serve from there, and never from here, where what was revoked since is in force " +
	"(docs/operate.md, \"Move\", says how to take that back)")

// A Conflict names the first check that did not hold.
type Conflict struct{ Key []byte }

func (c *Conflict) Error() string { return fmt.Sprintf("store: conflict at %x", c.Key) }
