package iam

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type inlineIn[T target] struct {
	Of         T      `is:"here"`
	PolicyName string `is:"required,policyName"`
}

func (in inlineIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

type putInlineIn[T target] struct {
	Of             inlineIn[T] `is:"here"`
	PolicyDocument string      `is:"required,policyDocument"`
}

func (in putInlineIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

// at finds an inline policy by its exact name; the place is where it would stand if it is not there.
func (e *entity) at(name string) (int, bool) {
	return slices.BinarySearchFunc(*e.inline, name, func(p *recordpb.NamedPolicy, name string) int { return strings.Compare(p.Name, name) })
}

func putInline[T target](name string) *query.Op[putInlineIn[T], query.None] {
	return on(name, func(_ context.Context, c *query.Call, e *entity, in *putInlineIn[T]) (*query.None, *record.Change, error) {
		if err := identityPolicy(c, in.PolicyDocument); err != nil {
			return nil, nil, err
		}
		put := &recordpb.NamedPolicy{Name: in.Of.PolicyName, Text: in.PolicyDocument}
		i, found := e.at(put.Name)
		if found {
			(*e.inline)[i] = put
		} else {
			*e.inline = slices.Insert(*e.inline, i, put)
		}
		total := 0
		for _, p := range *e.inline {
			total += weight(p.Text)
		}
		if most := maxInline[e.kind]; total > most {
			return nil, nil, fault.InlineTooLong(most, e.kind, e.name)
		}
		return nil, e.saved(c), nil
	})
}

func deleteInline[T target](name string) *query.Op[inlineIn[T], query.None] {
	return on(name, func(_ context.Context, c *query.Call, e *entity, in *inlineIn[T]) (*query.None, *record.Change, error) {
		i, found := e.at(in.PolicyName)
		if !found {
			return nil, nil, fault.NoSuch(e.kind+" policy", in.PolicyName)
		}
		*e.inline = slices.Delete(*e.inline, i, i+1)
		return nil, e.saved(c), nil
	})
}

// inlineOut is an inline policy; whose it is stands under the name that its kind of entity has for that.
type inlineOut struct {
	UserName       string `xml:",omitempty"`
	GroupName      string `xml:",omitempty"`
	RoleName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument string
}

func getInline[T target](name string) *query.Op[inlineIn[T], inlineOut] {
	return reading(name, func(_ context.Context, _ *query.Call, e *entity, in *inlineIn[T]) (*inlineOut, error) {
		i, found := e.at(in.PolicyName)
		if !found {
			return nil, fault.NoSuch(e.kind+" policy", in.PolicyName)
		}
		p := (*e.inline)[i]
		out := &inlineOut{PolicyName: p.Name, PolicyDocument: document(p.Text)}
		switch e.kind {
		case kindUser:
			out.UserName = e.name
		case kindGroup:
			out.GroupName = e.name
		case kindRole:
			out.RoleName = e.name
		}
		return out, nil
	})
}

type pagedIn[T target] struct {
	Of T `is:"here"`
	paging
}

func (in pagedIn[T]) find(ctx context.Context, c *query.Call) (*entity, error) {
	return in.Of.find(ctx, c)
}

type listInlineOut struct {
	PolicyNames query.List[string]
	truncation
}

func listInline[T target](name string) *query.Op[pagedIn[T], listInlineOut] {
	return reading(name, func(_ context.Context, c *query.Call, e *entity, in *pagedIn[T]) (*listInlineOut, error) {
		names := make([]string, len(*e.inline))
		for i, p := range *e.inline {
			names[i] = p.Name
		}
		some, more, err := page(c, name, e.id, in.paging, names, itself)
		return &listInlineOut{query.ListOf(some), more}, err
	})
}
