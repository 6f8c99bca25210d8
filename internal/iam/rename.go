package iam

import (
	"context"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// moveTo saves e at key, which is that of its new name, and moves with it what policies list under its name.
// moved is false where the new name differs in the size of its letters at most: then nothing has to move.
func (e *entity) moveTo(ctx context.Context, c *query.Call, change *record.Change, key record.Key, noun, to string) (moved bool, err error) {
	if key == e.key {
		e.save(change)
		return false, nil
	}
	_, ver, err := c.Book.Take(ctx, key)
	switch {
	case err != nil:
		return false, err
	case ver != 0:
		return false, fault.NameTaken(noun, to)
	}
	for _, at := range e.listings(c) {
		relist(change, at(e.name), at(to))
	}
	change.Remove(e.key, e.ver)
	change.Begin(key, c.Now.UnixMilli(), e.msg)
	return true, nil
}

// listings are where policies list e: the keys under which it would stand by any name.
func (e *entity) listings(c *query.Call) []func(name string) record.Key {
	var all []func(string) record.Key
	for _, arn := range *e.attached {
		all = append(all, func(name string) record.Key { return attachment(c, arn, e.kind, name) })
	}
	if e.boundary != nil && *e.boundary != "" {
		arn := *e.boundary
		all = append(all, func(name string) record.Key { return attachment(c, arn, e.kind+boundarySuffix, name) })
	}
	return all
}

// relist moves an entry of an index. It is empty, and always in its first version.
func relist(change *record.Change, from, to record.Key) {
	unlist(change, from)
	list(change, to)
}

func list(change *record.Change, at record.Key)   { change.Insert(at, new(recordpb.Attachment)) }
func unlist(change *record.Change, at record.Key) { change.Remove(at, 1) }
