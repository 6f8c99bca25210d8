package iam

import (
	"context"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

// boundarySuffix is added to the kind of an entity where a policy lists it as one whose boundary it is.
const boundarySuffix = "-boundary"

type boundaryIn[T target] struct {
	Of                  T      `is:"here"`
	PermissionsBoundary string `is:"required,arn"`
}

func (in boundaryIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

func (in boundaryIn[T]) says() conditions {
	return conditions{boundaryKey: {in.PermissionsBoundary}}
}

func putBoundary[T target](name string) *query.Op[boundaryIn[T], query.None] {
	return on(name, func(ctx context.Context, c *query.Call, e *entity, in *boundaryIn[T]) (*query.None, *record.Change, error) {
		if *e.boundary == in.PermissionsBoundary {
			return nil, nil, nil
		}
		change := c.Book.Change()
		e.unlimit(c, change)
		if err := limit(ctx, c, change, e, in.PermissionsBoundary); err != nil {
			return nil, nil, err
		}
		e.save(change)
		return nil, change, nil
	})
}

func deleteBoundary[T target](name string) *query.Op[T, query.None] {
	return on(name, func(_ context.Context, c *query.Call, e *entity, _ *T) (*query.None, *record.Change, error) {
		if *e.boundary == "" {
			return nil, nil, fault.NoSuch("permissions boundary of "+e.kind, e.name)
		}
		change := c.Book.Change()
		e.unlimit(c, change)
		e.save(change)
		return nil, change, nil
	})
}

// limit gives e, which has none, the boundary of a request, if it has one.
func limit(ctx context.Context, c *query.Call, change *record.Change, e *entity, boundary string) error {
	if boundary == "" {
		return nil
	}
	p, err := managed(ctx, c, boundary)
	switch {
	case err != nil:
		return err
	case p.ver == 0:
		return fault.NoBoundaryPolicy(boundary)
	}
	*e.boundary = boundary
	p.use(change)
	list(change, attachment(c, boundary, e.kind+boundarySuffix, e.name))
	return nil
}

// unlimit takes the boundary of e from it, if it has one.
func (e *entity) unlimit(c *query.Call, change *record.Change) {
	if *e.boundary == "" {
		return
	}
	unlist(change, attachment(c, *e.boundary, e.kind+boundarySuffix, e.name))
	*e.boundary = ""
}
