package audit

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Prover makes proofs out of a log's files, live or copied. Each proof is a text that needs nothing but
// the verifier key to be checked: docs/formats/audit-checkpoint.md §5.
type Prover struct {
	dir    string
	segs   []segmentFile
	hashed []uint64
	marks  []*mark
	known  map[node]tlog.Hash // hash left zero in the key
}

// NewProver reads the checkpoints of the log in dir; those that the key did not sign count for nothing.
func NewProver(dir, verifierKey string) (*Prover, error) {
	key, err := note.NewVerifier(strings.TrimSpace(verifierKey))
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	p := &Prover{dir: dir, known: map[node]tlog.Hash{}}
	err = readHistory(dir, key, func(_ int, m *mark, err error) {
		if err != nil {
			return
		}
		p.marks = append(p.marks, m)
		for _, n := range slices.Concat(m.all.nodes, m.since.nodes) {
			p.known[node{level: n.level, index: n.index}] = n.hash
		}
	})
	if err == nil {
		p.segs, err = segments(dir)
	}
	if err == nil {
		p.hashed, err = leafFiles(dir)
	}
	if err == nil && len(p.marks) == 0 {
		err = fmt.Errorf("%s: no checkpoint that the key signed", filepath.Join(dir, historyName))
	}
	if err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	return p, nil
}

// ErrUnsigned is returned when no checkpoint covers the record yet.
var ErrUnsigned = errors.New("no checkpoint covers it yet; within a minute one will")

// Inclusion proves that the record with this event id is in the log, under the newest checkpoint.
func (p *Prover) Inclusion(eventID string) (string, error) {
	e, err := p.find(eventID)
	if err != nil {
		return "", err
	}
	m := p.marks[len(p.marks)-1]
	if e.Seq >= m.Size {
		return "", fmt.Errorf("record %d: %w", e.Seq, ErrUnsigned)
	}
	proof, err := tlog.ProveRecord(int64(m.Size), int64(e.Seq), p)
	if err == nil {
		err = tlog.CheckRecord(proof, int64(m.Size), m.Root, int64(e.Seq), tlog.RecordHash(e.Line))
	}
	if err != nil {
		return "", fmt.Errorf("record %d in %s cannot be proven, `qkms audit verify` tells why: %w", e.Seq, e.Segment, err)
	}
	return inclusionText(e.Seq, e.Line, proof, m.note), nil
}

// find looks an event up, in the newest segments first.
func (p *Prover) find(eventID string) (found Entry, err error) {
	for _, s := range slices.Backward(p.segs) {
		err := eachLine(s.path, func(ln []byte, _ int64, ended bool) bool {
			if seq, ok := seqOf(ln); ok && ended && eventIDOf(ln, map[string]bool{eventID: true}) != "" {
				found = Entry{seq, filepath.Base(s.path), bytes.Clone(ln)}
				return false
			}
			return true
		})
		if errors.Is(err, errStop) {
			return found, nil
		}
		if err != nil {
			return Entry{}, err
		}
	}
	return Entry{}, fmt.Errorf("no record here has the event id %s", eventID)
}

// Consistency proves that the log of a checkpoint of next records begins with the log of one of old
// records: nothing was changed or removed in between. Both sizes are of checkpoints in the history;
// next 0 is the newest.
func (p *Prover) Consistency(old, next uint64) (string, error) {
	newest := p.marks[len(p.marks)-1].Size
	if next == 0 {
		next = newest
	}
	from, to := p.of(old), p.of(next)
	switch {
	case from == nil:
		return "", fmt.Errorf("there is no checkpoint of %d records here; the newest is of %d", old, newest)
	case to == nil:
		return "", fmt.Errorf("there is no checkpoint of %d records here; the newest is of %d", next, newest)
	case old > next:
		return "", fmt.Errorf("the checkpoint of %d records is the older one", next)
	}
	proof, err := tlog.ProveTree(int64(next), int64(old), p)
	if err == nil {
		err = tlog.CheckTree(proof, int64(next), to.Root, int64(old), from.Root)
	}
	if err != nil {
		return "", fmt.Errorf("the log does not lead from %d to %d records, `qkms audit verify` tells why: %w", old, next, err)
	}
	return fmt.Sprintf(consistencyHead+"\nold %d %s\n%s\n%s", old, from.Root, hashLines(proof), to.note), nil
}

// Checkpoint is the one of that many records; false when there is none.
func (p *Prover) Checkpoint(size uint64) (Checkpoint, bool) {
	if m := p.of(size); m != nil {
		return m.Checkpoint, true
	}
	return Checkpoint{}, false
}

func (p *Prover) of(size uint64) *mark {
	for _, m := range p.marks {
		if m.Size == size {
			return m
		}
	}
	return nil
}

// The first lines of proofs.
const (
	inclusionHead   = "qkms audit inclusion v1"
	consistencyHead = "qkms audit consistency v1"
)

func hashLines(hashes []tlog.Hash) string {
	var b strings.Builder
	for _, h := range hashes {
		fmt.Fprintf(&b, "hash %s\n", h)
	}
	return b.String()
}

// ReadHashes is of tlog.HashReader. Subtrees between checkpoints are in the history, so that only the
// block of the record itself is put together from single hashes.
func (p *Prover) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		var err error
		if out[i], err = p.subtree(node{level: level, index: uint64(n)}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *Prover) subtree(n node) (tlog.Hash, error) {
	if h, ok := p.known[n]; ok {
		return h, nil
	}
	if n.level == 0 {
		if err := p.learn(n.index); err != nil {
			return tlog.Hash{}, err
		}
		return p.known[n], nil
	}
	left, err := p.subtree(node{level: n.level - 1, index: 2 * n.index})
	if err != nil {
		return tlog.Hash{}, err
	}
	right, err := p.subtree(node{level: n.level - 1, index: 2*n.index + 1})
	if err != nil {
		return tlog.Hash{}, err
	}
	p.known[n] = tlog.NodeHash(left, right)
	return p.known[n], nil
}

// learn reads the hashes of a record and its neighbours up to the next segment, from the lines if they
// are there and from the file of hashes if not.
func (p *Prover) learn(seq uint64) error {
	leaf := func(n uint64) node { return node{index: n} }
	if i, found := slices.BinarySearch(p.hashed, seq); found || i > 0 {
		if !found {
			i--
		}
		for j, h := range readLeaves(p.dir, p.hashed[i], p.hashed[i], maxSeq) {
			p.known[leaf(p.hashed[i]+uint64(j))] = h
		}
	}
	if len(p.segs) > 0 && p.segs[0].first <= seq {
		err := eachLine(segmentHolding(p.segs, seq).path, func(ln []byte, _ int64, ended bool) bool {
			if n, ok := seqOf(ln); ok && ended {
				p.known[leaf(n)] = tlog.RecordHash(ln)
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	if _, ok := p.known[leaf(seq)]; !ok {
		return fmt.Errorf("record %d and its hash were moved away", seq)
	}
	return nil
}
