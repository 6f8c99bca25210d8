package query

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"qkms/internal/audit"
	"qkms/internal/fault"
)

// A plan is how a struct of parameters is read: made once for each type, from our own declarations and
// never from what a client sent.
//
// The fields are named as the parameters are. A field is a string, a *string (where absent and empty are
// two things), an int, a bool, a struct, or a list of strings or structs. Its tag `is` holds "required", the
// name of a shape, and of a list "each=" with that of its members; anything else panics, in the first test.
// The parameters of an embedded struct, and of one whose tag is "here", are read as if they stood in its
// place. A tag `wire` is the parameter's name where the API writes it otherwise than a field can be named.
type plan []parameter

type parameter struct {
	name     string // as on the wire
	index    []int
	required bool
	shape    *shape
	each     *shape // of the members of a list of texts
	fields   plan   // of a struct, or of the members of a list of structs
}

var plans sync.Map // reflect.Type → plan

func planOf(t reflect.Type) plan {
	if p, ok := plans.Load(t); ok {
		return p.(plan)
	}
	var p plan
	for f := range t.Fields() {
		if !f.Anonymous && f.Tag.Get("is") != "here" {
			p = append(p, newParameter(f))
			continue
		}
		for _, inner := range planOf(f.Type) {
			inner.index = append(slices.Clone(f.Index), inner.index...)
			p = append(p, inner)
		}
	}
	plans.Store(t, p)
	return p
}

func newParameter(f reflect.StructField) parameter {
	p := parameter{name: cmp.Or(f.Tag.Get("wire"), f.Name), index: f.Index}
	for word := range strings.SplitSeq(f.Tag.Get("is"), ",") {
		each, ofMembers := strings.CutPrefix(word, "each=")
		switch {
		case word == "required":
			p.required = true
		case ofMembers:
			p.each = shapeNamed(each)
		case word != "":
			p.shape = shapeNamed(word)
		}
	}
	switch t := f.Type; {
	case t.Kind() == reflect.Struct:
		p.fields = planOf(t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		p.fields = planOf(t.Elem())
	}
	return p
}

func shapeNamed(name string) *shape {
	s, ok := shapes[name]
	if !ok {
		panic(fmt.Sprintf("query: internal error: no shape %q", name)) // our own declaration
	}
	return &s
}

// decode reads form into the struct that in points to. Every constraint is judged, and those that are broken
// are told together.
func decode(form url.Values, in any) error {
	r := reader{form: form}
	v := reflect.ValueOf(in).Elem()
	r.structure(planOf(v.Type()), v, "", "")
	switch {
	case r.err != nil:
		return r.err
	case len(r.broken) == 0:
		return nil
	}
	var texts []string
	for _, f := range r.broken {
		if f.says == "" {
			texts = append(texts, f.String())
		}
	}
	if len(texts) == 0 {
		return fault.InvalidValue(r.broken[0].says)
	}
	return fault.Violations(texts)
}

// A reader goes through the parameters of one request.
type reader struct {
	form   url.Values
	broken []finding
	err    error // of what is no text, number or list at all
}

// structure reads the members of a struct, whose names begin with prefix on the wire and with at in errors.
func (r *reader) structure(p plan, v reflect.Value, prefix, at string) {
	for i := range p {
		r.parameter(&p[i], v.FieldByIndex(p[i].index), prefix+p[i].name, at+lowerFirst(p[i].name))
	}
}

func (r *reader) parameter(p *parameter, v reflect.Value, name, at string) {
	switch v.Kind() {
	case reflect.Struct:
		r.structure(p.fields, v, name+".", at+".")
		return
	case reflect.Slice:
		r.list(p, v, name, at)
		return
	}
	text, there := r.form[name]
	if !there {
		r.missing(p, at)
		return
	}
	r.scalar(p, v, text[0], at)
}

func (r *reader) missing(p *parameter, at string) {
	if p.required {
		r.broken = append(r.broken, finding{at: at, value: "null", constraint: "Member must not be null"})
	}
}

func (r *reader) scalar(p *parameter, v reflect.Value, text, at string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.ValueOf(&text))
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			r.err = fault.MalformedParameter(at, "true or false")
		}
		v.SetBool(text == "true")
		return
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			r.err = fault.MalformedParameter(at, "a whole number")
			return
		}
		v.SetInt(int64(n))
		if p.shape != nil {
			r.broken = append(r.broken, p.shape.number(at, n)...)
		}
		return
	default:
		panic("query: internal error: a parameter of kind " + v.Kind().String()) // our own declaration
	}
	if p.shape != nil {
		r.broken = append(r.broken, p.shape.text(at, text)...)
	}
}

// list reads Name.member.1, Name.member.2 and so on; Name alone, empty, is how clients send an empty list. A
// member beyond a gap is refused: ignored, it would be one that the caller believes is there.
func (r *reader) list(p *parameter, v reflect.Value, name, at string) {
	n := r.members(name+".member.", at)
	if _, empty := r.form[name]; n == 0 && !empty {
		r.missing(p, at)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	if p.shape != nil {
		r.broken = append(r.broken, p.shape.length(at, n)...)
	}
	each := parameter{required: true, shape: p.each, fields: p.fields}
	for i := range n {
		no := strconv.Itoa(i + 1)
		r.parameter(&each, v.Index(i), name+".member."+no, at+"."+no+".member")
	}
}

// members counts the members of a list, all of which must be there.
func (r *reader) members(prefix, at string) int {
	seen := map[int]bool{}
	most := 0
	for name := range r.form {
		rest, is := strings.CutPrefix(name, prefix)
		if !is {
			continue
		}
		digits, _, _ := strings.Cut(rest, ".")
		i, err := strconv.Atoi(digits)
		if err != nil || i < 1 || strconv.Itoa(i) != digits {
			r.err = fault.MalformedParameter(at, "a list whose members are numbered from 1")
			return 0
		}
		seen[i], most = true, max(most, i)
	}
	if most != len(seen) {
		r.err = fault.MalformedParameter(at, "a list whose members are numbered from 1")
		return 0
	}
	return most
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// detail is the struct that in points to as the audit record shows it: every parameter that was given.
func detail(in any) audit.Detail { return detailOf(reflect.ValueOf(in).Elem()) }

func detailOf(v reflect.Value) audit.Detail {
	p := planOf(v.Type())
	out := make(audit.Detail, 0, len(p))
	for i := range p {
		if f := v.FieldByIndex(p[i].index); !f.IsZero() && (p[i].shape == nil || !p[i].shape.secret) {
			out = append(out, member(lowerFirst(p[i].name), f))
		}
	}
	return out
}

func member(name string, v reflect.Value) audit.Member {
	switch v.Kind() {
	case reflect.Pointer:
		return audit.String(name, v.Elem().String())
	case reflect.String:
		return audit.String(name, v.String())
	case reflect.Bool:
		return audit.Bool(name, v.Bool())
	case reflect.Int:
		return audit.Int(name, v.Int())
	case reflect.Struct:
		return audit.Object(name, detailOf(v))
	}
	if texts, ok := v.Interface().([]string); ok {
		return audit.Strings(name, texts)
	}
	objects := make([]audit.Detail, v.Len())
	for i := range objects {
		objects[i] = detailOf(v.Index(i))
	}
	return audit.Objects(name, objects)
}
