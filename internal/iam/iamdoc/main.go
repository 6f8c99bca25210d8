// Command iamdoc writes docs/iam.md from the tables of IAM and STS, so that the page cannot promise what
// the tables do not have.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"qkms/internal/iam"
	"qkms/internal/query"
	"qkms/internal/sts"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: iamdoc FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], page(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "iamdoc:", err)
		os.Exit(1)
	}
}

func page() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from internal/iam and internal/sts by go generate; DO NOT EDIT. -->

# IAM and STS

The part of AWS's Identity and Access Management and Security Token Service that is here: what the AWS CLI, SDKs and Terraform use to
keep users, groups, roles, policies, access keys and identity providers, and to get credentials. Both are spoken at the endpoint of
KMS, so ` + "`AWS_ENDPOINT_URL`" + ` is all that clients need. Terraform's ` + "`aws_iam_*`" + ` resources that are known to work stand in
[compat/clients/terraform/iam.tf](../compat/clients/terraform/iam.tf).
`)
	table(&b, "IAM", iam.Service)
	table(&b, "STS", sts.Service)
	b.WriteString(`
## Choices

Where this service differs from AWS, or AWS's behaviour is not established, this is what it does.
`)
	heading(&b, "IAM")
	for _, c := range iam.Choices {
		row(&b, c.About, c.Chosen)
	}
	heading(&b, "STS")
	for _, c := range sts.Choices {
		row(&b, c.About, c.Chosen)
	}
	return b.Bytes()
}

func heading(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "\n### %s\n\n| About | Chosen |\n|---|---|\n", name)
}

func row(b *bytes.Buffer, about, chosen string) { fmt.Fprintf(b, "| %s | %s |\n", about, chosen) }

func table(b *bytes.Buffer, name string, s *query.Service) {
	fmt.Fprintf(b, "\n## Operations of %s (%s)\n\n| Operation | Known differences |\n|---|---|\n", name, s.Version)
	for _, r := range s.Table {
		fmt.Fprintf(b, "| %s | %s |\n", r.Operation(), strings.Join(r.Differences(), " "))
	}
}
