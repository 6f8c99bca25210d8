package iam_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/iam"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// What a caller may do in IAM is said by its own policies.
func TestWhoMay(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	alice := s.NewUser(account, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:Get*","Resource":"*"},
		{"Effect":"Allow","Action":["iam:CreateUser","iam:TagUser"],"Resource":"`+arn("user/made/*")+`","Condition":{"StringEquals":{"aws:RequestTag/team":"a"}}},
		{"Effect":"Allow","Action":"iam:DeleteUser","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"a"}}},
		{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}},
		{"Effect":"Allow","Action":"iam:PutUserPermissionsBoundary","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}}]}`)
	has(t, alice.MustIAM("GetUser"), "UserName", "alice")
	denied := func(r *kmstest.Reply, action, resource string) {
		t.Helper()
		if r.Status != 403 {
			t.Errorf("got status %d, want 403", r.Status)
		}
		want(t, r, "AccessDenied", "User: "+arn("user/alice")+" is not authorized to perform: iam:"+action+" on resource: "+resource+
			" because no identity-based policy allows the iam:"+action+" action")
	}
	denied(alice.IAM("ListUsers"), "ListUsers", arn("user/"))
	denied(alice.IAM("CreateUser", "UserName", "x"), "CreateUser", arn("user/x"))
	denied(alice.IAM("CreateUser", "UserName", "x", "Path", "/made/"), "CreateUser", arn("user/made/x"))
	denied(alice.IAM("DeleteRole", "RoleName", "none"), "DeleteRole", arn("role/none"))
	alice.MustIAM("CreateUser", "UserName", "x", "Path", "/made/", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "a")
	denied(alice.IAM("AttachUserPolicy", "UserName", "x", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"), "AttachUserPolicy", arn("user/made/x"))
	alice.MustIAM("AttachUserPolicy", "UserName", "x", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	denied(alice.IAM("PutUserPermissionsBoundary", "UserName", "x", "PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"), "PutUserPermissionsBoundary", arn("user/made/x"))
	alice.MustIAM("PutUserPermissionsBoundary", "UserName", "x", "PermissionsBoundary", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	denied(alice.IAM("DeleteUser", "UserName", "alice"), "DeleteUser", arn("user/alice"))
	root.MustIAM("DetachUserPolicy", "UserName", "x", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	alice.MustIAM("DeleteUser", "UserName", "x")

	// Who moves somebody must be allowed to in both places.
	mover := s.NewUser(account, "mover", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:UpdateUser","iam:UpdateGroup"],"Resource":["`+arn("user/dev/*")+`","`+arn("group/dev/*")+`"]}}`)
	root.MustIAM("CreateUser", "UserName", "y", "Path", "/dev/")
	root.MustIAM("CreateGroup", "GroupName", "y", "Path", "/dev/")
	mover.MustIAM("UpdateUser", "UserName", "y", "NewUserName", "z")
	for _, noun := range []string{"User", "Group"} {
		name := map[string]string{"User": "z", "Group": "y"}[noun]
		to := arn(strings.ToLower(noun) + "/admin/" + name)
		want(t, mover.IAM("Update"+noun, noun+"Name", name, "NewPath", "/admin/"), "AccessDenied", "User: "+arn("user/mover")+
			" is not authorized to perform: iam:Update"+noun+" on resource: "+to+" because no identity-based policy allows the iam:Update"+noun+" action")
	}

	// What was borrowed for an hour makes no access key for good.
	for _, session := range []*recordpb.Session{{Issuer: root.AccessKeyID}, {User: "alice", UserId: alice.MustIAM("GetUser").Text("UserId"), Issuer: alice.AccessKeyID}} {
		if r := s.Session(session).IAM("GetUser"); r.Code() != "InvalidClientTokenId" {
			t.Errorf("got %d %s", r.Status, r.Raw)
		}
	}
	root.MustIAM("CreateRole", "RoleName", "keeper", "AssumeRolePolicyDocument", anyone)
	root.MustIAM("AttachRolePolicy", "RoleName", "keeper", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	role := root.MustIAM("GetRole", "RoleName", "keeper").Text("RoleId")
	inRole := s.Session(&recordpb.Session{Role: "keeper", RoleId: role})
	inRole.MustIAM("ListUsers")
	want(t, inRole.IAM("GetUser"), "ValidationError", "Must specify userName when calling with non-User credentials")

	// Another account's root user has nothing here, and its own has no bearing on ours.
	want(t, s.As("444455556666").IAM("GetUser", "UserName", "alice"), "NoSuchEntity", "The user with name alice cannot be found.")

	// A group gives what it has, and takes it away again.
	root.MustIAM("CreateGroup", "GroupName", "admins")
	root.MustIAM("AttachGroupPolicy", "GroupName", "admins", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess")
	root.MustIAM("AddUserToGroup", "GroupName", "admins", "UserName", "alice")
	alice.MustIAM("ListUsers")
	root.MustIAM("DetachGroupPolicy", "GroupName", "admins", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess")
	denied(alice.IAM("ListUsers"), "ListUsers", arn("user/"))
}

// One call tells all about everybody.
func TestDetails(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	s.NewUser(account, "alice", anyKMS)
	root.MustIAM("CreateGroup", "GroupName", "team")
	root.MustIAM("AddUserToGroup", "GroupName", "team", "UserName", "alice")
	root.MustIAM("CreateRole", "RoleName", "app", "AssumeRolePolicyDocument", anyone)
	p := root.MustIAM("CreatePolicy", "PolicyName", "p", "PolicyDocument", anyKMS).Text("Arn")
	root.MustIAM("AttachRolePolicy", "RoleName", "app", "PolicyArn", p)
	const op = "GetAccountAuthorizationDetails"
	all := root.MustIAM(op)
	has(t, all, "UserName", "alice")
	has(t, all, "GroupName", "team")
	has(t, all, "RoleName", "app")
	has(t, all, "PolicyArn", p)
	if got := all.Texts("DefaultVersionId"); len(got) != 5 {
		t.Errorf("got %d policies, want one and AWS's four", len(got))
	}
	local := root.MustIAM(op, "Filter.member.1", "LocalManagedPolicy", "Filter.member.2", "Role")
	has(t, local, "AttachmentCount", "1")
	has(t, local, "UserName")
	var arns []string
	marker := []string{"MaxItems", "1"}
	for {
		r := root.MustIAM(op, marker...)
		arns = append(arns, r.Texts("Arn")...)
		if r.Text("IsTruncated") == "false" {
			break
		}
		marker = []string{"MaxItems", "1", "Marker", r.Texts("Marker")[0]}
	}
	if !slices.Equal(arns, all.Texts("Arn")) || len(arns) != 8 {
		t.Errorf("page by page: got %q, want %q", arns, all.Texts("Arn"))
	}
}

// IAM is of no Region: clients sign for the one where AWS has it, wherever else the keys are.
func TestRegion(t *testing.T) {
	root := kmstest.With(t, kmstest.Options{Regions: []string{"eu-central-1"}}).As(account)
	root.In("us-east-1").MustIAM("ListUsers")
	root.In("eu-central-1").MustIAM("ListUsers")
	if r := root.In("eu-west-1").IAM("ListUsers"); r.Code() != "SignatureDoesNotMatch" {
		t.Errorf("got %d %s", r.Status, r.Raw)
	}
	if r := root.In("us-east-1").Call("ListKeys", "{}"); r.Code() != "InvalidSignatureException" {
		t.Errorf("got %d %s", r.Status, r.Raw)
	}
}

// A request that is signed for another service is none of IAM.
func TestSignedForAnother(t *testing.T) {
	s := kmstest.New(t)
	for _, service := range []string{"kms", "sts"} {
		body := "Action=ListUsers&Version=2010-05-08"
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c := *s.As(account)
		c.Service = service
		c.Sign(req, []byte(body), s.Clock.Now())
		r, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 403 || r.Text("Message") != "Credential should be scoped to correct service: 'iam'. " {
			t.Errorf("%s: got %d %s", service, r.Status, r.Raw)
		}
	}
}

// Every request leaves one record in the words of CloudTrail.
func TestRecords(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	root.MustIAM("CreateUser", "UserName", "alice", "Path", "/a/")
	root.IAM("GetUser", "UserName", "bob")
	records := s.Records()
	for i, want := range []string{
		`"eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1"`,
		`"errorCode":"NoSuchEntityException","errorMessage":"The user with name bob cannot be found.","requestParameters":{"userName":"bob"},"responseElements":null`,
	} {
		if line := string(records[len(records)-2+i].Line); !strings.Contains(line, want) {
			t.Errorf("got %s, want %s", line, want)
		}
	}
	if line := string(records[len(records)-2].Line); !strings.Contains(line, `"requestParameters":{"path":"/a/","userName":"alice"},"responseElements":{"user":{"path":"/a/","userName":"alice","userId":"AIDA`) ||
		!strings.Contains(line, `"readOnly":false`) {
		t.Errorf("got %s", line)
	}
}

// A row is in the order of its names, and decodes.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range iam.Service.Table {
		if seen[row.Operation()] {
			t.Errorf("%s is there twice", row.Operation())
		}
		seen[row.Operation()] = true
		if req, _ := row.Decode(url.Values{}); req == nil {
			t.Errorf("%s does not decode", row.Operation())
		}
		reads := regexp.MustCompile(`^(Get|List)`).MatchString(row.Operation())
		if row.Reads() != reads {
			t.Errorf("%s: got read-only %v", row.Operation(), row.Reads())
		}
	}
}

// Whatever a form says, every operation decodes it or refuses it, and can tell of it.
func FuzzOperations(f *testing.F) {
	f.Add("UserName=a&Path=/a/&Tags.member.1.Key=k&Tags.member.1.Value=v&PolicyDocument={}&PolicyArn=arn:aws:iam::aws:policy/x&MaxItems=1")
	f.Add("RoleName=%00&Description=&MaxSessionDuration=-1&ThumbprintList.member.1=&ClientIDList=&TagKeys.member.2=x&VersionId=v0")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		for _, row := range iam.Service.Table {
			req, err := row.Decode(form)
			if _, refused := errors.AsType[*fault.Error](err); err != nil && !refused {
				t.Errorf("%s: got %v", row.Operation(), err)
			}
			rec := audit.Record{Request: req.Audit()}
			rec.Encode()
		}
	})
}
