package main

import (
	"context"
	"errors"

	"qkms/internal/admin"
	"qkms/internal/roster"
)

const aboutApply = `
The file is YAML, one document for each account:

    version: 1
    account: "111122223333"      # if left out: --account
    policies:
      - name: decrypt-orders
        document:                # JSON text, or the same as YAML
          Version: 2012-10-17
          Statement: [{Effect: Allow, Action: "kms:Decrypt", Resource: "*"}]
    groups:
      - {name: billing, policies: [decrypt-orders]}
    users:
      - {name: alice, path: /staff/, groups: [billing], tags: {team: orders}}
    roles:
      - name: reader
        trust:
          Version: 2012-10-17
          Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:user/staff/alice"}, Action: "sts:AssumeRole"}]
        policies: [decrypt-orders]
    identity_providers:
      - {url: "https://token.example.com", client_ids: [sts.amazonaws.com]}
    certificates:                # of TLS clients, by PEM text (certificate:) or hash of their key (spki:)
      - {name: build-1, role: reader, spki: 5df1c1a0e3b1f6a2d4c7f8b9a0e1d2c3b4a5968778695a4b3c2d1e0f00112233}

What is listed is made exactly so: what it has and the file does not say is taken from it. What is not listed
is left alone; with --prune it is deleted, users with their access keys. The whole file is checked before
anything is changed. Each change is made by the operations of the IAM API and recorded like them; interrupted,
it goes on when it is run again. Access keys are made by "qkms access-key create --user".

` + viaServer

// iamApply is `qkms iam apply`.
func iamApply(ctx context.Context, c *command) error {
	path := c.operands[0]
	text, err := roster.Read(path)
	if err != nil {
		return err
	}
	action := admin.ApplyIdentities
	if c.PlanOnly {
		action = admin.PlanIdentities
	}
	out, err := admin.Do(ctx, c.place(), action, admin.Roster{Path: path, Text: text, Account: c.Account, Prune: c.Prune}, nil)
	if err != nil {
		return err
	}
	c.warn(out.InForce)
	if c.JSON {
		err = c.printJSON(out)
	} else {
		c.printChanges(out)
	}
	if out.Failed != "" {
		err = errors.Join(err, errors.New(out.Failed))
	}
	return err
}

// printChanges prints the changes of a plan, or those that were made and behind them those that were not.
func (c *command) printChanges(out admin.Applied) {
	accounts := map[string]bool{}
	for _, change := range out.Changes {
		accounts[change.Account] = true
	}
	told := false
	for _, change := range out.Changes {
		if out.Failed != "" && !change.Done && !told {
			line(c.out, "\nNot made:\n")
			told = true
		}
		of := ""
		if len(accounts) > 1 {
			of = " (account " + change.Account + ")"
		}
		line(c.out, "%s%s", change, of)
		for _, note := range change.Notes {
			line(c.out, "    %s", note)
		}
	}
	if out.Failed == "" {
		line(c.out, "%s", roster.Summary(out.Changes))
		if out.Coherence == "fenced" {
			line(c.out, "In force on every node.")
		}
	}
}
