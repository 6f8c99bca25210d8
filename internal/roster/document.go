package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Document is a policy: JSON text, or a YAML mapping that says the same.
type Document struct {
	Text string // JSON; empty: there is none
	Line int
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Document) UnmarshalYAML(n *yaml.Node) error {
	d.Line = n.Line
	if n.Kind == yaml.ScalarNode {
		d.Text = n.Value
		return nil
	}
	var b bytes.Buffer
	w := writer{out: &b, left: maxNodes}
	err := w.value(n, 0)
	d.Text = b.String()
	return err
}

// Documents are inline policies, by name.
type Documents []NamedDocument

// A NamedDocument is an inline policy.
type NamedDocument struct {
	Name Word
	Document
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Documents) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a mapping from names of policies to policies is expected here", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		var one NamedDocument
		if err := one.Name.UnmarshalYAML(n.Content[i]); err != nil {
			return err
		}
		if err := one.Document.UnmarshalYAML(aliased(n.Content[i+1])); err != nil {
			return err
		}
		*d = append(*d, one)
	}
	return nil
}

const (
	// maxNodes and maxDepth are more than any policy needs. Without them a few aliases of aliases would be a
	// document of gigabytes, and an alias of what it stands in one without end.
	maxNodes = 10_000
	maxDepth = 20
)

// A writer writes YAML as JSON, the members of a mapping in their order.
type writer struct {
	out  *bytes.Buffer
	left int // nodes
}

func (w *writer) value(n *yaml.Node, depth int) error {
	n = aliased(n)
	w.left--
	switch {
	case w.left < 0 || depth > maxDepth:
		return fmt.Errorf("line %d: this is too large for a policy", n.Line)
	case n.Kind == yaml.MappingNode:
		return w.mapping(n, depth)
	case n.Kind == yaml.SequenceNode:
		return w.list(n, depth)
	case n.Tag == "!!null":
		return fmt.Errorf("line %d: a value is missing", n.Line)
	}
	w.text(n)
	return nil
}

func (w *writer) mapping(n *yaml.Node, depth int) error {
	w.out.WriteByte('{')
	for i := 0; i < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind != yaml.ScalarNode || name.Tag == "!!merge" {
			return fmt.Errorf("line %d: the name of a member of a policy is expected here", name.Line)
		}
		w.comma(i)
		w.text(name)
		w.out.WriteByte(':')
		if err := w.value(value, depth+1); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	return nil
}

func (w *writer) list(n *yaml.Node, depth int) error {
	w.out.WriteByte('[')
	for i, one := range n.Content {
		w.comma(i)
		if err := w.value(one, depth+1); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.out.WriteByte(',')
	}
}

// text writes any scalar as a string, as it was written: to policies the number of an account is a text, whose
// zeros in front count, and a version is no date.
func (w *writer) text(n *yaml.Node) {
	text := n.Value
	if n.Tag == "!!bool" {
		text = strings.ToLower(text)
	}
	w.out.WriteString(asJSON(text))
}

// asJSON prints what is made of maps, lists and texts. The limits of policies count characters, so none is
// escaped without need.
func asJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // into memory: cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// canonical is a policy as it compares: members in order, a list of one member as that member, texts in lists
// in order, and every scalar a text.
func canonical(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("it is no JSON")
	}
	return normal(v), nil
}
