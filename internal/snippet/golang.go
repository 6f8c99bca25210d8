package snippet

import (
	"encoding/json"
	"strconv"
	"strings"

	"qkms/internal/reference"
)

// Go is the call for aws-sdk-go-v2.
func Go(c Call) string {
	g := &goCall{needs: map[string]bool{}}
	w := &writer{unit: "\t"}
	w.depth = 2
	given(c.Operation.Input, c.Body, func(m *reference.Member, v any) {
		w.line(m.Name, ": ", g.value(m, v), ",")
	})
	fields := w.String()

	w = &writer{unit: "\t"}
	w.line("package main")
	w.line()
	w.line("import (")
	w.depth++
	w.line(`"context"`)
	if g.needs["base64"] {
		w.line(`"encoding/base64"`)
	}
	w.line(`"fmt"`)
	w.line(`"log"`)
	if g.needs["time"] {
		w.line(`"time"`)
	}
	w.line()
	w.line(`"github.com/aws/aws-sdk-go-v2/aws"`)
	w.line(`"github.com/aws/aws-sdk-go-v2/config"`)
	w.line(`"github.com/aws/aws-sdk-go-v2/service/kms"`)
	if g.needs["types"] {
		w.line(`"github.com/aws/aws-sdk-go-v2/service/kms/types"`)
	}
	w.depth--
	w.line(")")
	w.line()
	w.line("func main() {")
	w.depth++
	w.line("ctx := context.Background()")
	w.line("c, err := config.LoadDefaultConfig(ctx, config.WithRegion(", strconv.Quote(c.Region), "))")
	failed(w)
	w.line("client := kms.NewFromConfig(c, func(o *kms.Options) { o.BaseEndpoint = aws.String(", strconv.Quote(c.Endpoint), ") })")
	w.line("answer, err := client.", c.Operation.Name, "(ctx, &kms.", c.Operation.Name, "Input{")
	w.WriteString(fields)
	w.line("})")
	failed(w)
	w.line(`fmt.Printf("%+v\n", answer)`)
	w.depth--
	w.line("}")
	if g.needs["base64"] {
		w.line()
		w.line("func bytes(text string) []byte {")
		w.line("\tb, err := base64.StdEncoding.DecodeString(text)")
		w.depth++
		failed(w)
		w.depth--
		w.line("\treturn b")
		w.line("}")
	}
	return w.String()
}

func failed(w *writer) {
	w.line("if err != nil {")
	w.line("\tlog.Fatal(err)")
	w.line("}")
}

// A goCall is one being written.
type goCall struct{ needs map[string]bool } // packages, by their last names

// value is v as the field of m takes it: most are pointers, and the model's BooleanType, which has a default, is not.
func (g *goCall) value(m *reference.Member, v any) string {
	switch v := v.(type) {
	case string:
		switch {
		case m.Type == "blob":
			g.needs["base64"] = true
			return "bytes(" + strconv.Quote(v) + ")"
		case len(m.Enum) > 0:
			return strconv.Quote(v)
		}
		return "aws.String(" + strconv.Quote(v) + ")"
	case bool:
		if m.Shape == "BooleanType" {
			return strconv.FormatBool(v)
		}
		return "aws.Bool(" + strconv.FormatBool(v) + ")"
	case json.Number:
		if m.Type == "timestamp" {
			g.needs["time"] = true
			seconds, _, _ := strings.Cut(v.String(), ".")
			return "aws.Time(time.Unix(" + seconds + ", 0))"
		}
		return "aws.Int32(" + v.String() + ")"
	case []any:
		return g.list(m, v)
	case map[string]any:
		return g.object(m, v, "&")
	}
	return "nil"
}

func (g *goCall) list(m *reference.Member, v []any) string {
	e := element(m)
	of, all := "string", make([]string, len(v))
	if len(e.Enum) > 0 || e.Type == "structure" {
		g.needs["types"] = true
		of = "types." + e.Shape
	}
	for i, one := range v {
		if object, ok := one.(map[string]any); ok {
			all[i] = strings.TrimPrefix(g.object(e, object, ""), of)
		} else {
			all[i] = strconv.Quote(text(one))
		}
	}
	return "[]" + of + "{" + strings.Join(all, ", ") + "}"
}

func (g *goCall) object(m *reference.Member, v map[string]any, pointer string) string {
	of := "map[string]string"
	if m.Type == "structure" {
		g.needs["types"] = true
		of = "types." + m.Shape
	} else {
		pointer = ""
	}
	var all []string
	each(m, v, func(name string, member *reference.Member, one any) {
		if m.Type == "structure" {
			all = append(all, name+": "+g.value(member, one))
			return
		}
		all = append(all, strconv.Quote(name)+": "+strconv.Quote(text(one)))
	})
	return pointer + of + "{" + strings.Join(all, ", ") + "}"
}
