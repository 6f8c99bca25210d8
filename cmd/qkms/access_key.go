package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"qkms/internal/admin"
	"qkms/internal/authn"
)

// printJSON is the result of a verb for a program.
func (c *command) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s\n", text)
	return err
}

func accessKeyCreate(ctx context.Context, c *command) error {
	made, err := admin.Do(ctx, c.place(), admin.CreateAccessKey, admin.NewAccessKey{Account: c.Account, Description: c.Description, Service: c.Identity.Service, User: c.Identity.User}, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(made)
	}
	return c.printSecret(made)
}

// printSecret is the only time that a secret is told.
func (c *command) printSecret(k admin.AccessKeyMade) error {
	whose := "the root user of account " + k.Account
	switch {
	case k.Service != "":
		whose = "the service principal " + k.Service
	case k.User != "":
		whose = "user " + k.User + " of account " + k.Account
	}
	_, err := fmt.Fprintf(c.out, "Access key for %s; the secret is not shown again:\n\nexport AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n",
		whose, k.ID, k.Secret)
	return err
}

func accessKeyList(ctx context.Context, c *command) error {
	keys, err := admin.Do(ctx, c.place(), admin.ListAccessKeys, admin.InAccount{Account: c.Account}, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(keys)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	line(w, "ID\tACCOUNT\tSTATE\tCREATED\tOF\tDESCRIPTION")
	for _, k := range keys {
		state := "active"
		if !k.Active {
			state = "disabled"
		}
		line(w, "%s\t%s\t%s\t%s\t%s\t%q", k.ID, k.Account, state, k.Created.Format(time.RFC3339), owner(k), k.Description)
	}
	return w.Flush()
}

// owner is who signs with an access key.
func owner(k authn.Known) string {
	switch {
	case k.Service != "":
		return k.Service
	case k.User != "":
		return "user/" + k.User
	}
	return "root"
}

// onAccessKey is a verb about one access key.
func onAccessKey(a *admin.Action[admin.AccessKeyID, admin.AccessKeyChanged], done string) func(context.Context, *command) error {
	return func(ctx context.Context, c *command) error {
		k, err := admin.Do(ctx, c.place(), a, admin.AccessKeyID{ID: c.operands[0]}, nil)
		if err != nil {
			return err
		}
		return c.printChanged(k, k.InForce, k.ID+" is "+done)
	}
}

// printChanged tells of a change, and whether it is in force on every node if there may be more than one.
func (c *command) printChanged(v any, f admin.InForce, done string) error {
	c.warn(f)
	if c.JSON {
		return c.printJSON(v)
	}
	if f.Coherence == "fenced" {
		done += ", in force on every node"
	}
	line(c.out, "%s", done)
	return nil
}

// warn tells people of a change that is pending. The verb has succeeded all the same: the change is made.
func (c *command) warn(f admin.InForce) {
	if f.Coherence == "pending" {
		line(c.err, "qkms: not in force on every node yet: within %ds", f.WithinSeconds)
	}
}
