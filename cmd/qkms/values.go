package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/key"
)

// The kinds of values that are refused where they are typed: each is a flag.Value.

type account string

func (a *account) String() string { return string(*a) }
func (a *account) Set(s string) error {
	if !key.IsAccount(s) {
		return fmt.Errorf("an account is twelve digits")
	}
	*a = account(s)
	return nil
}

type accounts []string

func (a *accounts) String() string { return strings.Join(*a, ",") }
func (a *accounts) Set(s string) error {
	*a = nil
	for one := range strings.SplitSeq(s, ",") {
		var it account
		if err := it.Set(strings.TrimSpace(one)); err != nil {
			return err
		}
		*a = append(*a, string(it))
	}
	return nil
}

type region string

func (r *region) String() string { return string(*r) }
func (r *region) Set(s string) error {
	if !key.IsRegion(s) {
		return fmt.Errorf("a Region is written like us-east-1")
	}
	*r = region(s)
	return nil
}

// A partition is part of every name that is printed, and what was printed must be understood again:
// "verenc" begins names of the other style.
type partition string

var isPartition = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`).MatchString

func (p *partition) String() string { return string(*p) }
func (p *partition) Set(s string) error {
	if !isPartition(s) || s == string(key.StyleVerenc) {
		return fmt.Errorf("a partition is written like aws or aws-cn, and is not %s", key.StyleVerenc)
	}
	*p = partition(s)
	return nil
}

type bound time.Duration

func (b *bound) String() string { return time.Duration(*b).String() }
func (b *bound) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < coherence.MinBound || d > coherence.MaxBound {
		return fmt.Errorf("a time from %v to %v, such as 45s", coherence.MinBound, coherence.MaxBound)
	}
	*b = bound(d)
	return nil
}

type mebibytes int

func (m *mebibytes) String() string { return strconv.Itoa(int(*m)) }
func (m *mebibytes) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1<<30 { // shifted to bytes, it must still be a size
		return errors.New("a number of MiB from 1 on")
	}
	*m = mebibytes(n)
	return nil
}

type few int

func (f *few) String() string { return strconv.Itoa(int(*f)) }
func (f *few) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 64 {
		return errors.New("a number from 0 to 64")
	}
	*f = few(n)
	return nil
}

type list []string

func (l *list) String() string { return strings.Join(*l, ",") }
func (l *list) Set(s string) error {
	*l = strings.Split(s, ",")
	return nil
}

// An age is an hour or more, also in days; 0 is none.
type age time.Duration

func (a *age) String() string { return time.Duration(*a).String() }
func (a *age) Set(s string) error {
	d, err := time.ParseDuration(s)
	if days, is := strings.CutSuffix(s, "d"); is {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(max(n, -1), 100_000)) * 24 * time.Hour
	}
	if err != nil || d < 0 || d > 0 && d < time.Hour {
		return errors.New("write an hour or more, such as 90d or 12h, or 0")
	}
	*a = age(d)
	return nil
}

// A several is a list that every mention of its flag adds to. The first one on the command line replaces
// what the environment has.
type several struct {
	all    *[]string
	preset bool
}

func (l *several) String() string {
	if l.all == nil {
		return ""
	}
	return strings.Join(*l.all, ",")
}

func (l *several) Set(s string) error {
	if l.preset {
		*l.all, l.preset = nil, false
	}
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one != "" {
			*l.all = append(*l.all, one)
		}
	}
	return nil
}

type regions []string

func (r *regions) String() string { return strings.Join(*r, ",") }
func (r *regions) Set(s string) error {
	*r = nil
	for name := range strings.SplitSeq(s, ",") {
		var one region
		if err := one.Set(strings.TrimSpace(name)); err != nil {
			return err
		}
		*r = append(*r, string(one))
	}
	return nil
}

type oneOf struct {
	field   *string
	choices []string
}

func (o oneOf) String() string {
	if o.field == nil {
		return ""
	}
	return *o.field
}

func (o oneOf) Set(s string) error {
	for _, c := range o.choices {
		if s == c {
			*o.field = s
			return nil
		}
	}
	return fmt.Errorf("must be %s", strings.Join(o.choices, " or "))
}
