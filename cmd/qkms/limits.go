package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"qkms/internal/op"
	"qkms/internal/throttle"
)

// Limits are written NAME=N, several separated by commas.

// setLimits sets what text says of fields; kind is what one of them is called.
func setLimits(kind string, fields map[string]*int, text string) error {
	for one := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(one, "=")
		field, known := fields[name]
		if !known {
			return fmt.Errorf("%q is no %s; there are %s", name, kind, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return fmt.Errorf("the %s %s is a number from 1 on, as in %s=10", kind, name, name)
		}
		*field = n
	}
	return nil
}

// showLimits is what setLimits reads, without what is zero.
func showLimits(fields map[string]*int) string {
	var out []string
	for name, field := range fields {
		if *field != 0 {
			out = append(out, fmt.Sprintf("%s=%d", name, *field))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

type quota op.Quota

func (q *quota) String() string     { return showLimits((*op.Quota)(q).Fields()) }
func (q *quota) Set(s string) error { return setLimits("quota", (*op.Quota)(q).Fields(), s) }

// rates are limits that begin, where the text does, with "none" or "aws".
type rates throttle.Rates

func (r *rates) String() string {
	switch throttle.Rates(*r) {
	case throttle.Rates{}:
		return "none"
	case throttle.AWS():
		return "aws"
	}
	return "none," + showLimits((*throttle.Rates)(r).Fields())
}

func (r *rates) Set(s string) error {
	all := throttle.Rates(*r)
	first, rest, more := strings.Cut(s, ",")
	switch first {
	case "none":
		all = throttle.Rates{}
	case "aws":
		all = throttle.AWS()
	default:
		rest, more = s, true
	}
	if more {
		if err := setLimits("rate", all.Fields(), rest); err != nil {
			return err
		}
	}
	*r = rates(all)
	return nil
}
