package referencetest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// A Comparison holds JSON of a server against that of a page.
type Comparison struct {
	T testing.TB

	// Varies reports whether what is at a path (KeyMetadata.CreationDate) is another one each time.
	Varies func(path string) bool
}

// Same fails the test where got is not what the page shows: names and constants are equal, what varies is of the same length.
func (c Comparison) Same(of, want, got string) {
	c.T.Helper()
	c.same(of, "", Tree(c.T, want), Tree(c.T, got))
}

// Tree is JSON as encoding/json decodes it, and nil of no text.
func Tree(t testing.TB, text string) (v any) {
	t.Helper()
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func (c Comparison) same(of, path string, want, got any) {
	c.T.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name := range g {
			if _, has := w[name]; !has {
				c.T.Errorf("%s%s has %s, which the page does not show", of, path, name)
			}
		}
		for name, v := range w {
			if _, has := g[name]; !has {
				c.T.Errorf("%s%s has no %s, which the page shows", of, path, name)
				continue
			}
			c.same(of, path+"."+name, v, g[name])
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			c.T.Fatalf("%s%s: got %v, want %v", of, path, got, want)
		}
		for i := range w {
			c.same(of, path, w[i], g[i])
		}
	default:
		if want != got && !(c.Varies(strings.TrimPrefix(path, ".")) && alike(want, got)) {
			c.T.Errorf("%s%s: got %v, want %v", of, path, got, want)
		}
	}
}

// IsToken reports whether a member is one that this service alone reads, by its name.
func IsToken(member string) bool {
	return slices.Contains([]string{"GrantToken", "Marker", "NextMarker"}, member)
}

// alike reports whether both are numbers, or texts of about one length: DER leaves out zeros at the front.
func alike(want, got any) bool {
	if _, is := want.(float64); is {
		_, is = got.(float64)
		return is
	}
	w, isText := want.(string)
	g, _ := got.(string)
	return isText && strings.HasSuffix(w, "…") == strings.HasSuffix(g, "…") && len(w)-len(g) <= 12 && len(g)-len(w) <= 12
}
