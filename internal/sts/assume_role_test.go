package sts_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

const toAccount = `{"AWS":"111122223333"}`

// Who may assume a role (access.md §2.4): both sides where the account is trusted, or another one asks.
func TestAssumeRole(t *testing.T) {
	s := kmstest.New(t)
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(assumes)})
	bob := s.User(&recordpb.User{Name: "bob"})
	far := s.User(&recordpb.User{Account: other, Name: "far", Inline: inline(assumes)})
	farther := s.User(&recordpb.User{Account: other, Name: "farther"})
	const denied = " is not authorized to perform: sts:AssumeRole on resource: " + reader
	const ofAlice, ofBob = "User: arn:aws:iam::111122223333:user/alice", "User: arn:aws:iam::111122223333:user/bob"
	for _, row := range []struct {
		name   string
		who    *kmstest.Client
		trust  string
		more   []string
		status int
		says   string
	}{
		{"the account is trusted, and the user may", alice, trusts(toAccount, `"sts:AssumeRole"`, ""), nil, 200, ""},
		{"the account is trusted alone", bob, trusts(toAccount, `"sts:AssumeRole"`, ""), nil, 403, ofBob + denied},
		{"the user is trusted by name", bob, trusts(`{"AWS":"arn:aws:iam::111122223333:user/bob"}`, `"sts:AssumeRole"`, ""), nil, 200, ""},
		{"another user is trusted", alice, trusts(`{"AWS":"arn:aws:iam::111122223333:user/bob"}`, `"sts:AssumeRole"`, ""), nil, 403, ofAlice + denied},
		{"another account, both sides", far, trusts(`{"AWS":"`+other+`"}`, `"sts:AssumeRole"`, ""), nil, 200, ""},
		{"another account's user by name, its side missing", farther, trusts(`{"AWS":"arn:aws:iam::`+other+`:user/farther"}`, `"sts:AssumeRole"`, ""), nil, 403, denied},
		{"another account that is not trusted", far, trusts(toAccount, `"sts:AssumeRole"`, ""), nil, 403, denied},
		{"the root user", s.As(kmstest.Account), trusts(toAccount, `"sts:AssumeRole"`, ""), nil, 403, "Roles may not be assumed by root accounts."},

		{"the external id", alice, trusts(toAccount, `"sts:AssumeRole"`, `"StringEquals":{"sts:ExternalId":"ext"}`), []string{"ExternalId", "ext"}, 200, ""},
		{"another external id", alice, trusts(toAccount, `"sts:AssumeRole"`, `"StringEquals":{"sts:ExternalId":"ext"}`), []string{"ExternalId", "exT"}, 403, denied},
		{"no external id", alice, trusts(toAccount, `"sts:AssumeRole"`, `"StringEquals":{"sts:ExternalId":"ext"}`), nil, 403, denied},
		{"the session's name", alice, trusts(toAccount, `"sts:AssumeRole"`, `"StringEquals":{"sts:RoleSessionName":"job"}`), nil, 200, ""},
		{"the session's name is the user's", alice, trusts(toAccount, `"sts:AssumeRole"`, `"StringEquals":{"sts:RoleSessionName":"${aws:username}"}`), nil, 403, denied},
		{"the duration", alice, trusts(toAccount, `"sts:AssumeRole"`, `"NumericLessThanEquals":{"sts:DurationSeconds":"900"}`), []string{"DurationSeconds", "901"}, 403, denied},

		{"tags that may be passed", alice, trusts(toAccount, `["sts:AssumeRole","sts:TagSession"]`, `"StringEquals":{"aws:RequestTag/team":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}`), []string{"Tags.member.1.Key", "Team", "Tags.member.1.Value", "a"}, 200, ""},
		{"tags with another value", alice, trusts(toAccount, `["sts:AssumeRole","sts:TagSession"]`, `"StringEquals":{"aws:RequestTag/team":"a"}`), []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "b"}, 403, denied},
		{"tags that may not be passed", alice, trusts(toAccount, `"sts:AssumeRole"`, ""), []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "a"}, 403, "perform: sts:TagSession on resource: " + reader},
		{"transitive tags", alice, trusts(toAccount, `"sts:*"`, `"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"team"}`), []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "a", "TransitiveTagKeys.member.1", "team"}, 200, ""},
		{"a source identity", alice, trusts(toAccount, `["sts:AssumeRole","sts:SetSourceIdentity"]`, `"StringEquals":{"sts:SourceIdentity":"al"}`), []string{"SourceIdentity", "al"}, 200, ""},
		{"a source identity that may not be set", alice, trusts(toAccount, `"sts:AssumeRole"`, ""), []string{"SourceIdentity", "al"}, 403, "perform: sts:SetSourceIdentity on resource: " + reader},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", Trust: statements(row.trust)})
			r := assume(row.who, row.more...)
			if row.status != http.StatusOK {
				told(t, r, row.status, "AccessDenied", row.says)
				return
			}
			got := sessionOf(t, s, r).Query("sts", "GetCallerIdentity")
			if want := "arn:aws:sts::111122223333:assumed-role/reader/job"; got.Text("Arn") != want {
				t.Errorf("got %s, want %s", got.Raw, want)
			}
		})
	}
	t.Run("a role that is not there", func(t *testing.T) {
		for _, arn := range []string{"arn:aws:iam::111122223333:role/reader", "arn:aws:iam::111122223333:role/none", "arn:aws:iam::999999999999:role/none"} {
			told(t, alice.Query("sts", "AssumeRole", "RoleArn", arn, "RoleSessionName", "job"), 403, "AccessDenied", ofAlice+" is not authorized to perform: sts:AssumeRole on resource: "+arn)
		}
	})
	t.Run("the other spelling", func(t *testing.T) {
		s.Role(&recordpb.Role{Path: "/apps/", Name: "reader"})
		sessionOf(t, s, alice.Query("sts", "AssumeRole", "RoleArn", strings.Replace(reader, ":aws:", ":verenc:", 1), "RoleSessionName", "job"))
	})
}

// What is wrong with a request is told in AWS's words.
func TestAssumeRoleParameters(t *testing.T) {
	s := kmstest.New(t)
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", MaxSession: 7200, Trust: statements(trusts(toAccount, `"sts:*"`, ""))})
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(assumes)})
	const one = "1 validation error detected: Value "
	tags := func(n, size int) (p []string) {
		for i := range n {
			p = append(p, fmt.Sprintf("Tags.member.%d.Key", i+1), fmt.Sprintf("k%d", i), fmt.Sprintf("Tags.member.%d.Value", i+1), strings.Repeat("v", size))
		}
		return p
	}
	theirs := s.As(other).MustIAM("CreatePolicy", "PolicyName", "theirs", "PolicyDocument", assumes).Text("Arn")
	for _, row := range []struct {
		name       string
		parameters []string
		code, says string
	}{
		{"no ARN", []string{"RoleArn", "reader-reader-reader-reader"}, "ValidationError", "reader-reader-reader-reader is invalid"},
		{"a user", []string{"RoleArn", "arn:aws:iam::111122223333:user/reader"}, "ValidationError", "arn:aws:iam::111122223333:user/reader is invalid"},
		{"another partition", []string{"RoleArn", "arn:aws-cn:iam::111122223333:role/reader"}, "ValidationError", "is invalid"},
		{"too short an ARN", []string{"RoleArn", "arn"}, "ValidationError", one + "'arn' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"a session's name with spaces", []string{"RoleSessionName", "a b"}, "ValidationError", one + `'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"one letter", []string{"RoleSessionName", "a"}, "ValidationError", "greater than or equal to 2"},
		{"a quarter of an hour is the least", []string{"DurationSeconds", "899"}, "ValidationError", one + "'899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"as long as the role lets", []string{"DurationSeconds", "7200"}, "", ""},
		{"longer", []string{"DurationSeconds", "7201"}, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"longer than any", []string{"DurationSeconds", "43201"}, "ValidationError", "less than or equal to 43200"},
		{"an external id with a space", []string{"ExternalId", "a b"}, "ValidationError", "externalId"},
		{"a second factor", []string{"SerialNumber", "arn:aws:iam::111122223333:mfa/alice", "TokenCode", "123456"}, "InvalidParameterValue", "There are no MFA devices"},
		{"a context", []string{"ProvidedContexts.member.1.ProviderArn", "arn:aws:iam::aws:contextProvider/IdentityCenter", "ProvidedContexts.member.1.ContextAssertion", "abcd"}, "InvalidParameterValue", "ProvidedContexts"},

		{"fifty tags", tags(50, 10), "", ""},
		{"one more", tags(51, 1), "ValidationError", "less than or equal to 50"},
		{"tags whose keys differ in case", []string{"Tags.member.1.Key", "Team", "Tags.member.1.Value", "a", "Tags.member.2.Key", "team", "Tags.member.2.Value", "b"}, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"a tag of AWS", []string{"Tags.member.1.Key", "Aws:x", "Tags.member.1.Value", "a"}, "InvalidParameterValue", "reserved"},
		{"a transitive key without a tag", []string{"TransitiveTagKeys.member.1", "team"}, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."},
		{"tags that do not fit into a token", tags(50, 250), "PackedPolicyTooLarge", "Packed size of session tags consumes 309% of allotted space."},

		{"no policy", []string{"Policy", "{"}, "MalformedPolicyDocument", ""},
		{"a policy with a principal", []string{"Policy", statements(trusts(`"*"`, `"kms:*"`, ""))}, "MalformedPolicyDocument", "principal"},
		{"too long a policy", []string{"Policy", strings.Repeat(" ", 2049)}, "ValidationError", "less than or equal to 2048"},
		{"a managed policy that is not there", []string{"PolicyArns.member.1.arn", "arn:aws:iam::111122223333:policy/none"}, "InvalidParameterValue", "arn:aws:iam::111122223333:policy/none does not exist"},
		{"another account's managed policy", []string{"PolicyArns.member.1.arn", theirs}, "InvalidParameterValue", theirs + " does not exist"},
		{"one of AWS's", []string{"PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}, "", ""},
		{"a policy and tags that do not fit together", append(tags(30, 100), "Policy", assumes+strings.Repeat(" ", 1900)), "PackedPolicyTooLarge", "Packed policy consumes 124% of allotted space, please use smaller policy."},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := assume(alice, row.parameters...)
			if row.code == "" {
				sessionOf(t, s, r)
				return
			}
			told(t, r, 400, row.code, row.says)
		})
	}
}

// A session is what its role, its policies and its tags let it be, for as long as it was to last.
func TestAssumedSession(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{"Tags":[{"TagKey":"team","TagValue":"a"}]}`).String("KeyMetadata.KeyId")
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", Trust: statements(trusts(toAccount, `"sts:*"`, "")),
		Inline: inline(statements(`{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}`,
			`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))})
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(assumes)})
	inTeam := []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "a"}

	r := assume(alice, inTeam...)
	c := sessionOf(t, s, r)
	c.Must("DescribeKey", map[string]any{"KeyId": id})
	c.Must("ListKeys", `{}`)
	if got := r.Text("PackedPolicySize"); got != "1" {
		t.Errorf("packed size: got %s of %s, want 1", got, r.Raw)
	}
	if got, want := r.Text("Expiration"), s.Clock.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"); got != want {
		t.Errorf("expiration: got %s, want %s", got, want)
	}
	if got := sessionOf(t, s, assume(alice)).Call("DescribeKey", map[string]any{"KeyId": id}); got.Code() != "AccessDeniedException" {
		t.Errorf("without its tag: got %s, want AccessDeniedException", got.Raw)
	}
	limited := sessionOf(t, s, assume(alice, append(inTeam, "Policy", statements(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))...))
	limited.Must("ListKeys", `{}`)
	if got := limited.Call("DescribeKey", map[string]any{"KeyId": id}); !strings.Contains(got.Message(), "because no session policy allows") {
		t.Errorf("beyond its policy: got %s, want a refusal for it", got.Raw)
	}
	managed := sessionOf(t, s, assume(alice, append(inTeam, "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")...))
	if got := managed.Call("ListKeys", `{}`); got.Code() != "AccessDeniedException" {
		t.Errorf("beyond its managed policy: got %s, want AccessDeniedException", got.Raw)
	}

	end, err := time.Parse(time.RFC3339, r.Text("Expiration"))
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(end.Sub(s.Clock.Now()) - time.Millisecond)
	c.Must("ListKeys", `{}`)
	s.Clock.Advance(time.Millisecond)
	if got := c.Call("ListKeys", `{}`); got.Code() != "ExpiredTokenException" {
		t.Errorf("at its end: got %s, want ExpiredTokenException", got.Raw)
	}
	told(t, c.Query("sts", "GetCallerIdentity"), 403, "ExpiredToken", "The security token included in the request is expired")
}

// A session that assumes a role passes on its transitive tags and its source identity, and gets an hour at most.
func TestRoleChaining(t *testing.T) {
	s := kmstest.New(t)
	trust := statements(trusts(toAccount, `"sts:*"`, ""))
	for _, name := range []string{"reader", "second", "third"} {
		s.Role(&recordpb.Role{Path: "/apps/", Name: name, MaxSession: 43200, Trust: trust, Inline: inline(assumes,
			statements(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"a","aws:SourceIdentity":"al"}}}`))})
	}
	s.Role(&recordpb.Role{Name: "plain", Trust: statements(trusts(toAccount, `"sts:AssumeRole"`, ""))})
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(assumes)})
	first := sessionOf(t, s, assume(alice, "SourceIdentity", "al", "DurationSeconds", "43200",
		"Tags.member.1.Key", "Team", "Tags.member.1.Value", "a", "Tags.member.2.Key", "job", "Tags.member.2.Value", "x", "TransitiveTagKeys.member.1", "Team"))
	next := func(c *kmstest.Client, name string, more ...string) *kmstest.Reply {
		return c.Query("sts", "AssumeRole", append([]string{"RoleArn", "arn:aws:iam::111122223333:role/" + name, "RoleSessionName", "next"}, more...)...)
	}
	second := next(first, "apps/second", "DurationSeconds", "3600")
	third := sessionOf(t, s, next(sessionOf(t, s, second), "apps/third"))
	third.Must("ListKeys", `{}`)
	if got := second.Text("SourceIdentity"); got != "al" {
		t.Errorf("source identity: got %q, want al", got)
	}
	told(t, next(first, "apps/second", "DurationSeconds", "3601"), 400, "ValidationError", "1 hour session limit for roles assumed by role chaining")
	told(t, next(first, "apps/second", "Tags.member.1.Key", "team", "Tags.member.1.Value", "b"), 400, "InvalidParameterValue", "conflicts with a transitive tag key from the calling session")
	told(t, next(first, "apps/second", "SourceIdentity", "bo"), 403, "AccessDenied", "source identity of a session cannot be changed")
	sessionOf(t, s, next(first, "apps/second", "SourceIdentity", "al"))
	told(t, next(first, "plain"), 403, "AccessDenied", "perform: sts:TagSession on resource: arn:aws:iam::111122223333:role/plain")

	session := record(t, s, "ListKeys")
	for _, row := range []struct {
		path []string
		want string
	}{
		{[]string{"userIdentity", "type"}, "AssumedRole"},
		{[]string{"userIdentity", "arn"}, "arn:aws:sts::111122223333:assumed-role/third/next"},
		{[]string{"userIdentity", "sessionContext", "sessionIssuer", "arn"}, "arn:aws:iam::111122223333:role/apps/third"},
		{[]string{"userIdentity", "sessionContext", "sourceIdentity"}, "al"},
		{[]string{"userIdentity", "sessionContext", "attributes", "mfaAuthenticated"}, "false"},
	} {
		if got := at(session, row.path...); got != row.want {
			t.Errorf("%v: got %s, want %s", row.path, got, row.want)
		}
	}
}

// The record says which credentials were made, and neither their secret nor their token; the account of the role
// has a copy.
func TestAssumeRoleIsRecorded(t *testing.T) {
	s := kmstest.New(t)
	s.Role(&recordpb.Role{Account: other, Name: "far", Trust: statements(trusts(toAccount, `"sts:AssumeRole"`, ""))})
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(assumes)})
	const far = "arn:aws:iam::" + other + ":role/far"
	r := alice.Query("sts", "AssumeRole", "RoleArn", far, "RoleSessionName", "job", "ExternalId", "ext")
	c := sessionOf(t, s, r)
	all := s.Records()
	copied := record(t, s, "AssumeRole")
	if got := at(copied, "recipientAccountId") + " " + at(copied, "userIdentity", "type"); got != other+" AWSAccount" {
		t.Errorf("the copy: got %s, want one of %s by an AWSAccount", got, other)
	}
	own := string(all[len(all)-2].Line)
	for _, want := range []string{
		`"requestParameters":{"roleArn":"` + far + `","roleSessionName":"job","externalId":"ext"}`,
		`"responseElements":{"credentials":{"accessKeyId":"` + c.AccessKeyID + `","expiration":"`,
		`"assumedRoleUser":{"assumedRoleId":"` + r.Text("AssumedRoleId") + `","arn":"arn:aws:sts::` + other + `:assumed-role/far/job"}`,
		`"resources":[{"accountId":"` + other + `","type":"AWS::IAM::Role","ARN":"` + far + `"}]`,
		`"eventSource":"sts.amazonaws.com"`, `"recipientAccountId":"111122223333"`,
	} {
		if !strings.Contains(own, want) {
			t.Errorf("got record %s, want %s in it", own, want)
		}
	}
	for _, e := range all {
		if strings.Contains(string(e.Line), c.Secret) || strings.Contains(string(e.Line), c.Token[:40]) {
			t.Errorf("a secret is in record %s", e.Line)
		}
	}
}
