package identity

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"qkms/internal/authz/policy"
	"qkms/internal/record/recordpb"
)

var errNoDefault = errors.New("no version is the default")

// builtIns are the AWS managed policies there are here, by what follows "policy/" in their names: those
// about keys and identities, and the one that allows everything.
var builtIns = map[string]struct{ description, text string }{
	"AdministratorAccess": {
		"Provides full access to AWS services and resources.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	},
	"AWSKeyManagementServicePowerUser": {
		"Provides access to AWS Key Management Service (KMS).",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*","kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource","kms:UntagResource","iam:ListGroups","iam:ListRoles","iam:ListUsers"],"Resource":"*"}]}`,
	},
	"IAMFullAccess": {
		"Provides full access to IAM via the AWS Management Console.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`,
	},
	"IAMReadOnlyAccess": {
		"Provides read only access to IAM via the AWS Management Console.",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`,
	},
}

// builtInPolicies makes them ready, by ARN.
func builtInPolicies(partition string) map[string]*Managed {
	all := map[string]*Managed{}
	for name, b := range builtIns {
		doc, err := policy.ParseIdentity(b.text, partition)
		if err != nil {
			panic("identity: internal error: " + name + ": " + err.Error()) // every test that makes a Directory reads them all
		}
		arn := "arn:" + partition + ":iam::aws:policy/" + name
		all[arn] = &Managed{
			AWS:    true,
			Policy: Policy{Policy: doc.Compile(), Name: name, ARN: arn},
			ManagedPolicy: &recordpb.ManagedPolicy{
				Name: name, Path: "/", Id: "ANPA" + strings.ToUpper((name + strings.Repeat("X", idDigits))[:idDigits]), Description: b.description,
				Default: 1, Newest: 1, Versions: []*recordpb.PolicyVersion{{Number: 1, Text: b.text}},
			},
		}
	}
	return all
}

// BuiltIn returns the AWS managed policies there are, in order of their names.
func (d *Directory) BuiltIn() []*Managed {
	return slices.SortedFunc(maps.Values(d.builtIns), func(a, b *Managed) int { return strings.Compare(a.Policy.Name, b.Policy.Name) })
}
