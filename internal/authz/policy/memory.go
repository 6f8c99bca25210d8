package policy

import (
	"reflect"

	"qkms/internal/footprint"
)

// A policy takes many times its text when it is compiled: `"*",` is four bytes, and under ArnLike an array of globs, two
// functions with what they hold on to, and a place in two lists. So that no tenant takes more memory than it is counted
// to take, what is made is added up as it is made.

// MemorySize is how many bytes of memory the policy takes, with all that nothing else refers to but the unique ids it
// was bound to. It is never much less than what it takes, and seldom more than half as much again.
func (p *Policy) MemorySize() int64 { return p.takes }

// What functions take with what they refer to by value: one word for the code, two for a string, three for a slice.
const (
	ofText      = 32 // with one string
	ofGlob      = 16 + 32
	ofGlobs     = 32
	ofTemplate  = 32
	fixedTest   = 16 // around a match
	varyingTest = 48 // around a template and what compiles it
	binaryTest  = 48
	networkTest = 48
	compareTest = 48
	keyResource = 32
)

// A tally adds up what one policy takes, in bytes.
type tally struct{ bytes int64 }

func (t *tally) room(n int)    { t.bytes += footprint.Room(n) }
func (t *tally) text(s string) { t.room(len(s)) }

// add counts a function, a text of so many bytes that it keeps, and what else it takes.
func (t *tally) add(function int64, text int, more int64) {
	t.room(text)
	t.bytes += function + more
}

// condition counts what c takes, but for its tests and its place in the list.
func (t *tally) condition(c *condition) {
	t.text(c.key)
	if c.name != c.key {
		t.text(c.name)
	}
	t.room(8 * cap(c.tests))
	t.room(8 * cap(c.sizes))
	t.room(cap(c.absent))
}

// statement counts what s takes, but for its resources, its conditions, and its place in the list.
func (t *tally) statement(s *statement) {
	t.text(s.sid)
	t.room(cap(s.whom) * sizeOf[whom]())
	for i := range s.whom {
		t.text(s.whom[i].name)
	}
	t.room(16 * cap(s.actions))
	for _, a := range s.actions {
		t.text(string(a))
	}
	t.room(8 * cap(s.resources))
}

// takes is what the pieces of g take; their text is the pattern's.
func (g *glob) takes() int64 { return footprint.Room(16 * cap(g.pieces)) }

func globsTake(globs []glob) int64 {
	n := footprint.Room(cap(globs) * sizeOf[glob]())
	for i := range globs {
		n += globs[i].takes()
	}
	return n
}

// takes is what a template takes besides the text it was read from.
func (t template) takes() int64 {
	n := footprint.Room(cap(t) * sizeOf[part]())
	for i := range t {
		n += footprint.Room(len(t[i].text)) + footprint.Room(len(t[i].name)) + footprint.Room(len(t[i].fallback))
	}
	return n
}

func sizeOf[T any]() int { return int(reflect.TypeFor[T]().Size()) }
