package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"strings"

	"qkms/internal/admin"
	"qkms/internal/authz/explain"
)

// A pairs is what a flag that may be given again collects: NAME=VALUE, of one name several.
type pairs map[string][]string

func (p pairs) String() string { return "" }
func (p pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("it is written NAME=VALUE")
	}
	p[name] = append(p[name], value)
	return nil
}

// explainConfig is what explain is asked.
type explainConfig struct {
	explain.Question
	context, conditions pairs
}

// flag adds the flag with this name, if it is one of explain's: of the audit verbs principal and key look for
// records.
func (e *explainConfig) flag(fs *flag.FlagSet, name string) bool {
	if fs.Name() != "explain" {
		return false
	}
	switch name {
	case "principal":
		fs.StringVar(&e.Principal, name, "", "who asks: an `ARN` of a root user, user or session of a role, or a service; of --account also root, user/NAME, assumed-role/ROLE/SESSION")
	case "action":
		fs.StringVar(&e.Action, name, "", "what for: `SERVICE:ACTION`, like kms:Decrypt")
	case "key":
		fs.StringVar(&e.Key, name, "", "on which key: an `ID`, an ARN or an alias")
	case "resource":
		fs.StringVar(&e.Resource, name, "", "on what else, by `ARN`: of an alias, a role, a user")
	case "grant":
		fs.StringVar(&e.Grant, name, "", "for kms:RetireGrant, the `ID` of the grant")
	case "context":
		fs.Var(e.context, name, "a pair `NAME=VALUE` of the encryption context; may be given again")
	case "condition":
		fs.Var(e.conditions, name, "what else the request says, by condition key, `KEY=VALUE`; may be given again")
	case "grant-operations":
		fs.Var((*list)(&e.GrantOperations), name, "for kms:CreateGrant, the `OPERATIONS` of the grant, separated by commas")
	default:
		return false
	}
	return true
}

// errRefused ends `qkms explain` of a request that would be refused.
type errRefused struct{ action string }

func (e errRefused) Error() string { return e.action + " would be refused" }

func explainRequest(ctx context.Context, c *command) error {
	q := c.Explain.Question
	if q.Principal == "" || q.Action == "" {
		return misused("qkms explain: --principal and --action are needed; `qkms explain -h` explains")
	}
	q.Account, q.Region, q.Conditions = c.Account, cmp.Or(regionOf(q.Key), c.Region), c.Explain.conditions
	for name, values := range c.Explain.context {
		if q.Context == nil {
			q.Context = map[string]string{}
		}
		q.Context[name] = values[len(values)-1]
	}
	x, err := admin.Do(ctx, c.place(), admin.Explain, q, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		err = c.printJSON(x)
	} else {
		_, err = fmt.Fprint(c.out, x.Text())
	}
	if err == nil && !x.Allowed {
		err = errRefused{q.Action}
	}
	return err
}

// regionOf is the Region in the ARN of a key, which is the one to ask in; empty of any other name.
func regionOf(key string) string {
	if f := strings.Split(key, ":"); len(f) > 5 && f[2] == "kms" {
		return f[3]
	}
	return ""
}
