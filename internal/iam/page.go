package iam

import (
	"context"

	"google.golang.org/protobuf/proto"

	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// paging is the parameters of operations that list something.
type paging struct {
	Marker   string `is:"marker"`
	MaxItems int    `is:"maxItems"`
}

// truncation is whether there is more, and what to ask for it with.
type truncation struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// page is a stretch of all, which is in order of name. filter is what else the page depends on.
func page[T any](c *query.Call, operation, filter string, p paging, all []T, name func(T) string) ([]T, truncation, error) {
	at, err := c.Page(operation, filter, p.Marker, p.MaxItems)
	if err != nil {
		return nil, truncation{}, err
	}
	some, more, marker := query.Cut(at, all, name)
	return some, truncation{more, marker}, nil
}

// itself is the name of a name.
func itself(name string) string { return name }

// A shelf is where the records of a kind stand.
type shelf struct {
	prefix record.Key
	at     func(name string) record.Key
}

// scan is page for records: those that keep says, in the order of their keys.
func scan[T any, P interface {
	*T
	proto.Message
	GetName() string
}](ctx context.Context, c *query.Call, s shelf, operation, filter string, p paging, keep func(P) bool) ([]P, truncation, error) {
	at, err := c.Page(operation, filter, p.Marker, p.MaxItems)
	if err != nil {
		return nil, truncation{}, err
	}
	var after record.Key
	if at.After != "" {
		after = s.at(at.After)
	}
	var out []P
	for more := true; more; {
		var items []record.Item[P]
		if items, more, err = record.Scan[T, P](ctx, c.Book, s.prefix, after, scanned); err != nil {
			return nil, truncation{}, err
		}
		for _, it := range items {
			after = it.Key
			switch {
			case !keep(it.Msg):
			case len(out) == at.Items:
				return out, truncation{true, at.Marker(out[len(out)-1].GetName())}, nil
			default:
				out = append(out, it.Msg)
			}
		}
	}
	return out, truncation{}, nil
}

// scanned is how many records are read at a time.
const scanned = 500

// every calls f with each record below prefix.
func every[T any, P interface {
	*T
	proto.Message
}](ctx context.Context, c *query.Call, prefix record.Key, f func(record.Key, P) error) error {
	var after record.Key
	for more := true; more; {
		items, rest, err := record.Scan[T, P](ctx, c.Book, prefix, after, scanned)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := f(it.Key, it.Msg); err != nil {
				return err
			}
			after = it.Key
		}
		more = rest
	}
	return nil
}

// count is how many records are below prefix.
func count(ctx context.Context, c *query.Call, prefix record.Key) (n int, err error) {
	err = every(ctx, c, prefix, func(record.Key, *recordpb.Member) error { // they are empty, whatever they are
		n++
		return nil
	})
	return n, err
}
