package console_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

const identities = "/console/identities/"

// A user is made, given what it needs, and deleted with all it has; each step is looked at with the API.
func TestLifeOfAUser(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	b := signedIn(t, root)
	b.get(identities+"users").want(http.StatusOK, "There are no users")
	b.post(identities+"users", "name", "no good", "path", "/").want(http.StatusBadRequest, "alphanumeric", `value="no good"`, "<details open>")
	b.post(identities+"users", "name", "ann", "path", "/team/").want(http.StatusOK, "The user ann was made", "arn:aws:iam::"+kmstest.Account+":user/team/ann", "no access key")
	b.get(identities+"users").want(http.StatusOK, identities+"users/ann")

	const broken = `{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"kms:*","Resource":"*"}]}`
	p := b.post(identities+"users/ann/policy", "policy", "use", "new", "yes", "document", broken)
	p.want(http.StatusBadRequest, "MalformedPolicyDocument", "Perhaps", `value="use"`)
	good := strings.ReplaceAll(document(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`), "\n", "\r\n")
	b.post(identities+"users/ann/policy", "policy", "use", "new", "yes", "document", good).want(http.StatusOK, "Policy use is in force", "kms:ListKeys")
	if got := root.MustIAM("GetUserPolicy", "UserName", "ann", "PolicyName", "use").Text("PolicyDocument"); strings.Contains(got, "%0D") || !strings.Contains(got, "%0A") {
		t.Errorf("policy: got %q, want its lines to end as everywhere", got)
	}
	b.get(identities+"users/ann/policy?policy=use").want(http.StatusOK, "kms:ListKeys", "Save")

	secret := regexp.MustCompile(`<code id="secret">([^<]+)</code>`)
	made := b.post(identities + "users/ann/access-keys")
	made.want(http.StatusOK, "never again")
	found := secret.FindStringSubmatch(made.text)
	id := regexp.MustCompile(`<code id="id">([^<]+)</code>`).FindStringSubmatch(made.text)
	if found == nil || id == nil {
		t.Fatalf("no secret in: %s", made.text)
	}
	ann := &kmstest.Client{Server: s, AccessKeyID: id[1], Secret: html.UnescapeString(found[1]), Region: kmstest.Region}
	ann.Must("ListKeys", `{}`)
	p = b.get(identities + "users/ann")
	if p.want(http.StatusOK, id[1], "Active", "kms, us-east-1"); strings.Contains(p.text, found[1]) {
		t.Errorf("the secret is shown again: %s", p.text)
	}
	b.post(identities+"users/ann", "do", "disable-key", "access-key", id[1]).want(http.StatusOK, "Inactive", "is disabled")
	if r := ann.Call("ListKeys", `{}`); r.Status == http.StatusOK {
		t.Error("a disabled access key still works")
	}
	b.post(identities+"users/ann", "do", "enable-key", "access-key", id[1]).want(http.StatusOK, "Active")

	b.post(identities+"groups", "name", "staff", "path", "/").want(http.StatusOK, "nobody in the group")
	b.post(identities+"users/ann", "do", "join", "group", "staff").want(http.StatusOK, identities+"groups/staff")
	b.get(identities+"groups/staff").want(http.StatusOK, identities+"users/ann")
	b.post(identities+"users/ann", "do", "attach", "policy", "arn:aws:iam::aws:policy/IAMFullAccess").want(http.StatusOK, "IAMFullAccess", "Detach")
	b.post(identities+"users/ann", "do", "boundary", "policy", "arn:aws:iam::aws:policy/IAMFullAccess").want(http.StatusOK, "Take the boundary away")
	b.post(identities+"users/ann", "do", "tag", "key", "Team", "value", "a").want(http.StatusOK, "Team")
	b.post(identities+"users/ann", "do", "attach", "policy", "arn:aws:iam::aws:policy/None").want(http.StatusNotFound, "NoSuchEntity")
	b.post(identities+"users/ann", "do", "nonsense").want(http.StatusBadRequest)

	p = b.get(identities + "users/ann/delete")
	p.want(http.StatusOK, "cannot be undone", id[1], "Its own policy use", "membership of group staff", "Policy IAMFullAccess is detached")
	b.post(identities+"users/ann/delete", "confirm", "anne").want(http.StatusBadRequest, "Nothing was deleted", id[1])
	root.MustIAM("GetUser", "UserName", "ann")
	b.post(identities+"users/ann/delete", "confirm", "ann").want(http.StatusOK, "User ann is deleted")
	if r := root.IAM("GetUser", "UserName", "ann"); r.Code() != "NoSuchEntity" {
		t.Errorf("the user: got %d %s", r.Status, r.Raw)
	}
	b.get(identities+"users/ann").want(http.StatusNotFound, "ann cannot be found")
	b.post(identities+"groups/staff/delete", "confirm", "staff").want(http.StatusOK, "Group staff is deleted")
}

func TestLifeOfARole(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	b := signedIn(t, root)
	b.post(identities+"roles", "name", "app", "path", "/", "trust", `{"Statement":[]}`).want(http.StatusBadRequest, "MalformedPolicyDocument", `{&#34;Statement&#34;:[]}`)
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"sts:AssumeRole"}]}`
	b.post(identities+"roles", "name", "app", "path", "/", "trust", trust, "description", "for <b>all</b>").want(http.StatusOK, "The role app was made", "for &lt;b&gt;all", "sts:AssumeRole", "3600")
	b.post(identities+"roles/app", "do", "trust", "trust", strings.Replace(trust, "Allow", "Deny", 1)).want(http.StatusOK, "The trust policy was changed", "Deny")
	b.post(identities+"roles/app", "do", "trust", "trust", "no policy").want(http.StatusBadRequest, "MalformedPolicyDocument", "no policy</textarea>")
	b.post(identities+"roles/app", "do", "describe", "description", "new", "seconds", "7200").want(http.StatusOK, "at most 7200 seconds", "new")
	b.post(identities+"roles/app/policy", "policy", "own", "document", document(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`)).want(http.StatusOK, "kms:*")
	b.post(identities+"roles/app/delete?policy=own", "confirm", "own").want(http.StatusOK, "is deleted", "no policy of its own")
	b.post(identities+"roles/app/delete", "confirm", "app").want(http.StatusOK, "Role app is deleted")
}

func TestLifeOfAManagedPolicy(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	b := signedIn(t, root)
	b.get(identities+"policies?scope=AWS").want(http.StatusOK, "IAMFullAccess")
	b.get(identities+"policy?arn=arn:aws:iam::aws:policy/IAMFullAccess").want(http.StatusOK, "cannot be changed", "iam:*")
	b.post(identities+"policies", "name", "use", "path", "/", "document", "{").want(http.StatusBadRequest, "MalformedPolicyDocument", `value="use"`)
	b.post(identities+"policies", "name", "use", "path", "/", "document", document(`{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}`)).want(http.StatusOK, "The policy was made", "kms:Sign", "Nobody has it")
	at := identities + "policy?arn=arn:aws:iam::" + kmstest.Account + ":policy/use"
	b.post(at, "do", "version", "document", document(`{"Effect":"Allow","Action":"kms:Verify","Resource":"*"}`)).want(http.StatusOK, "version v2", "kms:Verify")
	b.post(at, "do", "tag", "key", "Team", "value", "<b>\u202e").want(http.StatusBadRequest, "&lt;b&gt;<span class=\"unseen\">U+202E</span>", "There are no tags.", "kms:Verify")
	b.post(at, "do", "tag", "key", "Team", "value", "red").want(http.StatusOK, "The tag is there.", "Team", "red")
	if got := root.MustIAM("ListPolicyTags", "PolicyArn", "arn:aws:iam::"+kmstest.Account+":policy/use").Text("Key"); got != "Team" {
		t.Errorf("the policy's tag: got %q", got)
	}
	b.post(at, "do", "tag", "key", "aws:x", "value", "a").want(http.StatusBadRequest)
	b.post(at, "do", "untag", "key", "Team").want(http.StatusOK, "The tag is gone.", "There are no tags.")
	b.post(identities+"policy?arn=arn:aws:iam::aws:policy/IAMFullAccess", "do", "tag", "key", "a", "value", "a").want(http.StatusForbidden, "cannot be changed")
	b.get(at+"&version=v1").want(http.StatusOK, "Version v1", "kms:Sign")
	b.post(at, "do", "version", "document", "{").want(http.StatusBadRequest, "MalformedPolicyDocument", "{</textarea>")
	b.post(at, "do", "default", "version", "v1").want(http.StatusOK, "Version v1 is in force")
	s.NewUser(kmstest.Account, "ann", "")
	root.MustIAM("AttachUserPolicy", "UserName", "ann", "PolicyArn", "arn:aws:iam::"+kmstest.Account+":policy/use")
	b.get(at).want(http.StatusOK, identities+"users/ann")
	doom := strings.Replace(at, "policy?", "policy/delete?", 1)
	b.get(doom).want(http.StatusOK, "It has 1 users")
	b.post(doom, "confirm", "delete").want(http.StatusConflict, "DeleteConflict")
	if n := len(root.MustIAM("ListPolicyVersions", "PolicyArn", "arn:aws:iam::"+kmstest.Account+":policy/use").Texts("VersionId")); n != 2 {
		t.Errorf("versions after a refused deletion: got %d, want 2", n)
	}
	b.post(doom+"&version=v2", "confirm", "delete").want(http.StatusOK, "is deleted")
	root.MustIAM("DetachUserPolicy", "UserName", "ann", "PolicyArn", "arn:aws:iam::"+kmstest.Account+":policy/use")
	b.post(doom, "confirm", "delete").want(http.StatusOK, "is deleted", "There are no policies")
}

func TestLifeOfAProvider(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := signedIn(t, s.As(kmstest.Account))
	b.post(identities+"providers", "url", "http://login.example.com", "clients", "a").want(http.StatusBadRequest, `value="http://login.example.com"`)
	b.post(identities+"providers", "url", "https://login.example.com", "clients", "a\r\nb").want(http.StatusOK, "login.example.com")
	at := identities + "provider?arn=arn:aws:iam::" + kmstest.Account + ":oidc-provider/login.example.com"
	b.get(at).want(http.StatusOK, `value="a"`, `value="b"`)
	b.post(at, "do", "remove", "client", "a").want(http.StatusOK, "are refused", `value="b"`)
	b.post(at, "do", "tag", "key", "Team", "value", "a").want(http.StatusOK, "The tag is there.", "Team")
	b.post(at, "do", "tag", "key", "Team", "value", "b").want(http.StatusOK, "<td><bdi class=\"plain\">b</bdi></td>")
	b.post(at, "do", "untag", "key", "Team").want(http.StatusOK, "The tag is gone.", "There are no tags.")
	b.post(at, "do", "tag", "key", "", "value", "b").want(http.StatusBadRequest)
	b.post(at, "do", "add", "client", "<script>").want(http.StatusOK, "are accepted", "&lt;script&gt;")
	b.post(strings.Replace(at, "provider?", "provider/delete?", 1), "confirm", "delete").want(http.StatusOK, "The account has registered none")
}

// Pages of many have a next one.
func TestIdentitiesInPages(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	for i := range 51 {
		s.Exists("user/u" + string(rune('a'+i/26)) + string(rune('a'+i%26)))
	}
	b := signedIn(t, s.As(kmstest.Account))
	p := b.get(identities + "users")
	p.want(http.StatusOK, "uaa", "ubx", "More users")
	next := regexp.MustCompile(`href="([^"]+marker=[^"]+)"`).FindStringSubmatch(p.text)
	if next == nil || strings.Contains(p.text, "uby") {
		t.Fatalf("want 50 users and a link to more: %s", p.text)
	}
	b.get(strings.ReplaceAll(next[1], "&amp;", "&")).want(http.StatusOK, "uby")
}

// Who has no rights in IAM reads what is missing, on every page; what part may be seen is shown.
func TestIdentitiesOfWhoMayNot(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	s.Exists("user/ann", "role/app")
	c := s.NewUser(kmstest.Account, "bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}]}`)
	b := signedIn(t, c)
	for page, action := range map[string]string{"users": "iam:ListUsers", "groups": "iam:ListGroups", "roles": "iam:ListRoles", "policies": "iam:ListPolicies", "providers": "iam:ListOpenIDConnectProviders"} {
		b.get(identities+page).want(http.StatusForbidden, action, "looks after the account's identities", "Identity providers")
	}
	b.get(identities+"users/ann").want(http.StatusOK, "user/ann", "iam:ListAccessKeys", "iam:ListAttachedUserPolicies")
	b.get(identities+"roles/app").want(http.StatusForbidden, "iam:GetRole")
	b.post(identities+"users", "name", "eve", "path", "/").want(http.StatusForbidden, "iam:CreateUser", `value="eve"`)
	b.post(identities+"users/ann/access-keys").want(http.StatusForbidden, "iam:CreateAccessKey")
	b.post(identities+"users/ann/delete", "confirm", "ann").want(http.StatusForbidden, "iam:DeleteUser")
}

// Another account's identities are not there, and a form without the token of the session does nothing.
func TestIdentitiesOfOthers(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	s.Exists("user/ann")
	stranger := signedIn(t, s.As("444455556666"))
	if p := stranger.get(identities + "users"); strings.Contains(p.text, "ann") {
		t.Errorf("got another account's user: %s", p.text)
	}
	stranger.get(identities+"users/ann").want(http.StatusNotFound, "NoSuchEntity")
	stranger.get(identities + "policy?arn=arn:aws:iam::" + kmstest.Account + ":policy/x").want(http.StatusNotFound)

	b := signedIn(t, s.As(kmstest.Account))
	for _, path := range []string{"users", "users/ann", "users/ann/access-keys", "users/ann/delete", "users/ann/policy", "policies", "providers"} {
		b.post(identities+path, "csrf", "made-up", "name", "eve", "confirm", "ann", "do", "untag").want(http.StatusForbidden, "StalePage")
	}
	root := s.As(kmstest.Account)
	if n := len(root.MustIAM("ListUsers").Texts("UserName")); n != 1 {
		t.Errorf("users: got %d, want 1", n)
	}
}
