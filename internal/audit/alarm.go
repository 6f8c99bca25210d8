package audit

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
)

// An alarm tells the operator that the spool fills up: once for each time that it does, not for each
// request that is refused. It is calm again a little below where it went off, so that a record more and a
// record less do not make it go off again and again.
type alarm struct{ near, full, shut bool }

// A notice is a line for the operator's log; without a text there is none.
type notice struct {
	level slog.Level
	text  string
}

// judge is what there is to tell of a group that was written, or refused; l.mu is held.
func (l *Log) judge(group *entry) (news []notice) {
	for e := group; e != nil; e = e.next {
		if n := l.alarm.judge(e.err, l.size, e.room, l.cfg.SpoolBytes); n.text != "" {
			news = append(news, n)
		}
	}
	return news
}

// judge says what there is to tell after an append that might fill room of limit bytes, size being used.
func (a *alarm) judge(err error, size, room, limit int64) notice {
	if err == nil {
		return a.settle(size, limit)
	}
	full, disk := errors.Is(err, ErrFull), errors.Is(err, syscall.ENOSPC)
	switch {
	case full && room < limit && !a.shut && !a.full:
		a.shut = true
		return notice{slog.LevelWarn, "audit spool is half full: requests without a valid signature are refused and leave no record until there is room"}
	case full && room == limit && !a.full:
		a.near, a.full = true, true
		return notice{slog.LevelError, "audit spool is full: every request is refused until its oldest segments are moved away or its limit is raised"}
	case disk && !a.full:
		a.near, a.full = true, true
		return notice{slog.LevelError, "file system of the audit log is full: every request is refused until there is room"}
	}
	return notice{}
}

// settle is judge after an append that went well.
func (a *alarm) settle(size, limit int64) notice {
	a.shut = a.shut && size >= limit/2-limit/50
	switch {
	case a.full && size < limit-limit/50:
		a.full = false
		return notice{slog.LevelInfo, "audit log has room again"}
	case !a.near && size >= nearly(limit):
		a.near = true
		return notice{slog.LevelWarn, "audit spool is nearly full; when it is, every request is refused: move its oldest segments away, or see why a sink does not get them"}
	}
	a.near = a.near && size >= nearly(limit)-limit/50
	return notice{}
}

// nearly is how many of limit bytes are an alarm.
func nearly(limit int64) int64 { return limit / 5 * 4 }

func (l *Log) tell(n notice, size int64) {
	if n.text != "" {
		l.cfg.Logger.Log(context.Background(), n.level, n.text, "directory", l.dir, "bytes", size, "limit", l.cfg.SpoolBytes)
	}
}
