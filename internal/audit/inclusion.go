package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion is Prover.Inclusion of the record that is a line of the log in dir, in little memory: the history is read once,
// through, and of it only the hashes are kept that the proof consists of. None of them is believed: together with the line
// they lead to what the newest checkpoint signed, or there is no proof.
func Inclusion(ctx context.Context, dir, verifierKey string, line []byte) (string, error) {
	seq, is := seqOf(line)
	signed, err := os.ReadFile(filepath.Join(dir, checkpointName))
	if !is || errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("record %d: %w", seq, ErrUnsigned)
	}
	if err != nil {
		return "", fmt.Errorf("prove: %w", err)
	}
	c, err := OpenCheckpoint(signed, verifierKey)
	if err != nil {
		return "", fmt.Errorf("prove: %w", err)
	}
	if seq >= c.Size {
		return "", fmt.Errorf("record %d: %w", seq, ErrUnsigned)
	}
	p := &gathering{dir: dir}
	if p.hashed, err = leafFiles(dir); err != nil {
		return "", fmt.Errorf("prove: %w", err)
	}
	_, _ = tlog.ProveRecord(int64(c.Size), int64(seq), tlog.HashReaderFunc(p.ask)) // says what it needs
	if err := p.gather(ctx, c.Size); err != nil {
		return "", fmt.Errorf("prove: %w", err)
	}
	proof, err := tlog.ProveRecord(int64(c.Size), int64(seq), tlog.HashReaderFunc(p.answer))
	if err == nil {
		err = tlog.CheckRecord(proof, int64(c.Size), c.Root, int64(seq), tlog.RecordHash(line))
	}
	if err != nil {
		return "", fmt.Errorf("record %d cannot be proven, `qkms audit verify` tells why: %w", seq, err)
	}
	return inclusionText(seq, line, proof, signed), nil
}

// inclusionText is a proof as docs/formats/audit-checkpoint.md §5 has it.
func inclusionText(seq uint64, line []byte, proof tlog.RecordProof, signed []byte) string {
	return fmt.Sprintf(inclusionHead+"\nindex %d\nrecord %s\n%s\n%s", seq, line, hashLines(proof), signed)
}

// A gathering puts the subtrees of one proof together, of the smaller ones that the history has.
type gathering struct {
	dir    string
	hashed []uint64 // the first numbers of the files of hashes
	wanted []span   // each begins where its subtree does, and grows
	ends   []uint64
}

// ask notes what a proof is made of.
func (g *gathering) ask(indexes []int64) ([]tlog.Hash, error) {
	for _, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		g.wanted = append(g.wanted, emptySpan(uint64(n)<<level))
		g.ends = append(g.ends, uint64(n+1)<<level)
	}
	return make([]tlog.Hash, len(indexes)), nil
}

// answer is ask once everything was gathered.
func (g *gathering) answer(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		i := slices.IndexFunc(g.wanted, func(s span) bool { return s.begin == uint64(n)<<level && s.end == uint64(n+1)<<level })
		if i < 0 || len(g.wanted[i].nodes) != 1 {
			return nil, errors.New("hashes of records in between were moved away")
		}
		out = append(out, g.wanted[i].nodes[0].hash)
	}
	return out, nil
}

// gather reads the history up to a size.
func (g *gathering) gather(ctx context.Context, size uint64) error {
	var failed error
	err := eachLine(filepath.Join(g.dir, historyName), func(line []byte, _ int64, ended bool) bool {
		var raw marked
		if !ended || json.Unmarshal(line, &raw) != nil {
			return true // damage; if it matters there is no proof
		}
		s, err := spanOf(raw.Since, raw.Size, raw.New)
		if failed = ctx.Err(); failed != nil || err != nil {
			return failed == nil
		}
		for _, n := range s.nodes {
			g.add(n)
		}
		return raw.Size < size
	})
	return errors.Join(failed, ignoreStop(err))
}

// add gives a subtree to those that it is a part of. Of one that is too large its single hashes are looked up.
func (g *gathering) add(n node) {
	begin, end := n.index<<n.level, (n.index+1)<<n.level
	var leaves []tlog.Hash
	for i := range g.wanted {
		w := &g.wanted[i]
		switch {
		case w.end >= g.ends[i] || begin > w.end || end <= w.end: // whole already, or elsewhere
		case begin == w.end && end <= g.ends[i]:
			w.add(n)
		default:
			if leaves == nil {
				leaves = g.leaves(begin, end)
			}
			for w.end < g.ends[i] && w.end-begin < uint64(len(leaves)) {
				w.leaf(leaves[w.end-begin])
			}
		}
	}
}

// leaves are the single hashes from begin up to end, which are of one segment; fewer when they were moved away.
func (g *gathering) leaves(begin, end uint64) []tlog.Hash {
	i, found := slices.BinarySearch(g.hashed, begin)
	if !found {
		i--
	}
	if i < 0 {
		return []tlog.Hash{}
	}
	return readLeaves(g.dir, g.hashed[i], begin, end)
}
