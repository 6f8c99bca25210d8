package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A value is one JSON value with the order of its members kept: a policy comes back to its author in
// the order it was written in.
type value struct {
	kind    kind
	scalar  string // of a string its text, of anything else its JSON
	list    []value
	members []member
}

type member struct {
	name string
	value
}

type kind int

const (
	scalarKind kind = iota // number, boolean or null
	stringKind
	listKind
	objectKind
)

// maxDepth is far more than any policy nests; without it a policy of brackets would be a long recursion.
const maxDepth = 16

// read parses text. A member that occurs twice in one object is an error: which of the two counts
// would be for the reader to guess.
func read(text string) (value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("there is more after the end of the document")
		}
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it ends too early")
	case err == nil:
		return v, nil
	}
	return v, fmt.Errorf("%w (%s)", err, position(text, d.InputOffset()))
}

// position is what an editor calls the place behind so many bytes of text.
func position(text string, offset int64) string {
	before := text[:offset]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return fmt.Sprintf("line %d, column %d", strings.Count(before, "\n")+1, utf8.RuneCountInString(line)+1)
}

func readValue(d *json.Decoder, depth int) (value, error) {
	if depth > maxDepth {
		return value{}, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return value{}, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return readList(d, depth)
		}
		return readObject(d, depth)
	case string:
		return value{kind: stringKind, scalar: t}, nil
	case json.Number:
		return value{scalar: t.String()}, nil
	}
	return value{scalar: fmt.Sprint(token)}, nil // true, false, or <nil>, which no element takes
}

func readList(d *json.Decoder, depth int) (value, error) {
	v := value{kind: listKind}
	for d.More() {
		item, err := readValue(d, depth+1)
		if err != nil {
			return v, err
		}
		v.list = append(v.list, item)
	}
	_, err := d.Token()
	return v, err
}

func readObject(d *json.Decoder, depth int) (value, error) {
	v := value{kind: objectKind}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return v, err
		}
		n := name.(string) // the decoder takes no other name
		if seen[n] {
			return v, fmt.Errorf("%q occurs twice", n)
		}
		seen[n] = true
		item, err := readValue(d, depth+1)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{n, item})
	}
	_, err := d.Token()
	return v, err
}

// get returns a member, or false.
func (v *value) get(name string) (*value, bool) {
	for i := range v.members {
		if v.members[i].name == name {
			return &v.members[i].value, true
		}
	}
	return nil, false
}

// items are the values of a member that is one value or a list of them; none of no member, or of no value.
func (v *value) items(name string) (all []*value) {
	if v == nil {
		return nil
	}
	m, ok := v.get(name)
	switch {
	case !ok:
		return nil
	case m.kind != listKind:
		return []*value{m}
	}
	for i := range m.list {
		all = append(all, &m.list[i])
	}
	return all
}

// clone returns a copy that shares nothing.
func (v *value) clone() value {
	c := value{kind: v.kind, scalar: v.scalar}
	for i := range v.list {
		c.list = append(c.list, v.list[i].clone())
	}
	for i := range v.members {
		c.members = append(c.members, member{v.members[i].name, v.members[i].value.clone()})
	}
	return c
}

// texts are the strings of a string or a list of strings; ok is false for anything else, and for an
// empty list.
func (v *value) texts() (out []string, ok bool) {
	switch v.kind {
	case stringKind:
		return []string{v.scalar}, true
	case listKind:
		for _, item := range v.list {
			if item.kind != stringKind {
				return nil, false
			}
			out = append(out, item.scalar)
		}
		return out, len(out) > 0
	}
	return nil, false
}

// scalars are the texts of a condition's values: one, or a list of them.
func (v *value) scalars() []string {
	if v.kind != listKind {
		return []string{v.scalar}
	}
	var all []string
	for i := range v.list {
		all = append(all, v.list[i].scalar)
	}
	return all
}
