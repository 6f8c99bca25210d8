package webidentity

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
	"unicode"

	"qkms/internal/fault"
)

// Bounds of what is read out of a token. The API has 255 for a subject [M].
const (
	mostValues  = 100 // of a list
	longestText = 255 // bytes of a text that ends up in records
)

// text returns a claim that must be there: a text of 1 to longestText bytes that is safe in a record.
func (c claims) text(name string) (string, error) {
	raw, there := c[name]
	if !there {
		return "", fault.MissingClaim(name)
	}
	var s string
	if err := exactly(raw, &s); err != nil || s == "" || len(s) > longestText || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fault.BadClaim(name).Because(err)
	}
	return s, nil
}

// list returns a claim that must be there: a text or a list of texts.
func (c claims) list(name string) ([]string, error) {
	raw, there := c[name]
	if !there {
		return nil, fault.MissingClaim(name)
	}
	all, err := texts(raw)
	if err != nil {
		return nil, fault.BadClaim(name).Because(err)
	}
	return all, nil
}

// texts reads a text, or a list of some. An element that is null or no text fails all of it.
func texts(raw json.RawMessage) ([]string, error) {
	var each []json.RawMessage
	if len(raw) > 0 && raw[0] == '"' {
		each = []json.RawMessage{raw}
	} else if err := exactly(raw, &each); err != nil {
		return nil, err
	}
	if len(each) > mostValues {
		return nil, errors.New("too many values")
	}
	all := make([]string, len(each))
	for i, one := range each {
		if err := exactly(one, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// date reads seconds since 1970. Parts of a second are dropped, which ends a token earlier, never later.
func (c claims) date(name string) (time.Time, error) {
	raw, there := c[name]
	if !there {
		return time.Time{}, fault.MissingClaim(name)
	}
	const yearTenThousand = 253402300800 // what no clock shows, and no conversion below gets wrong
	var seconds float64
	if err := exactly(raw, &seconds); err != nil || seconds < 0 || seconds >= yearTenThousand {
		return time.Time{}, fault.BadClaim(name).Because(err)
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC(), nil
}
