package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A test says whether one value of a request is what one value of a policy asks for.
type test func(value string, c Context) bool

// operators are those of access.md §3.3 but for Null, without IfExists and the set operators. A negated
// one is the same test, which must then hold for no value.
var operators = func() map[string]struct {
	test    func(d dialect, policy string) test
	negated bool
} {
	type row = struct {
		test    func(d dialect, policy string) test
		negated bool
	}
	all := map[string]row{
		"StringEquals": {equals, false}, "StringNotEquals": {equals, true},
		"StringEqualsIgnoreCase": {equalsFold, false}, "StringNotEqualsIgnoreCase": {equalsFold, true},
		"StringLike": {like, false}, "StringNotLike": {like, true},
		"ArnEquals": {arnLike, false}, "ArnNotEquals": {arnLike, true},
		"ArnLike": {arnLike, false}, "ArnNotLike": {arnLike, true},
		"Bool":         {equalsBool, false},
		"BinaryEquals": {equalsBytes, false},
		"IpAddress":    {inNetwork, false}, "NotIpAddress": {inNetwork, true},
	}
	for kind, read := range map[string]func(string) (float64, bool){"Numeric": number, "Date": date} {
		for name, holds := range map[string]func(value, policy float64) bool{
			"Equals":            func(v, p float64) bool { return v == p },
			"LessThan":          func(v, p float64) bool { return v < p },
			"LessThanEquals":    func(v, p float64) bool { return v <= p },
			"GreaterThan":       func(v, p float64) bool { return v > p },
			"GreaterThanEquals": func(v, p float64) bool { return v >= p },
		} {
			all[kind+name] = row{compare(read, holds), false}
		}
		all[kind+"NotEquals"] = row{all[kind+"Equals"].test, true}
	}
	return all
}()

// text makes a test of policy text that may hold variables. A variable without a value matches nothing, so
// that positive operators fail and negated ones hold.
func (d dialect) text(policy string, wildcards bool, compile func(string) (match func(value string) bool, takes int64)) test {
	t := d.template(policy, wildcards)
	if s, ok := t.fixed(); ok {
		match, takes := compile(s)
		d.tally.add(fixedTest, len(s), takes)
		return func(value string, _ Context) bool { return match(value) }
	}
	d.tally.add(varyingTest, len(policy), t.takes())
	return func(value string, c Context) bool {
		s, ok := t.expand(c, len(value))
		if !ok {
			return false
		}
		match, _ := compile(s)
		return match(value)
	}
}

func plain(s string) string { return strings.ReplaceAll(s, madeColon, ":") }

func equals(d dialect, policy string) test {
	return d.text(policy, false, func(s string) (func(string) bool, int64) {
		text := plain(s)
		return func(value string) bool { return value == text }, ofText
	})
}

func equalsFold(d dialect, policy string) test {
	return d.text(policy, false, func(s string) (func(string) bool, int64) {
		text := lower(plain(s))
		return func(value string) bool { return len(value) == len(text) && lower(value) == text }, ofText
	})
}

func like(d dialect, policy string) test {
	return d.text(policy, true, func(s string) (func(string) bool, int64) {
		g := newGlob(s)
		return g.match, ofGlob + g.takes()
	})
}

func arnLike(d dialect, policy string) test {
	return d.text(policy, true, func(s string) (func(string) bool, int64) {
		globs := newGlobs(s)
		return func(value string) bool {
			for i := range globs {
				part, rest, more := strings.Cut(value, ":")
				if last := i == arnParts-1; last {
					part = value
				} else if !more {
					return false
				}
				if !globs[i].match(part) {
					return false
				}
				value = rest
			}
			return len(globs) == arnParts
		}, ofGlobs + globsTake(globs)
	})
}

func equalsBool(d dialect, policy string) test {
	return d.text(policy, false, func(s string) (func(string) bool, int64) {
		text := lower(s)
		return func(value string) bool { return (text == "true" || text == "false") && lower(value) == text }, ofText
	})
}

func equalsBytes(d dialect, policy string) test {
	want, err := base64.StdEncoding.DecodeString(policy)
	ok := err == nil // the error is not kept: it could be longer than the text
	d.tally.add(binaryTest, cap(want), 0)
	return func(value string, _ Context) bool {
		got, bad := base64.StdEncoding.DecodeString(value)
		return ok && bad == nil && bytes.Equal(got, want)
	}
}

// inNetwork takes a prefix or one address; an IPv4 address is in no IPv6 network.
func inNetwork(d dialect, policy string) test {
	network := parseNetwork(policy)
	d.tally.add(networkTest, 0, 0)
	return func(value string, _ Context) bool {
		addr, bad := netip.ParseAddr(value)
		return bad == nil && network.Contains(addr.Unmap())
	}
}

// parseNetwork returns the zero prefix, in which nothing is, for what is no network.
func parseNetwork(text string) netip.Prefix {
	network, err := netip.ParsePrefix(text)
	if addr, bad := netip.ParseAddr(text); bad == nil {
		network, err = addr.Prefix(addr.BitLen())
	}
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

func compare(read func(string) (float64, bool), holds func(value, policy float64) bool) func(dialect, string) test {
	return func(d dialect, policy string) test {
		want, ok := read(policy)
		d.tally.add(compareTest, 0, 0)
		return func(value string, _ Context) bool {
			got, is := read(value)
			return ok && is && holds(got, want)
		}
	}
}

// number reads a decimal number. Go's other spellings (hexadecimal, Inf, NaN, underscores) are none.
func number(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// dates are the forms of the W3C profile of ISO 8601, all but the first three with a zone.
var dates = []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", time.RFC3339Nano}

// date reads a date or a number of seconds since 1970, and returns the latter. Four digits are a year.
func date(s string) (float64, bool) {
	for _, form := range dates {
		if t, err := time.Parse(form, s); err == nil {
			return float64(t.UnixMilli()) / 1000, true
		}
	}
	return number(s)
}
