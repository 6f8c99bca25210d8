package console

import (
	"encoding/json"
	"slices"
	"strings"

	"qkms/internal/wire/shape"
)

// administers is what those who look after a key may do. They can change its policy, and with that everything.
var administers = []string{
	"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DeleteImportedKeyMaterial", "kms:Describe*", "kms:Disable*",
	"kms:Enable*", "kms:Get*", "kms:ImportKeyMaterial", "kms:List*", "kms:PutKeyPolicy", "kms:ReplicateKey", "kms:RevokeGrant",
	"kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:Update*",
}

// uses is what those who use a key of this kind may do.
func uses(p purpose, spec string) []string {
	all := append([]string{"kms:DescribeKey"}, p.actions...)
	switch {
	case spec == string(shape.KeySpecSymmetricDefault):
		all = append(all, "kms:GenerateDataKey*")
	case !strings.HasPrefix(spec, "HMAC_"):
		all = append(all, "kms:GetPublicKey")
	}
	return all
}

type (
	newKeyPolicy struct {
		Version   string
		Statement []statement
	}
	statement struct {
		Sid       string
		Effect    string
		Principal struct{ AWS []string }
		Action    []string
		Resource  string
	}
)

// policyFor is a key policy that names who looks after a key and who uses it. The account stays in it: a key whose
// policy names users alone is nobody's when they are deleted (access.md §3.2).
func policyFor(root string, p purpose, spec string, administrators, users []string) (string, error) {
	text := newKeyPolicy{Version: "2012-10-17"}
	add := func(sid string, actions []string, principals ...string) {
		if len(principals) > 0 {
			s := statement{Sid: sid, Effect: "Allow", Action: actions, Resource: "*"}
			s.Principal.AWS = principals
			text.Statement = append(text.Statement, s)
		}
	}
	add("Enable IAM User Permissions", []string{"kms:*"}, root)
	add("Administer the key", administers, distinct(administrators)...)
	add("Use the key", uses(p, spec), distinct(users)...)
	b, err := json.MarshalIndent(text, "", "  ")
	return string(b), err
}

func distinct(all []string) []string {
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}

// rootOf is the account of whoever has an ARN, as a principal.
func rootOf(arn, account string) string {
	partition := "aws"
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	return "arn:" + partition + ":iam::" + account + ":root"
}
