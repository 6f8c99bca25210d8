package op

import (
	"cmp"
	"strings"

	"qkms/internal/fault"
)

// A marker is where a page ended, sealed: the caller can neither read nor make one, and a marker of
// another account, Region, operation or filter does not open (operations.md §14). markerPurpose
// keeps markers apart from every other token that is sealed with the same key.
const markerPurpose = "page marker v1"

// resume returns the last name of the page that marker ended, or "" for the first page.
func (c *Call) resume(operation, filter, marker string) (string, error) {
	if marker == "" {
		return "", nil
	}
	last, err := c.Book.Ring().OpenToken(markerPurpose, c.markerBind(operation, filter), marker)
	if err != nil {
		return "", fault.BadMarker().Because(err)
	}
	return string(last), nil
}

func (c *Call) marker(operation, filter, last string) string {
	return c.Book.Ring().SealToken(markerPurpose, c.markerBind(operation, filter), []byte(last))
}

// markerBind is unambiguous: account and Region hold no zero byte, operation is ours, filter is last.
func (c *Call) markerBind(operation, filter string) []byte {
	return []byte(strings.Join([]string{c.Caller.Account, c.Caller.Region, operation, filter}, "\x00"))
}

// pageSize is the caller's limit, or the operation's own.
func pageSize(limit, otherwise int) int { return cmp.Or(limit, otherwise) }
