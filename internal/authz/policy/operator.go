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
func (d dialect) text(policy string, wildcards bool, compile func(string) func(value string) bool) test {
	t := d.template(policy, wildcards)
	if s, ok := t.fixed(); ok {
		match := compile(s)
		return func(value string, _ Context) bool { return match(value) }
	}
	return func(value string, c Context) bool {
		s, ok := t.expand(c, len(value))
		return ok && compile(s)(value)
	}
}

func plain(s string) string { return strings.ReplaceAll(s, madeColon, ":") }

func equals(d dialect, policy string) test {
	return d.text(policy, false, func(s string) func(string) bool {
		s = plain(s)
		return func(value string) bool { return value == s }
	})
}

func equalsFold(d dialect, policy string) test {
	return d.text(policy, false, func(s string) func(string) bool {
		s = lower(plain(s))
		return func(value string) bool { return len(value) == len(s) && lower(value) == s }
	})
}

func like(d dialect, policy string) test {
	return d.text(policy, true, func(s string) func(string) bool {
		g := newGlob(s)
		return g.match
	})
}

func arnLike(d dialect, policy string) test {
	return d.text(policy, true, func(s string) func(string) bool {
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
		}
	})
}

func equalsBool(d dialect, policy string) test {
	return d.text(policy, false, func(s string) func(string) bool {
		s = lower(s)
		return func(value string) bool { return (s == "true" || s == "false") && lower(value) == s }
	})
}

func equalsBytes(_ dialect, policy string) test {
	want, err := base64.StdEncoding.DecodeString(policy)
	return func(value string, _ Context) bool {
		got, bad := base64.StdEncoding.DecodeString(value)
		return err == nil && bad == nil && bytes.Equal(got, want)
	}
}

// inNetwork takes a prefix or one address; an IPv4 address is in no IPv6 network.
func inNetwork(_ dialect, policy string) test {
	network, err := netip.ParsePrefix(policy)
	if addr, bad := netip.ParseAddr(policy); bad == nil {
		network, err = addr.Prefix(addr.BitLen())
	}
	return func(value string, _ Context) bool {
		addr, bad := netip.ParseAddr(value)
		return err == nil && bad == nil && network.Contains(addr.Unmap())
	}
}

func compare(read func(string) (float64, bool), holds func(value, policy float64) bool) func(dialect, string) test {
	return func(_ dialect, policy string) test {
		want, ok := read(policy)
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
