package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// ordered is a JSON object whose order matters: members are checked and written in model order.
type ordered[T any] []entry[T]

type entry[T any] struct {
	name string
	T    T
}

func (o *ordered[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		e := entry[T]{name: name.(string)}
		if err := d.Decode(&e.T); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*o = append(*o, e)
	}
	return nil
}

type model struct {
	Operations ordered[operation]
	Shapes     ordered[*shape]

	overlay overlay
	byName  map[string]*shape
}

type operation struct {
	Input  string
	Output *string
	Errors []string
}

// A shape is a type of the model.
type shape struct {
	Type       string
	Members    ordered[reference] // of a structure
	Required   []string
	Member     *reference // of a list
	Key, Value *reference // of a map
	Enum       []string
	Min, Max   *int
	Pattern    string
	Sensitive  bool
	Exception  bool
	Deprecated bool

	name     string
	request  bool // part of a request
	response bool // part of a response
	input    bool // a whole request
}

type reference struct {
	Shape      string
	Deprecated bool
}

// overlay is api/overlay.json. The provenances in it are for readers.
type overlay struct {
	Patterns map[string]struct{ Pattern string }
	Printed  map[string]struct {
		Order    []string
		Verbatim bool
	}
	Accepted   map[string]struct{ Values []string }
	Suppressed map[string]struct{}
	Always     map[string]struct{ Members []string }
}

func load(dir string) (*model, error) {
	m := &model{byName: map[string]*shape{}}
	for name, into := range map[string]any{"kms.json": m, "overlay.json": &m.overlay} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, e := range m.Shapes {
		e.T.name = e.name
		m.byName[e.name] = e.T
	}
	if err := m.applyOverlay(); err != nil {
		return nil, fmt.Errorf("overlay.json: %w", err)
	}
	if err := m.follow(); err != nil {
		return nil, fmt.Errorf("kms.json: %w", err)
	}
	return m, nil
}

func (m *model) applyOverlay() error {
	for name, o := range m.overlay.Patterns {
		if m.byName[name] == nil || m.byName[name].Pattern != "" {
			return fmt.Errorf("pattern: %s is unknown, or has one in the model", name)
		}
		m.byName[name].Pattern = o.Pattern
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(m.overlay.Printed)), slices.Collect(maps.Keys(m.overlay.Accepted))) {
		if m.byName[name] == nil || len(m.byName[name].Enum) == 0 {
			return fmt.Errorf("printed, accepted: %s is no enumeration", name)
		}
	}
	for name := range m.overlay.Suppressed {
		if m.byName[name] == nil {
			return fmt.Errorf("suppressed: unknown shape %s", name)
		}
		m.byName[name].Sensitive = true
	}
	for name, o := range m.overlay.Always {
		for _, member := range o.Members {
			if m.byName[name] == nil || !m.byName[name].has(member) {
				return fmt.Errorf("always: unknown member %s.%s", name, member)
			}
		}
	}
	return nil
}

// follow marks which structures are part of requests and which of responses.
func (m *model) follow() error {
	for _, op := range m.Operations {
		in := m.byName[op.T.Input]
		in.input = true
		if err := m.walk(in, 0, func(s *shape) { s.request = true }); err != nil {
			return err
		}
		if op.T.Output != nil {
			if err := m.walk(m.byName[*op.T.Output], 0, func(s *shape) { s.response = true }); err != nil {
				return err
			}
		}
	}
	return nil
}

// What the hand-written half of the shape package relies on.
const (
	maxOpen    = 2  // structures around a member that shape.violations keeps track of
	maxMembers = 16 // members of one structure that shape.presence keeps track of
)

const maxDepth = 8 // structures around a member: more of them are a circle, which nothing here would come out of

func (m *model) walk(s *shape, depth int, mark func(*shape)) error {
	mark(s)
	if depth > maxDepth {
		return fmt.Errorf("%s: nested in itself", s.name)
	}
	if s.request && (depth > maxOpen || len(s.Members) > maxMembers) {
		return fmt.Errorf("%s: nested too deeply, or has too many members", s.name)
	}
	for _, e := range s.Members {
		if next := m.structureIn(e.T.Shape); next != nil {
			if err := m.walk(next, depth+1, mark); err != nil {
				return err
			}
		}
	}
	return nil
}

// structureIn is the structure that the named shape is, or is a list of; nil for other shapes.
func (m *model) structureIn(name string) *shape {
	s := m.byName[name]
	if s.Type == "list" {
		s = m.byName[s.Member.Shape]
	}
	if s.Type != "structure" {
		return nil
	}
	return s
}

// structures are those that get a Go type, in model order.
func (m *model) structures() []*shape {
	var all []*shape
	for _, e := range m.Shapes {
		if e.T.request || e.T.response {
			all = append(all, e.T)
		}
	}
	return all
}

func (s *shape) has(member string) bool {
	return slices.ContainsFunc(s.Members, func(e entry[reference]) bool { return e.name == member })
}

func (s *shape) requires(member string) bool { return slices.Contains(s.Required, member) }

// secret reports whether the structure s holds a member of a sensitive shape, at any depth.
func (m *model) secret(s *shape) bool {
	for _, e := range s.Members {
		if m.byName[e.T.Shape].Sensitive {
			return true
		}
		if next := m.structureIn(e.T.Shape); next != nil && m.secret(next) {
			return true
		}
	}
	return false
}

// printedSet is the set of values in the message about a wrong one: the order of the overlay, then what
// it does not know in model order.
func (m *model) printedSet(s *shape) []string {
	o := m.overlay.Printed[s.name]
	set := slices.Clone(o.Order)
	if o.Verbatim {
		return set
	}
	for _, value := range s.Enum {
		if !slices.Contains(set, value) {
			set = append(set, value)
		}
	}
	return set
}
