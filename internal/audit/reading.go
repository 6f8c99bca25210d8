package audit

import (
	"golang.org/x/mod/sumdb/tlog"
)

// A reading goes through one segment and puts each line at the number that it is, or stands in for.
type reading struct {
	*verifier
	segment int    // index into segs
	first   uint64 // the number that the segment's name promises
	want    uint64 // the number that should come
	at      int    // lines read
	strays  []int  // lines since the last record that are none
}

// line is called with each line of the segment, see eachLineOf.
func (r *reading) line(ln []byte, offset int64, ended bool) bool {
	if !ended && r.segment == len(r.segs)-1 {
		return true // being written; if it is not, a checkpoint misses it
	}
	r.at++
	seq, ok := seqOf(ln)
	hash := tlog.RecordHash(ln)
	switch {
	case !ended, !ok, seq != r.want && !r.plausible(seq, hash, uint64(offset)):
		r.strays = append(r.strays, r.at)
		return true
	case seq < r.want:
		r.found(Problem{What: Moved, First: seq, Last: seq, Segment: r.name(r.segment), Line: r.at})
		if r.verifier.at(seq).line == 0 {
			r.put(seq, place{hash: hash, segment: r.segment, line: r.at})
		}
	default:
		r.finish(seq)
		r.put(seq, place{hash: hash, segment: r.segment, line: r.at})
		r.want = seq + 1
		r.last(seq, r.segment, ln)
	}
	r.Records++
	return true
}

// plausible reports whether a line with another number than it should have is that record all the same:
// because it was signed, or, where that is not known, because so many records can stand before it.
func (r *reading) plausible(seq uint64, hash tlog.Hash, offset uint64) bool {
	if signed, ok := r.proven(seq); ok {
		return hash == signed
	}
	return seq >= r.first && seq-r.first <= offset
}

// finish settles what the lines that are no records were, now that the next number is known: those in
// whose places they stand, or nothing.
func (r *reading) finish(next uint64) {
	for _, line := range r.strays {
		p := Problem{What: Added, First: r.want, Last: r.want, Segment: r.name(r.segment), Line: line}
		if r.want < next {
			p.What = Altered
			r.put(r.want, place{segment: r.segment, line: line, told: true})
			r.want++
		}
		r.found(p)
	}
	r.strays = r.strays[:0]
}

// put notes what was found for a number; numbers that were judged already are only told about.
func (v *verifier) put(n uint64, p place) {
	if n < v.base {
		return
	}
	for uint64(len(v.win)) <= n-v.base {
		v.win = append(v.win, place{})
	}
	v.win[n-v.base] = p
}
