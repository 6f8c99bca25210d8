package reference

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"qkms/internal/key"
	"qkms/internal/op"
)

//go:embed common.yaml prose/*.yaml answers/*.json
var files embed.FS

// prose is what the files say.
type prose struct {
	common struct {
		Request, Response map[string]string // by the names of members
		Structures        map[string]map[string]string
		Errors            map[string]string
		Everywhere        []struct{ Code, When string }
		Conditions        []struct {
			Condition  `yaml:",inline"`
			All, Keys  bool // of every operation, of every one on a key
			Operations []string
		}
	}
	byOperation map[string]*article
	answers     map[string][]exchange
}

// An article is the file of one operation.
type article struct {
	Summary           string
	Description       string
	Notes             []string
	Spec, State       string
	Request, Response map[string]string
	Errors            map[string]string
	Examples          []Example
}

func readProse() (*prose, error) {
	p := &prose{byOperation: map[string]*article{}, answers: map[string][]exchange{}}
	if err := readYAML("common.yaml", &p.common); err != nil {
		return nil, err
	}
	all, err := fs.Glob(files, "prose/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range all {
		a, name := new(article), strings.TrimSuffix(path.Base(file), ".yaml")
		if err := readYAML(file, a); err != nil {
			return nil, err
		}
		text, err := files.ReadFile("answers/" + name + ".json")
		if err != nil {
			return nil, err
		}
		var answers []exchange
		if err := json.Unmarshal(text, &answers); err != nil {
			return nil, fmt.Errorf("answers/%s.json: %w", name, err)
		}
		p.byOperation[name], p.answers[name] = a, answers
	}
	return p, nil
}

func readYAML(file string, into any) error {
	text, err := files.ReadFile(file)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// about is o with what the files and the operation table say of it. A member that several operations share has its own
// sentence in each.
func (p *prose) about(o *Operation) *Operation {
	a, row, next := p.byOperation[o.Name], op.ByName[o.Name], *o
	if a == nil {
		a = new(article) // TestProse says so
	}
	facts := row.Facts()
	next.Input = p.explained(o.Input, a.Request, p.common.Request)
	next.Output = p.explained(o.Output, a.Response, p.common.Response)
	next.Errors = slices.Clone(o.Errors)
	for i, e := range next.Errors {
		next.Errors[i].When = either(a.Errors[e.Code], p.common.Errors[e.Code])
	}
	next.ReadOnly, next.Fenced, next.Destructive, next.Differs = facts.ReadOnly, facts.Restricts, destructive[o.Name], row.Differences()
	next.Choices = choicesOf(o.Name)
	next.Permissions = permissions(o.Name)
	next.CrossAccount = slices.ContainsFunc(next.Permissions, func(p Permission) bool { return p.CrossAccount })
	next.Summary, next.Notes, next.Spec, next.Usage = a.Summary, a.Notes, a.Spec, string(facts.Usage)
	next.Description = strings.Split(strings.TrimSpace(a.Description), "\n\n")
	onKey := slices.ContainsFunc(next.Permissions, func(p Permission) bool { return p.On == OnKey })
	if onKey {
		next.State = either(a.State, states(facts.States))
	}
	next.Conditions = p.conditions(o.Name, onKey)
	next.Examples = slices.Clone(a.Examples)
	for i, said := range p.answers[o.Name] {
		if i < len(next.Examples) {
			next.Examples[i].exchange = said
		}
	}
	return &next
}

// conditions are those of an operation, which may be on a key, or with "" those of all.
func (p *prose) conditions(operation string, onKey bool) (of []Condition) {
	for _, c := range p.common.Conditions {
		if slices.Contains(c.Operations, operation) || c.Keys && onKey || c.All && operation == "" {
			of = append(of, Condition{c.Key, either(c.Type, "string"), c.Value})
		}
	}
	return of
}

func either(own, common string) string {
	if own != "" {
		return own
	}
	return common
}

// explained is members with their meaning, at any depth.
func (p *prose) explained(members []Member, own, common map[string]string) []Member {
	next := slices.Clone(members)
	for i := range next {
		m := &next[i]
		m.Meaning = either(own[m.Name], common[m.Name])
		p.explainIn(m)
	}
	return next
}

func (p *prose) explainIn(m *Member) {
	if m.Type == "structure" {
		m.Members = p.explained(m.Members, p.common.Structures[m.Shape], nil)
	}
	if m.Type == "list" {
		e := *m.Element
		p.explainIn(&e)
		m.Element = &e
	}
}

// states are the states of a set in words.
func states(s key.States) string {
	if s == key.InAnyState {
		return "any"
	}
	words := []string{"enabled"}
	for _, w := range []struct {
		in   key.States
		word string
	}{
		{key.WhileDisabled, "disabled"}, {key.WhilePendingImport, "pending import"}, {key.WhilePendingDeletion, "pending deletion"},
		{key.WhileUnavailable, "unavailable"}, {key.WhileCreating, "creating"}, {key.WhileUpdating, "updating"},
	} {
		if s&w.in != 0 {
			words = append(words, w.word)
		}
	}
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
