package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Verify reads the log in dir from end to end and compares every line with what was signed. It needs
// the files and the verifier key only, works on copies, and may run while the log is written to. A
// checkpoint that was kept elsewhere, retained, shows what the files alone cannot: that records or
// checkpoints were cut off at the end, or that the log is another one; nil: there is none.
//
// The error is for a key that is none, a directory that cannot be read, and a retained checkpoint that
// the key did not sign; what is wrong with the log is in the report.
func Verify(dir, verifierKey string, retained []byte) (Report, error) {
	return VerifyContext(context.Background(), dir, verifierKey, retained)
}

// VerifyContext is Verify that ends with ctx, and its error, between two segments.
func VerifyContext(ctx context.Context, dir, verifierKey string, retained []byte) (Report, error) {
	v, err := verify(ctx, dir, verifierKey, retained)
	for range 10 { // and no more: a checkpoint may say what the history does not
		if err != nil || len(v.Problems) == 0 || !v.overtaken() {
			break
		}
		v, err = verify(ctx, dir, verifierKey, retained)
	}
	return v.Report, err
}

// overtaken reports whether the service went on retiring segments while they were read, so that what was
// missed need not be missing.
func (v *verifier) overtaken() bool {
	now, err := segments(v.dir)
	if err != nil || len(now) == 0 || len(v.segs) == 0 {
		return false
	}
	signed, err := os.ReadFile(filepath.Join(v.dir, checkpointName))
	if err != nil {
		return false
	}
	c, err := openCheckpoint(signed, v.key)
	first := now[0].first
	return err == nil && first <= c.Retired && (first > v.segs[0].first || v.segs[0].first > v.Newest.Retired)
}

func verify(ctx context.Context, dir, verifierKey string, retained []byte) (verifier, error) {
	key, err := note.NewVerifier(strings.TrimSpace(verifierKey))
	if err != nil {
		return verifier{}, fmt.Errorf("verifier key: %w", err)
	}
	v := verifier{ctx: ctx, dir: dir, key: key}
	if retained != nil {
		c, err := openCheckpoint(retained, key)
		if err != nil {
			return verifier{}, fmt.Errorf("retained %w", err)
		}
		v.retained = &c
	}
	// The history first: a checkpoint made meanwhile covers lines that are read later, not the reverse.
	if err := readHistory(dir, key, v.mark); err != nil {
		return verifier{}, fmt.Errorf("verify audit log: %w", err)
	}
	if v.segs, err = segments(dir); err != nil {
		return verifier{}, fmt.Errorf("verify audit log: %w", err)
	}
	if v.hashed, err = leafFiles(dir); err != nil {
		return verifier{}, fmt.Errorf("verify audit log: %w", err)
	}
	v.read()
	if err := ctx.Err(); err != nil {
		return verifier{}, fmt.Errorf("verify audit log: %w", err)
	}
	v.sort()
	return v, nil
}

// A verifier holds the lines of the log against its blocks, oldest first.
type verifier struct {
	Report
	ctx      context.Context // of the whole verification, which a verifier is
	dir      string
	key      note.Verifier
	retained *Checkpoint
	compared bool // the retained checkpoint

	blocks []*block
	tree   span // of the last checkpoint that holds
	segs   []segmentFile
	hashed []uint64 // the first numbers of the files of hashes, ascending

	base uint64  // the window: the records from here on that no block has judged yet
	win  []place // one for each
}

// A place is what was found for the number of a record.
type place struct {
	hash    tlog.Hash
	segment int // index into segs
	line    int // 0: nothing was found
	told    bool
}

// A block is the records between two checkpoints.
type block struct {
	begin, end uint64
	before     span        // the tree up to begin
	root       tlog.Hash   // of the tree up to end
	signed     bool        // false: the records after the last checkpoint
	loaded     bool        // leaves was looked for
	leaves     []tlog.Hash // of each record, proven by root; nil when they cannot be had
	bad        bool        // there are hashes, and they do not lead to root
}

// leads reports whether these are the hashes of the block's records.
func (b *block) leads(leaves []tlog.Hash) bool {
	if uint64(len(leaves)) != b.end-b.begin {
		return false
	}
	all := b.before.clone()
	for _, h := range leaves {
		all.leaf(h)
	}
	return all.root() == b.root
}

// mark takes a line of the history.
func (v *verifier) mark(line int, m *mark, err error) {
	wrong := func(text string) {
		v.found(Problem{What: BadHistory, Segment: historyName, Line: line, Detail: text})
	}
	switch {
	case err != nil:
		wrong(err.Error())
		return
	case m.Size <= v.tree.end:
		wrong(fmt.Sprintf("a checkpoint of %d records after one of %d", m.Size, v.tree.end))
		return
	case m.since.begin != v.tree.end:
		wrong(fmt.Sprintf("the checkpoint of %d records should stand before this one", m.since.begin))
	case !m.follows(v.tree):
		wrong("its hashes do not lead from the checkpoint before to this one")
	case m.Retired < v.Newest.Retired:
		wrong(fmt.Sprintf("it says that %d records were retired, after one that says %d", m.Retired, v.Newest.Retired))
	}
	v.blocks = append(v.blocks, &block{begin: v.tree.end, end: m.Size, before: v.tree, root: m.Root, signed: true})
	v.Checkpoints++
	v.Newest, v.tree = m.Checkpoint, m.all
	if v.retained != nil && v.retained.Size == m.Size {
		v.compare(m.Root)
	}
}

// read goes through the segments, judging each block once its lines are known.
func (v *verifier) read() {
	end := v.tree.end
	if len(v.segs) > 0 {
		end = v.segs[0].first
	} else if end > 0 {
		v.found(Problem{What: Missing, Last: end - 1, Detail: "there is no segment"})
	}
	v.base, v.Unread, v.Retired = end, end, min(end, v.Newest.Retired)
	if v.Retired > 0 && v.Retired < end {
		v.found(Problem{What: Missing, First: v.Retired, Last: end - 1, Detail: "their segments are not there, and the service did not retire them"})
	}
	for i, s := range v.segs {
		if v.ctx.Err() != nil {
			return
		}
		r := reading{verifier: v, segment: i, want: s.first, first: s.first}
		if err := eachLine(s.path, r.line); err != nil {
			v.found(Problem{What: Unreadable, First: s.first, Last: s.first, Segment: filepath.Base(s.path), Line: r.at + 1, Detail: err.Error()})
		}
		limit := r.want
		if i+1 < len(v.segs) {
			limit = v.segs[i+1].first
		} else if limit < v.tree.end {
			limit = v.tree.end
		}
		r.finish(limit)
		end = r.want
		v.judge(limit)
	}
	v.tail(end)
}

// tail is about what comes after the last checkpoint; the log has the records up to end.
func (v *verifier) tail(end uint64) {
	if end > v.tree.end {
		v.Unsigned = end - v.tree.end
		b := &block{begin: v.tree.end, end: end, before: v.tree, loaded: true}
		if v.Checkpoints > 0 || v.base == 0 {
			v.blocks = append(v.blocks, b)
			v.judge(end)
		}
	}
	if v.Checkpoints == 0 && end > 0 {
		v.found(Problem{What: BadHistory, Segment: historyName, Line: 1, Detail: "there is no checkpoint, so nothing is proven"})
	}
	c := v.retained
	if c == nil {
		return
	}
	if have := max(end, v.tree.end); c.Size > have {
		p := Problem{What: Truncated, First: have, Last: c.Size - 1, Detail: fmt.Sprintf("the checkpoint of %s covers %d records, the log has %d", stamp(c.Time), c.Size, have)}
		if n := len(v.segs); n > 0 {
			p.Segment, p.Line = v.Last.Segment, v.lastLine()+1
		}
		v.found(p)
		return
	}
	if c.Size > v.tree.end {
		v.found(Problem{What: BadHistory, Segment: historyName, Line: v.Checkpoints + 1, Detail: fmt.Sprintf("the checkpoint of %s, of %d records, is missing", stamp(c.Time), c.Size)})
	}
	if !v.compared {
		v.found(Problem{What: Rewritten, Detail: fmt.Sprintf("the records up to %d are not all there, so they cannot be compared with the checkpoint of %s", c.Size-1, stamp(c.Time))})
	}
}

// lastLine counts the lines of the last segment.
func (v *verifier) lastLine() (n int) {
	_ = eachLine(v.segs[len(v.segs)-1].path, func(_ []byte, _ int64, ended bool) bool {
		if ended {
			n++
		}
		return true
	})
	return n
}

// compare holds the retained checkpoint against the root of as many records here.
func (v *verifier) compare(root tlog.Hash) {
	v.compared = true
	if root != v.retained.Root {
		v.found(Problem{What: Rewritten, Detail: fmt.Sprintf("the records up to %d are not those of the checkpoint of %s", v.retained.Size-1, stamp(v.retained.Time))})
	}
}

// judge closes the blocks that end at or before limit.
func (v *verifier) judge(limit uint64) {
	for len(v.blocks) > 0 && v.blocks[0].end <= limit {
		b := v.blocks[0]
		v.blocks = v.blocks[1:]
		v.load(b)
		switch {
		case b.end <= v.base: // moved away
			v.midway(b, b.leaves)
			v.badHashes(b)
		case b.leaves != nil:
			v.each(b)
			v.midway(b, b.leaves)
		default:
			v.whole(b)
		}
		if b.end > v.base {
			v.win = slices.Clone(v.win[min(b.end-v.base, uint64(len(v.win))):])
			v.base = b.end
		}
	}
}

// midway compares a retained checkpoint that is of a part of the block.
func (v *verifier) midway(b *block, leaves []tlog.Hash) {
	if v.retained == nil || v.compared || v.retained.Size <= b.begin || v.retained.Size > b.end || leaves == nil {
		return
	}
	all := b.before.clone()
	for _, h := range leaves[:v.retained.Size-b.begin] {
		all.leaf(h)
	}
	v.compare(all.root())
}

// each holds every place of the block against its own hash.
func (v *verifier) each(b *block) {
	for n := max(b.begin, v.base); n < b.end; n++ {
		switch p, want := v.at(n), b.leaves[n-b.begin]; {
		case p.told:
		case p.line == 0 && want == lostRecord:
			v.missing(n, "it was lost before it was signed")
		case p.line == 0:
			v.missing(n, "")
		case p.hash != want:
			v.found(Problem{What: Altered, First: n, Last: n, Segment: v.name(p.segment), Line: p.line})
		}
	}
}

// whole judges a block whose single hashes are not to be had.
func (v *verifier) whole(b *block) {
	if b.begin < v.base {
		v.Unread = max(v.Unread, b.end)
		return
	}
	leaves := make([]tlog.Hash, 0, b.end-b.begin)
	told := false
	for n := b.begin; n < b.end; n++ {
		p := v.at(n)
		if p.line == 0 && !p.told {
			v.missing(n, "")
		}
		told = told || p.line == 0 || p.told
		leaves = append(leaves, p.hash)
	}
	if !told {
		v.midway(b, leaves)
	}
	if !b.signed {
		return
	}
	if first := v.at(b.begin); !told && !b.leads(leaves) {
		v.found(Problem{What: Altered, First: b.begin, Last: b.end - 1, Segment: v.name(first.segment), Line: first.line, Detail: "one of them at least; the hashes that would tell which are not there, or altered too"})
	}
	v.badHashes(b)
}

func (v *verifier) badHashes(b *block) {
	if b.bad {
		v.found(Problem{What: BadHashes, First: b.begin, Last: b.end - 1, Detail: "the .hashes files do not lead to what was signed"})
	}
}

// missing tells where a record should be: behind the last line found before its place.
func (v *verifier) missing(n uint64, detail string) {
	s := segmentHolding(v.segs, n)
	p := Problem{What: Missing, First: n, Last: n, Detail: detail, Segment: filepath.Base(s.path)}
	if before := v.at(n - 1); before.line > 0 {
		p.Line = before.line + 1
	} else { // judged already, or missing too
		p.Line = int(n-s.first) + 1
	}
	v.found(p)
}

func (v *verifier) at(n uint64) place {
	if n < v.base || n-v.base >= uint64(len(v.win)) {
		return place{}
	}
	return v.win[n-v.base]
}

func (v *verifier) name(segment int) string { return filepath.Base(v.segs[segment].path) }

// load finds the hashes of a block's records and proves them.
func (v *verifier) load(b *block) {
	if b.loaded {
		return
	}
	b.loaded = true
	leaves := []tlog.Hash{}
	for at := b.begin; at < b.end; {
		i, found := slices.BinarySearch(v.hashed, at)
		if !found {
			i--
		}
		if i < 0 {
			return
		}
		until := b.end
		if i+1 < len(v.hashed) {
			until = min(until, v.hashed[i+1])
		}
		got := readLeaves(v.dir, v.hashed[i], at, until)
		if at += uint64(len(got)); at < until {
			return
		}
		leaves = append(leaves, got...)
	}
	if b.bad = !b.leads(leaves); !b.bad {
		b.leaves = leaves
	}
}

// proven is the hash that record n was signed with.
func (v *verifier) proven(n uint64) (tlog.Hash, bool) {
	i, _ := slices.BinarySearchFunc(v.blocks, n, func(b *block, n uint64) int {
		if b.end <= n {
			return -1
		}
		return 1
	})
	if i == len(v.blocks) || n < v.blocks[i].begin {
		return tlog.Hash{}, false
	}
	b := v.blocks[i]
	v.load(b)
	if b.leaves == nil {
		return tlog.Hash{}, false
	}
	return b.leaves[n-b.begin], true
}

// last keeps the newest record.
func (v *verifier) last(seq uint64, segment int, ln []byte) {
	v.Last = Entry{Seq: seq, Segment: v.name(segment), Line: append(v.Last.Line[:0], ln...)}
}
