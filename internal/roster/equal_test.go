package roster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seed"
)

const inWords = `version: 1
policies:
- {name: p, path: /x/, description: d, tags: {k: v}, document: '` + anyKMS + `'}
groups:
- {name: G, path: /y/, policies: [p], inline: {i: '` + anyKMS + `'}}
users:
- {name: u, path: /z/, tags: {a: b, c: d}, groups: [G], policies: [p, 'arn:aws:iam::aws:policy/IAMFullAccess'], inline: {i: '` + anyKMS + `'}, boundary: p}
roles:
- {name: r, path: /w/, description: d, trust: '` + trusts + `', max_session: 7200, tags: {k: v}, policies: [p], inline: {i: '` + anyKMS + `'}, boundary: p}
identity_providers:
- {url: 'https://x.example/', client_ids: [b, a], thumbprints: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA], tags: {k: v}}
`

// byRequests makes of an account what inWords says.
func byRequests(root *kmstest.Client) {
	const p = "arn:aws:iam::111122223333:policy/x/p"
	root.MustIAM("CreatePolicy", "PolicyName", "p", "Path", "/x/", "Description", "d", "PolicyDocument", anyKMS, "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")
	root.MustIAM("CreateGroup", "GroupName", "G", "Path", "/y/")
	root.MustIAM("AttachGroupPolicy", "GroupName", "G", "PolicyArn", p)
	root.MustIAM("CreateUser", "UserName", "u", "Path", "/z/", "PermissionsBoundary", p)
	root.MustIAM("TagUser", "UserName", "u", "Tags.member.1.Key", "c", "Tags.member.1.Value", "d", "Tags.member.2.Key", "a", "Tags.member.2.Value", "b")
	root.MustIAM("AddUserToGroup", "UserName", "u", "GroupName", "G")
	root.MustIAM("AttachUserPolicy", "UserName", "u", "PolicyArn", p)
	root.MustIAM("AttachUserPolicy", "UserName", "u", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess")
	root.MustIAM("CreateRole", "RoleName", "r", "Path", "/w/", "Description", "d", "AssumeRolePolicyDocument", trusts, "MaxSessionDuration", "7200", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")
	root.MustIAM("PutRolePermissionsBoundary", "RoleName", "r", "PermissionsBoundary", p)
	root.MustIAM("AttachRolePolicy", "RoleName", "r", "PolicyArn", p)
	for _, noun := range []string{"Group", "User", "Role"} {
		name := map[string]string{"Group": "G", "User": "u", "Role": "r"}[noun]
		root.MustIAM("Put"+noun+"Policy", noun+"Name", name, "PolicyName", "i", "PolicyDocument", anyKMS)
	}
	root.MustIAM("CreateOpenIDConnectProvider", "Url", "https://x.example", "ClientIDList.member.1", "a", "ClientIDList.member.2", "b",
		"ThumbprintList.member.1", strings.Repeat("a", 40), "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")
}

// Of three equal ways none makes anything else, apart from ids and times.
func TestRequestsFilesAndSeedsMakeTheSame(t *testing.T) {
	requested, applied, seeded := kmstest.New(t), kmstest.New(t), kmstest.New(t)
	byRequests(requested.As(kmstest.Account))
	apply(t, applied, inWords, false)
	fixtures, err := seed.Parse("f", []byte("version: 1\nidentities:\n-"+strings.ReplaceAll(strings.TrimPrefix(inWords, "version: 1"), "\n", "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	if err := fixtures.Apply(t.Context(), seeded.Node); err != nil {
		t.Fatal(err)
	}
	want := contents(t, requested)
	same(t, contents(t, applied), want...)
	same(t, contents(t, seeded), want...)
	if len(want) != 11 {
		t.Errorf("got %d records, want 5 identities, 1 member and 5 attachments: %q", len(want), want)
	}
	same(t, apply(t, requested, inWords, true)) // and a file finds nothing to do
}

// contents are all records of identities, without ids and times.
func contents(t *testing.T, s *kmstest.Server) (all []string) {
	t.Helper()
	const a = kmstest.Account
	const p = "p"
	all = append(all, below[recordpb.ManagedPolicy](t, s, record.ManagedPolicies(a))...)
	all = append(all, below[recordpb.Group](t, s, record.Groups(a))...)
	all = append(all, below[recordpb.User](t, s, record.Users(a))...)
	all = append(all, below[recordpb.Role](t, s, record.Roles(a))...)
	all = append(all, below[recordpb.Provider](t, s, record.Providers(a))...)
	all = append(all, below[recordpb.Member](t, s, record.Members(a, "G"))...)
	all = append(all, below[recordpb.Attachment](t, s, record.Attachments(a, p))...)
	return all
}

func below[T any, P interface {
	*T
	proto.Message
}](t *testing.T, s *kmstest.Server, prefix record.Key) (all []string) {
	t.Helper()
	items, _, err := record.Scan[T, P](t.Context(), s.Book, prefix, record.Key{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		for _, name := range []string{"id", "created", "updated"} {
			if f := it.Msg.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name)); f != nil {
				it.Msg.ProtoReflect().Clear(f)
			}
		}
		if m, is := any(it.Msg).(*recordpb.ManagedPolicy); is {
			for _, v := range m.Versions {
				v.Created = 0
			}
		}
		text := strings.Join(strings.Fields(prototext.MarshalOptions{}.Format(it.Msg)), " ") // its spaces vary from build to build
		all = append(all, fmt.Sprintf("%v %s", it.Key, text))
	}
	slices.Sort(all)
	return all
}
