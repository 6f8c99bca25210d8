package console

import (
	"encoding/json"
	"net/url"
	"strings"
)

// A grantForm is what was typed, to be corrected.
type grantForm struct {
	Grantee    string // an ARN, or the name of a service
	Retiring   string // likewise; empty: nobody
	Name       string
	Operations []string
	Constraint string // "", "subset" or "equals"
	Pairs      string // of the encryption context: a name=value in each line, or an object in JSON
	Source     string // an ARN on whose behalf a service must act; empty: any
}

func readGrantForm(f url.Values) grantForm {
	text := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	return grantForm{
		Grantee: text("grantee"), Retiring: text("retiring"), Name: text("name"), Operations: f["operation"],
		Constraint: text("constraint"), Pairs: f.Get("pairs"), Source: text("source"),
	}
}

// request is the body of CreateGrant.
func (f *grantForm) request(in map[string]any) (map[string]any, error) {
	in["Operations"] = f.Operations
	if f.Operations == nil {
		in["Operations"] = []string{} // which the service refuses in its words
	}
	principal(in, "Grantee", f.Grantee)
	principal(in, "Retiring", f.Retiring)
	if f.Name != "" {
		in["Name"] = f.Name
	}
	c := grantConstraints{SourceArn: f.Source}
	pairs, err := readPairs(f.Pairs)
	switch {
	case err != nil:
		return in, err
	case f.Constraint == "subset":
		c.EncryptionContextSubset = pairs
	case f.Constraint == "equals":
		c.EncryptionContextEquals = pairs
	case len(pairs) > 0: // a constraint that is lost is a grant for more than was meant
		return in, &Refusal{Status: 400, Code: "ConstraintNotChosen", Message: "There are pairs of an encryption context: say whether it must contain them, or be just these."}
	}
	if f.Constraint != "" && len(pairs) == 0 {
		return in, &Refusal{Status: 400, Code: "ConstraintIsEmpty", Message: "The constraint has no pairs: write them, one to a line as name=value, or choose any encryption context."}
	}
	if c.SourceArn != "" || len(pairs) > 0 {
		in["Constraints"] = c
	}
	return in, nil
}

// principal puts who is meant where the API has it: services are none of its principals.
func principal(in map[string]any, role, name string) {
	switch {
	case name == "":
	case strings.Contains(name, ":"):
		in[role+"Principal"] = name
	default:
		in[role+"ServicePrincipal"] = name
	}
}

// readPairs reads an encryption context as people write it.
func readPairs(text string) (map[string]string, error) {
	pairs := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if err := json.Unmarshal([]byte(text), &pairs); err != nil {
			return nil, &Refusal{Status: 400, Code: "MalformedPairs", Message: "The encryption context begins like JSON and is no object of texts in JSON: " + err.Error()}
		}
		return pairs, nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if _, twice := pairs[name]; !found || name == "" || twice {
			return nil, &Refusal{Status: 400, Code: "MalformedPairs", Message: "This line of the encryption context is not name=value, or its name occurs twice: " + line}
		}
		pairs[name] = value
	}
	return pairs, nil
}
