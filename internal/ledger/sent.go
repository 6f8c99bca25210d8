package ledger

import (
	"qkms/internal/audit"
)

// A sent record is in the log, and may not survive a loss of power yet: its row stays in the outbox until it does.
type sent struct {
	id    string
	line  []byte
	flush audit.Flush
}

// deliver gives the log a record that was committed with its change. The caller is answered without waiting for the
// disk again: the record is durable in the store, and what the log would lose with its last tenth of a second it is given
// again from there (Recover).
func (l *Ledger) deliver(id string, line []byte) error {
	flush, err := l.Audit.AppendEncoded(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.owed[id] = line
		return err
	}
	l.sent = append(l.sent, sent{id, line, flush})
	return nil
}

// collect has the rows taken away of what the log has made durable meanwhile. What it could not is owed to it.
func (l *Ledger) collect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.sent) && l.sent[n].flush.Ended() {
		s := l.sent[n]
		if s.flush.Wait() == nil {
			l.Book.Delivered(s.id)
		} else {
			l.owed[s.id] = s.line
		}
		n++
	}
	l.sent = l.sent[n:]
	if len(l.sent) == 0 {
		l.sent = nil // not what was at its front
	}
}

// await is collect once all that is in the log now is durable, or could not be made so.
func (l *Ledger) await() {
	l.mu.Lock()
	last := len(l.sent) - 1
	var flush audit.Flush
	if last >= 0 {
		flush = l.sent[last].flush
	}
	l.mu.Unlock()
	if last >= 0 {
		_ = flush.Wait() // collect sees how it ended
	}
	l.collect()
}
