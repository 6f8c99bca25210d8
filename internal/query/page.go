package query

import (
	"cmp"
	"strings"

	"qkms/internal/fault"
)

// A marker is where a page ended, sealed: the caller can neither read nor make one, and a marker of another
// account, operation or filter does not open. markerPurpose keeps markers apart from every other token that
// is sealed with the same key.
const markerPurpose = "query page marker v1"

// defaultItems is how many items a page has when the caller does not say [D].
const defaultItems = 100

// A Page is a stretch of a list in order of its names.
type Page struct {
	After string // the name that ended the page before, or ""
	Items int    // at most

	call *Call
	bind []byte
}

// Page returns the page a caller asks for. operation and filter say of what: a marker is good for the same
// again.
func (c *Call) Page(operation, filter, marker string, maxItems int) (*Page, error) {
	// Unambiguous: neither account nor operation has a zero byte, and filter is last.
	p := &Page{Items: cmp.Or(maxItems, defaultItems), call: c, bind: []byte(strings.Join([]string{c.Caller.Account, operation, filter}, "\x00"))}
	if marker == "" {
		return p, nil
	}
	last, err := c.Book.Ring().OpenToken(markerPurpose, p.bind, marker)
	if err != nil {
		return nil, fault.InvalidMarkerOf(marker).Because(err)
	}
	p.After = string(last)
	return p, nil
}

// Marker is the marker of a page that ended with last.
func (p *Page) Marker(last string) string {
	return p.call.Book.Ring().SealToken(markerPurpose, p.bind, []byte(last))
}

// Cut returns the page p of all, which is in order of its names; truncated and marker are empty on the last
// page.
func Cut[T any](p *Page, all []T, name func(T) string) (page []T, truncated bool, marker string) {
	for len(all) > 0 && p.After != "" && name(all[0]) <= p.After {
		all = all[1:]
	}
	if len(all) <= p.Items {
		return all, false, ""
	}
	page = all[:p.Items]
	return page, true, p.Marker(name(page[len(page)-1]))
}
