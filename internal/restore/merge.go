package restore

import (
	"slices"
	"time"
)

// skew is by how much the clocks of two nodes may differ, with which nothing is taken to be sure of that one of
// them tells of the order of events in two logs. Synchronised clocks differ by milliseconds.
const skew = time.Minute

// merge brings the events of several logs into one order: that of each log is kept, and times tell between them.
//
// A record that a dead node left in the store stands in the log of the node that adopted it, and in its own, should
// that have been only stopped. It is one event, where it is not late. It must be the same to the last byte: else an
// id alone, in the unsigned tail of one log, would make a record of another one disappear.
func merge(events []*event) []*event {
	var out []*event
	place := map[[32]byte]int{}
	for _, e := range events {
		i, twice := place[e.text]
		if !twice {
			place[e.text] = len(out)
			out = append(out, e)
			continue
		}
		first := out[i]
		if first.late && !e.late {
			out[i] = e
		}
		out[i].signed = first.signed || e.signed
		out[i].early = first.early && e.early
	}
	slices.SortStableFunc(out, func(a, b *event) int { return a.at.Compare(b.at) })
	return out
}

// lastWord is the one of all, which are about the same and in order, that holds. What no checkpoint covers and gives,
// or may give, overrules nothing that takes more away: who can write the disk could add at the end that a key was enabled.
func lastWord(all []chosen) chosen {
	last := lastOf(all)
	sure := slices.DeleteFunc(slices.Clone(all), func(c chosen) bool { return !c.signed && c.effect > restricts })
	if len(sure) == 0 || last.effect <= lastOf(sure).effect {
		return last
	}
	return lastOf(sure)
}

// lastOf is the last of all. In one log that is clear. Between logs clocks tell, and they differ; a record that reached its log late tells
// its time and not its place. So there may be several of which nobody can say which was the last: it is then the
// one that takes most away, for a key that stays disabled is noticed, one that is enabled again is not.
func lastOf(all []chosen) (best chosen) {
	last, newest := map[int]chosen{}, map[int]chosen{}
	var latest time.Time
	for _, c := range all {
		last[c.log] = c
		if n, seen := newest[c.log]; !seen || !c.Time.Before(n.Time) {
			newest[c.log] = c
		}
		if c.Time.After(latest) {
			latest = c.Time
		}
	}
	for log, n := range newest {
		if n.Time.Before(latest.Add(-skew)) {
			delete(last, log)
			delete(newest, log)
		}
	}
	for _, c := range all {
		may := last[c.log].event == c.event || newest[c.log].event == c.event
		if may && (best.event == nil || c.effect <= best.effect) {
			best = c
		}
	}
	best.byTime = len(last) > 1
	return best
}
