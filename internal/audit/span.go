package audit

import (
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// A node is one complete subtree of the tree over the records (RFC 6962 §2.1): the 2^level records
// from index·2^level on.
type node struct {
	level int
	index uint64
	hash  tlog.Hash
}

// A span is what the tree says of the records from begin up to end: the fewest complete subtrees that
// cover them, at most two of each level. Spans that follow each other join into one, so the tree over a
// whole log is known from those of its parts, and a part may be forgotten once its span is kept.
type span struct {
	begin, end uint64
	nodes      []node
}

// emptySpan begins a span at a record.
func emptySpan(at uint64) span { return span{begin: at, end: at} }

// spanOf is a span whose hashes are known, in the order of hashes; an error when their number is wrong.
func spanOf(begin, end uint64, hashes []tlog.Hash) (span, error) {
	s := emptySpan(begin)
	if end < begin || end > maxSeq {
		return s, errors.New("a span that ends before it begins")
	}
	for _, h := range hashes {
		if s.end == end {
			return s, errors.New("more hashes than its records have")
		}
		// The largest subtree that begins here and does not go beyond the end.
		level := 0
		for s.end>>level&1 == 0 && level < 62 && s.end+2<<level <= end {
			level++
		}
		s.nodes = append(s.nodes, node{level, s.end >> level, h})
		s.end += 1 << level
	}
	if s.end != end {
		return s, errors.New("fewer hashes than its records have")
	}
	return s, nil
}

func (s *span) size() uint64 { return s.end - s.begin }

// leaf adds the record after the last.
func (s *span) leaf(h tlog.Hash) { s.add(node{hash: h, index: s.end}) }

// add adds the subtree after the last, and makes one of two that are halves of a larger one.
func (s *span) add(n node) {
	s.end += 1 << n.level
	for len(s.nodes) > 0 && n.index&1 == 1 {
		last := s.nodes[len(s.nodes)-1]
		if last.level != n.level || last.index != n.index-1 {
			break
		}
		n = node{n.level + 1, n.index / 2, tlog.NodeHash(last.hash, n.hash)}
		s.nodes = s.nodes[:len(s.nodes)-1]
	}
	s.nodes = append(s.nodes, n)
}

// join returns the span of both; next begins where s ends.
func (s span) join(next span) span {
	out := s.clone()
	for _, n := range next.nodes {
		out.add(n)
	}
	return out
}

func (s span) clone() span {
	s.nodes = append([]node(nil), s.nodes...)
	return s
}

// root is the hash of the tree over all records of a span that begins at 0.
func (s *span) root() tlog.Hash {
	if len(s.nodes) == 0 {
		h, _ := tlog.TreeHash(0, nil) // of nothing; reads nothing
		return h
	}
	h := s.nodes[len(s.nodes)-1].hash
	for i := len(s.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(s.nodes[i].hash, h)
	}
	return h
}

func (s *span) hashes() []tlog.Hash {
	out := make([]tlog.Hash, len(s.nodes))
	for i, n := range s.nodes {
		out[i] = n.hash
	}
	return out
}
