package iam

import (
	"context"
	"slices"

	"qkms/internal/authz/policy"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type tagIn[T target] struct {
	Of   T     `is:"here"`
	Tags []tag `is:"required,tags"`
}

func (in tagIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

func (in tagIn[T]) says() conditions { return tagging{in.Tags}.says() }

// tagEntity makes operations that tag what is named by a T; noun is its name in the quota.
func tagEntity[T target](name, noun string) *query.Op[tagIn[T], query.None] {
	return on(name, func(_ context.Context, c *query.Call, e *entity, in *tagIn[T]) (*query.None, *record.Change, error) {
		if err := e.mutable(); err != nil {
			return nil, nil, err
		}
		if err := (tagging{in.Tags}).apply(e.tags, "TagsPer"+noun); err != nil {
			return nil, nil, err
		}
		return nil, e.saved(c), nil
	})
}

type untagIn[T target] struct {
	Of      T        `is:"here"`
	TagKeys []string `is:"required,tags,each=tagKey"`
}

func (in untagIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

func (in untagIn[T]) says() conditions { return conditions{"aws:tagkeys": in.TagKeys} }

func untag[T target](name string) *query.Op[untagIn[T], query.None] {
	return on(name, func(_ context.Context, c *query.Call, e *entity, in *untagIn[T]) (*query.None, *record.Change, error) {
		if err := e.mutable(); err != nil {
			return nil, nil, err
		}
		*e.tags = slices.DeleteFunc(*e.tags, func(t *recordpb.Tag) bool {
			return slices.ContainsFunc(in.TagKeys, func(key string) bool { return policy.Fold(key) == policy.Fold(t.Key) })
		})
		return nil, e.saved(c), nil
	})
}

type listTagsOut struct {
	Tags query.List[tag]
	truncation
}

func listTags[T target](name string) *query.Op[pagedIn[T], listTagsOut] {
	return reading(name, func(_ context.Context, c *query.Call, e *entity, in *pagedIn[T]) (*listTagsOut, error) {
		var tags []tag
		if e.tags != nil {
			tags = listOf(*e.tags).Member
		}
		some, more, err := page(c, name, e.id+e.arn, in.paging, tags, func(t tag) string { return t.Key })
		return &listTagsOut{query.ListOf(some), more}, err
	})
}
