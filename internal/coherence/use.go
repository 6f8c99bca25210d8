package coherence

// A Use is one use of what a node remembers. The zero Use is of nothing, and its Check refuses.
//
// It holds a number that stands for all of memory, not the entries that were used. That costs a request two
// loads of words which change a few times a second, no lock and no write, wherever the caches are. The price
// is that a request is decided again because of a change that it had nothing to do with.
type Use struct {
	lease    *Lease
	sequence uint64
}

// Begin starts a use: nothing that it rests on may have been read before. ErrLapsed when memory must
// not be used.
func (l *Lease) Begin() (Use, error) {
	sequence := l.sequence.Load()
	if !l.Valid() {
		return Use{}, ErrLapsed
	}
	return Use{l, sequence}, nil
}

// Check reports whether what was read since Begin was still good a moment ago: the last thing before an
// answer is written or a change is sent. ErrLapsed: do not answer. ErrChanged: begin again and decide
// again. What was computed may stay when the decision, its keys and their versions are what they were.
//
// The lease is looked at first. The other way round a renewal could come in between, whose changes the
// sequence would not show yet and whose lease would count already.
func (u Use) Check() error {
	if u.lease == nil || !u.lease.Valid() {
		return ErrLapsed
	}
	if u.lease.sequence.Load() != u.sequence {
		return ErrChanged
	}
	return nil
}

// Valid reports whether the lease holds. For answers it is half a check: see Use.
func (l *Lease) Valid() bool {
	granted := l.granted.Load()
	return granted != nil && l.Clock().Since(*granted) < l.length
}

// Changed says that this node has dropped from memory what a commit of its own has changed. It is called
// after the drop and before the commit is acknowledged: a request that read the former state
// would otherwise answer from it after the change is in force.
func (l *Lease) Changed() { l.sequence.Add(1) }
