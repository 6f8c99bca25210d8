package restore_test

import (
	"slices"
	"strings"
	"testing"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
	"qkms/internal/restore"
)

// A row is one thing done after a backup, and what a restore makes of it. before is done before the backup and
// returns what the rest is about; outcomes are found by it.
type row struct {
	before func(w *world) string
	after  func(w *world, about string)
	want   restore.Result // of the last outcome about it; empty: there is none
	check  func(w *world, about string) string
	is     string // what check returns
}

const user = "arn:aws:iam::111122223333:user/"

var rows = map[string]row{
	"DisableKey": {
		before: (*world).key, after: call("DisableKey", nil), want: restore.Again, check: state, is: "Disabled",
	},
	"disabled, and enabled again": {
		before: (*world).key, after: calls(call("DisableKey", nil), call("EnableKey", nil)), want: restore.ToDo, check: state, is: "Enabled",
	},
	"enabled, and disabled again": {
		before: disabled, after: calls(call("EnableKey", nil), call("DisableKey", nil)), want: restore.NotNeeded, check: state, is: "Disabled",
	},
	"EnableKey": {
		before: disabled, after: call("EnableKey", nil), want: restore.ToDo, check: state, is: "Disabled",
	},
	"ScheduleKeyDeletion": {
		before: (*world).key, after: call("ScheduleKeyDeletion", fields{"PendingWindowInDays": 9}), want: restore.Again, check: state, is: "PendingDeletion",
	},
	"CancelKeyDeletion leaves a key disabled": {
		before: (*world).key, after: calls(call("ScheduleKeyDeletion", nil), call("CancelKeyDeletion", nil)), want: restore.Again, check: state, is: "Disabled",
	},
	"CancelKeyDeletion of a key that is going in the backup": {
		before: func(w *world) string {
			id := w.key()
			w.root.Must("ScheduleKeyDeletion", fields{"KeyId": id, "PendingWindowInDays": 30})
			return id
		},
		after: call("CancelKeyDeletion", nil), want: restore.NotNeeded, check: state, is: "PendingDeletion",
	},
	"PutKeyPolicy": {
		before: (*world).key,
		after: func(w *world, id string) {
			w.root.Must("PutKeyPolicy", fields{"KeyId": id, "Policy": policyFor("111122223333")})
			w.root.Must("PutKeyPolicy", fields{"KeyId": id, "Policy": policyFor("444455556666"), "BypassPolicyLockoutSafetyCheck": true})
		},
		want: restore.Again,
		check: func(w *world, id string) string {
			return w.As("444455556666").Must("DescribeKey", fields{"KeyId": "arn:aws:kms:us-east-1:111122223333:key/" + id}).String("KeyMetadata.KeyState")
		},
		is: "Enabled",
	},
	"RevokeGrant": {
		before: granted, want: restore.Again, check: grants, is: "[]",
		after: func(w *world, id string) {
			w.root.Must("RevokeGrant", fields{"KeyId": id, "GrantId": firstGrant(w, id)})
		},
	},
	"RetireGrant": {
		before: granted, want: restore.Again, check: grants, is: "[]",
		after: func(w *world, id string) {
			w.root.Must("RetireGrant", fields{"KeyId": "arn:aws:kms:us-east-1:111122223333:key/" + id, "GrantId": firstGrant(w, id)})
		},
	},
	"a grant made and revoked after": {
		before: (*world).key, want: restore.NotNeeded, check: grants, is: "[]",
		after: func(w *world, id string) {
			g := w.root.Must("CreateGrant", fields{"KeyId": id, "GranteePrincipal": user + "bob", "Operations": []string{"Encrypt"}}).String("GrantId")
			w.root.Must("RevokeGrant", fields{"KeyId": id, "GrantId": g})
		},
	},
	"DeleteAlias": {
		before: aliased("alias/gone"), after: deleteAlias, want: restore.Again, check: aliasTarget, is: "",
	},
	"UpdateAlias": {
		before: func(w *world) string {
			aliased("alias/moved")(w)
			aliased("alias/where")(w)
			return "alias/moved"
		},
		after: func(w *world, name string) {
			w.root.Must("UpdateAlias", fields{"AliasName": name, "TargetKeyId": aliasTarget(w, "alias/where")})
		},
		want: restore.Again,
		check: func(w *world, name string) string {
			if aliasTarget(w, name) == aliasTarget(w, "alias/where") {
				return "there"
			}
			return "elsewhere"
		},
		is: "there",
	},
	"UpdateAlias to a key that is lost": {
		before: aliased("alias/lost"),
		after: func(w *world, name string) {
			w.root.Must("UpdateAlias", fields{"AliasName": name, "TargetKeyId": w.key()})
		},
		want: restore.ToDo,
	},
	"an alias deleted and made again for another key": {
		before: func(w *world) string {
			aliased("alias/again")(w)
			aliased("alias/other")(w)
			return "alias/again"
		},
		after: func(w *world, name string) {
			deleteAlias(w, name)
			w.root.Must("CreateAlias", fields{"AliasName": name, "TargetKeyId": aliasTarget(w, "alias/other")})
		},
		want: restore.Again,
		check: func(w *world, name string) string {
			if aliasTarget(w, name) == aliasTarget(w, "alias/other") {
				return "there"
			}
			return "elsewhere"
		},
		is: "there",
	},
	"CreateAlias": {
		before: (*world).key,
		after: func(w *world, id string) {
			w.root.Must("CreateAlias", fields{"AliasName": "alias/new-" + id, "TargetKeyId": id})
		},
		want: restore.ToDo,
	},
	"DeleteImportedKeyMaterial": {
		before: func(w *world) string {
			id := w.root.Must("CreateKey", fields{"Origin": "EXTERNAL"}).String("KeyMetadata.KeyId")
			p := w.root.Must("GetParametersForImport", fields{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
			w.root.Must("ImportKeyMaterial", fields{
				"KeyId": id, "ImportToken": p.String("ImportToken"), "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
				"EncryptedKeyMaterial": kmstest.Wrap(w.t, unbase64(w.t, p.String("PublicKey")), "RSAES_OAEP_SHA_256", material()),
			})
			return id
		},
		after: call("DeleteImportedKeyMaterial", nil), want: restore.Again, check: state, is: "PendingImport",
	},
	"UpdateAccessKey": {
		before: person("amy"),
		after: func(w *world, name string) {
			w.root.MustIAM("UpdateAccessKey", "UserName", name, "AccessKeyId", accessKeyOf(w, name), "Status", "Inactive")
		},
		want: restore.Again, check: accessKeys, is: "Inactive",
	},
	"UpdateAccessKey, and active again": {
		before: person("ann"),
		after: func(w *world, name string) {
			for _, s := range []string{"Inactive", "Active"} {
				w.root.MustIAM("UpdateAccessKey", "UserName", name, "AccessKeyId", accessKeyOf(w, name), "Status", s)
			}
		},
		want: restore.ToDo, check: accessKeys, is: "Active",
	},
	"DeleteAccessKey": {
		before: person("bea"),
		after: func(w *world, name string) {
			w.root.MustIAM("DeleteAccessKey", "UserName", name, "AccessKeyId", accessKeyOf(w, name))
		},
		want: restore.Again, check: accessKeys, is: "",
	},
	"DeleteUserPolicy": {
		before: person("cem"), after: iamOn("DeleteUserPolicy", "PolicyName", "own"), want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("ListUserPolicies", "UserName", name).Text("member")
		},
	},
	"PutUserPolicy": {
		before: person("dov"), after: iamOn("PutUserPolicy", "PolicyName", "more", "PolicyDocument", everything), want: restore.ToDo,
		check: func(w *world, name string) string {
			return strings.Join(w.root.MustIAM("ListUserPolicies", "UserName", name).Texts("member"), " ")
		},
		is: "own",
	},
	"DeleteUser": {
		before: person("eve"), after: dismiss, want: restore.Again,
		check: func(w *world, name string) string { return w.root.IAM("GetUser", "UserName", name).Code() }, is: "NoSuchEntity",
	},
	"DeleteUser, and another of the name": {
		before: person("fay"),
		after: func(w *world, name string) {
			dismiss(w, name)
			w.NewUser(kmstest.Account, name, everything)
		},
		want:  restore.ToDo, // the policy of the new one
		check: func(w *world, name string) string { return w.root.IAM("GetUser", "UserName", name).Code() }, is: "NoSuchEntity",
	},
	"RemoveUserFromGroup": {
		before: func(w *world) string {
			w.root.MustIAM("CreateUser", "UserName", "gil")
			w.root.MustIAM("CreateGroup", "GroupName", "gang")
			w.root.MustIAM("AddUserToGroup", "GroupName", "gang", "UserName", "gil")
			return "gil"
		},
		after: iamOn("RemoveUserFromGroup", "GroupName", "gang"), want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("ListGroupsForUser", "UserName", name).Text("GroupName")
		},
	},
	"DetachUserPolicy": {
		before: func(w *world) string {
			w.root.MustIAM("CreateUser", "UserName", "hal")
			arn := w.root.MustIAM("CreatePolicy", "PolicyName", "all", "PolicyDocument", everything).Text("Arn")
			w.root.MustIAM("AttachUserPolicy", "UserName", "hal", "PolicyArn", arn)
			return "hal"
		},
		after: iamOn("DetachUserPolicy", "PolicyArn", "arn:aws:iam::111122223333:policy/all"), want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("ListAttachedUserPolicies", "UserName", name).Text("PolicyName")
		},
	},
	"UpdateAssumeRolePolicy": {
		before: func(w *world) string {
			w.root.MustIAM("CreateRole", "RoleName", "ivy", "AssumeRolePolicyDocument", trust("111122223333"))
			return "ivy"
		},
		after: func(w *world, name string) {
			w.root.MustIAM("UpdateAssumeRolePolicy", "RoleName", name, "PolicyDocument", trust("444455556666"))
		},
		want: restore.Again,
		check: func(w *world, name string) string {
			if strings.Contains(w.root.MustIAM("GetRole", "RoleName", name).Text("AssumeRolePolicyDocument"), "444455556666") {
				return "the new one"
			}
			return "the former one"
		},
		is: "the new one",
	},
	"DetachRolePolicy": {
		before: attached("Role", "jo"), after: iamRole("DetachRolePolicy", "PolicyArn", policyARN+"for-jo"), want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("ListAttachedRolePolicies", "RoleName", name).Text("PolicyName")
		},
	},
	"DetachGroupPolicy": {
		before: attached("Group", "kin"),
		after: func(w *world, name string) {
			w.root.MustIAM("DetachGroupPolicy", "GroupName", name, "PolicyArn", policyARN+"for-kin")
		},
		want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("ListAttachedGroupPolicies", "GroupName", name).Text("PolicyName")
		},
	},
	"DeleteRolePolicy": {
		before: func(w *world) string {
			w.root.MustIAM("CreateRole", "RoleName", "lee", "AssumeRolePolicyDocument", trust("111122223333"))
			w.root.MustIAM("PutRolePolicy", "RoleName", "lee", "PolicyName", "own", "PolicyDocument", everything)
			return "lee"
		},
		after: iamRole("DeleteRolePolicy", "PolicyName", "own"), want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("ListRolePolicies", "RoleName", name).Text("member")
		},
	},
	"DeleteGroupPolicy, DeleteGroup": {
		before: func(w *world) string {
			w.root.MustIAM("CreateGroup", "GroupName", "mob")
			w.root.MustIAM("PutGroupPolicy", "GroupName", "mob", "PolicyName", "own", "PolicyDocument", everything)
			return "mob"
		},
		after: func(w *world, name string) {
			w.root.MustIAM("DeleteGroupPolicy", "GroupName", name, "PolicyName", "own")
			w.root.MustIAM("DeleteGroup", "GroupName", name)
		},
		want:  restore.Again,
		check: func(w *world, name string) string { return w.root.IAM("GetGroup", "GroupName", name).Code() }, is: "NoSuchEntity",
	},
	"DeleteRole": {
		before: func(w *world) string {
			w.root.MustIAM("CreateRole", "RoleName", "nat", "AssumeRolePolicyDocument", trust("111122223333"))
			return "nat"
		},
		after: iamRole("DeleteRole"), want: restore.Again,
		check: func(w *world, name string) string { return w.root.IAM("GetRole", "RoleName", name).Code() }, is: "NoSuchEntity",
	},
	"DeletePolicyVersion, DeletePolicy": {
		before: func(w *world) string {
			arn := w.root.MustIAM("CreatePolicy", "PolicyName", "old", "PolicyDocument", everything).Text("Arn")
			w.root.MustIAM("CreatePolicyVersion", "PolicyArn", arn, "PolicyDocument", everything)
			return arn
		},
		after: func(w *world, arn string) {
			w.root.MustIAM("DeletePolicyVersion", "PolicyArn", arn, "VersionId", "v2")
			w.root.MustIAM("DeletePolicy", "PolicyArn", arn)
		},
		want:  restore.Again,
		check: func(w *world, arn string) string { return w.root.IAM("GetPolicy", "PolicyArn", arn).Code() }, is: "NoSuchEntity",
	},
	"PutUserPermissionsBoundary": {
		before: person("oz"),
		after: func(w *world, name string) {
			w.root.MustIAM("PutUserPermissionsBoundary", "UserName", name, "PermissionsBoundary", policyARN+"all")
		},
		want: restore.Again,
		check: func(w *world, name string) string {
			return w.root.MustIAM("GetUser", "UserName", name).Text("PermissionsBoundaryArn")
		},
		is: policyARN + "all",
	},
	"RemoveClientIDFromOpenIDConnectProvider": {
		before: provider("one.example.com"),
		after: func(w *world, arn string) {
			w.root.MustIAM("RemoveClientIDFromOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, "ClientID", "app")
		},
		want: restore.Again,
		check: func(w *world, arn string) string {
			return strings.Join(w.root.MustIAM("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", arn).Texts("member"), " ")
		},
		is: strings.Repeat("a", 40), // the thumbprint alone
	},
	"DeleteOpenIDConnectProvider": {
		before: provider("two.example.com"),
		after: func(w *world, arn string) {
			w.root.MustIAM("DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn", arn)
		},
		want: restore.Again,
		check: func(w *world, arn string) string {
			return w.root.IAM("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", arn).Code()
		},
		is: "NoSuchEntity",
	},
	"DisableAccessKey by an operator": {
		before: person("pat"), after: operator(admin.DisableAccessKey), want: restore.Again, check: accessKeys, is: "Inactive",
	},
	"DeleteAccessKey by an operator": {
		before: person("qi"), after: operator(admin.DeleteAccessKey), want: restore.Again, check: accessKeys,
	},
	"EnableAccessKey by an operator": {
		before: person("ria"), after: calls(operator(admin.DisableAccessKey), operator(admin.EnableAccessKey)), want: restore.ToDo, check: accessKeys, is: "Active",
	},
	"TagResource": {
		before: (*world).key, after: call("TagResource", fields{"Tags": []fields{{"TagKey": "a", "TagValue": "b"}}}),
		check: func(w *world, id string) string {
			return w.root.Must("ListResourceTags", fields{"KeyId": id}).String("Tags")
		},
		is: "[]",
	},
	"refused": {
		before: (*world).key,
		after: func(w *world, id string) {
			w.As("444455556666").Call("DisableKey", fields{"KeyId": "arn:aws:kms:us-east-1:111122223333:key/" + id})
			w.root.Call("ScheduleKeyDeletion", fields{"KeyId": id, "PendingWindowInDays": 1})
		},
		check: state, is: "Enabled",
	},
}

const policyARN = "arn:aws:iam::111122223333:policy/"

func iamRole(action string, more ...string) func(*world, string) {
	return func(w *world, name string) { w.root.MustIAM(action, append(more, "RoleName", name)...) }
}

// attached makes a role or a group, and attaches a policy of its own to it.
func attached(kind, name string) func(*world) string {
	return func(w *world) string {
		more := []string{kind + "Name", name}
		if kind == "Role" {
			more = append(more, "AssumeRolePolicyDocument", trust("111122223333"))
		}
		w.root.MustIAM("Create"+kind, more...)
		arn := w.root.MustIAM("CreatePolicy", "PolicyName", "for-"+name, "PolicyDocument", everything).Text("Arn")
		w.root.MustIAM("Attach"+kind+"Policy", kind+"Name", name, "PolicyArn", arn)
		return name
	}
}

func provider(host string) func(*world) string {
	return func(w *world) string {
		return w.root.MustIAM("CreateOpenIDConnectProvider", "Url", "https://"+host, "ClientIDList.member.1", "app",
			"ThumbprintList.member.1", strings.Repeat("a", 40)).Text("OpenIDConnectProviderArn")
	}
}

// operator does an action on the access key of a user.
func operator(a *admin.Action[admin.AccessKeyID, admin.AccessKeyChanged]) func(*world, string) {
	return func(w *world, name string) {
		if _, err := a.Perform(w.t.Context(), &admin.Host{Node: w.Node}, admin.Self(), admin.AccessKeyID{ID: w.accessKeys[name]}, nil); err != nil {
			w.t.Fatal(err)
		}
	}
}

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`

func trust(account string) string {
	return strings.Replace(strings.Replace(policyFor(account), "kms:*", "sts:AssumeRole", 1), `,"Resource":"*"`, "", 1)
}

func call(operation string, body fields) func(*world, string) {
	return func(w *world, id string) {
		all := fields{"KeyId": id}
		for k, v := range body {
			all[k] = v
		}
		w.root.Must(operation, all)
	}
}

func calls(all ...func(*world, string)) func(*world, string) {
	return func(w *world, about string) {
		for _, one := range all {
			one(w, about)
		}
	}
}

func disabled(w *world) string {
	id := w.key()
	w.root.Must("DisableKey", fields{"KeyId": id})
	return id
}

func state(w *world, id string) string {
	return w.root.Must("DescribeKey", fields{"KeyId": id}).String("KeyMetadata.KeyState")
}

func grants(w *world, id string) string {
	return w.root.Must("ListGrants", fields{"KeyId": id}).String("Grants")
}

// firstGrant is the id of a grant on a key.
func firstGrant(w *world, id string) string {
	g, _ := w.root.Must("ListGrants", fields{"KeyId": id}).Fields["Grants"].([]any)
	if len(g) == 0 {
		w.t.Fatalf("key %s has no grant", id)
	}
	return g[0].(fields)["GrantId"].(string)
}

func granted(w *world) string {
	id := w.key()
	w.root.Must("CreateGrant", fields{"KeyId": id, "GranteePrincipal": user + "bob", "Operations": []string{"Encrypt"}})
	return id
}

func aliased(name string) func(*world) string {
	return func(w *world) string {
		w.root.Must("CreateAlias", fields{"AliasName": name, "TargetKeyId": w.key()})
		return name
	}
}

func deleteAlias(w *world, name string) { w.root.Must("DeleteAlias", fields{"AliasName": name}) }

func aliasTarget(w *world, name string) string {
	return w.root.Call("DescribeKey", fields{"KeyId": name}).String("KeyMetadata.KeyId")
}

func person(name string) func(*world) string {
	return func(w *world) string {
		w.accessKeys[name] = w.NewUser(kmstest.Account, name, everything).AccessKeyID
		return name
	}
}

func iamOn(action string, more ...string) func(*world, string) {
	return func(w *world, name string) { w.root.MustIAM(action, append(more, "UserName", name)...) }
}

func accessKeyOf(w *world, name string) string {
	return w.root.MustIAM("ListAccessKeys", "UserName", name).Text("AccessKeyId")
}

func accessKeys(w *world, name string) string {
	return w.root.MustIAM("ListAccessKeys", "UserName", name).Text("Status")
}

// dismiss deletes a user of person.
func dismiss(w *world, name string) {
	w.root.MustIAM("DeleteAccessKey", "UserName", name, "AccessKeyId", accessKeyOf(w, name))
	w.root.MustIAM("DeleteUserPolicy", "UserName", name, "PolicyName", "own")
	w.root.MustIAM("DeleteUser", "UserName", name)
}

// names reports whether a word of text is the name, or ends in it.
func names(text, name string) bool {
	return name != "" && slices.ContainsFunc(strings.Fields(text), func(word string) bool {
		return word == name || strings.HasSuffix(word, "/"+name) || strings.HasSuffix(word, "-"+name)
	})
}

// Everything is done on one server, so that nothing gets into the way of anything.
func TestWhatIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	w.root.MustIAM("CreateUser", "UserName", "bob")
	w.As("444455556666")
	about := map[string]string{}
	for name, r := range rows {
		about[name] = r.before(w)
	}
	from := w.backup()
	for name, r := range rows {
		r.after(w, about[name])
	}
	restored, rep := w.restored(from)
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			var got restore.Outcome
			for _, o := range rep.Outcomes {
				if names(o.About, about[name]) || names(o.About, w.accessKeys[about[name]]) {
					got = o
				}
			}
			if got.Result != r.want {
				t.Errorf("got %+v, want %q", got, r.want)
			}
			if r.check == nil {
				return
			}
			if is := r.check(restored, about[name]); is != r.is {
				t.Errorf("got %q after the restore (%+v), want %q", is, got, r.is)
			}
		})
	}
}
