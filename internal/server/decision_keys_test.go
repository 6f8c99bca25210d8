package server_test

import (
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// Operations on aliases are on the alias and on each key (access.md §4.2).
func TestAliasDecisions(t *testing.T) {
	w := decisionWorld(t)
	only := func(name, action, resource string) {
		w.callers[name] = w.User(&recordpb.User{Name: name, Inline: inlined(`{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`)})
	}
	aliases := "arn:aws:kms:us-east-1:" + home + ":alias/app/*"
	only("aliases", "kms:*Alias", aliases)
	only("keys", "kms:*Alias", "arn:aws:kms:*:*:key/*")
	only("others", "kms:*Alias", "arn:aws:kms:us-east-1:"+home+":alias/other/*")
	toHome := statement("Allow", home, "kms:*")
	to := func(user string) string { return statement("Allow", arnOf(home, "user/"+user), "kms:*Alias") }
	for _, row := range []struct {
		name     string
		caller   string
		old, new []string // policies of the keys
		want     string
	}{
		{"both sides", "able", []string{toHome}, []string{toHome}, through},
		{"the alias by its own policy, the keys by theirs", "aliases", []string{toHome, to("aliases")}, []string{toHome, to("aliases")}, through},
		{"the alias alone", "aliases", []string{toHome}, []string{toHome}, noIdentity},
		{"the keys alone", "keys", []string{toHome}, []string{toHome}, noIdentity},
		{"the keys by their policies alone", "bare", []string{toHome, to("bare")}, []string{toHome, to("bare")}, noIdentity},
		{"another alias", "others", []string{toHome, to("others")}, []string{toHome, to("others")}, noIdentity},
		{"a Deny on either key", "able", []string{toHome, statement("Deny", arnOf(home, "user/able"), "kms:*Alias")}, []string{toHome, statement("Deny", arnOf(home, "user/able"), "kms:*Alias")}, byKey},
	} {
		t.Run(row.name, func(t *testing.T) {
			former, next := w.key(row.old...), w.key(row.new...)
			c, alias := w.callers[row.caller], "alias/app/"+strings.ToLower(strings.NewReplacer(" ", "-", ",", "").Replace(row.name))
			ends(t, c.Call("CreateAlias", map[string]any{"AliasName": alias, "TargetKeyId": former}), row.want)
			if row.want != through {
				w.As(home).Must("CreateAlias", map[string]any{"AliasName": alias, "TargetKeyId": former})
			}
			ends(t, c.Call("UpdateAlias", map[string]any{"AliasName": alias, "TargetKeyId": next}), row.want)
			ends(t, c.Call("DeleteAlias", map[string]any{"AliasName": alias}), row.want)
		})
	}
	for name, row := range map[string]struct{ old, new, want string }{
		"neither key refuses":       {toHome, toHome, through},
		"the key it leaves refuses": {statement("Deny", arnOf(home, "user/able"), "kms:UpdateAlias"), toHome, byKey},
		"the key it joins refuses":  {toHome, statement("Deny", arnOf(home, "user/able"), "kms:UpdateAlias"), byKey},
	} {
		t.Run("update, "+name, func(t *testing.T) {
			alias := "alias/app/" + strings.ReplaceAll(name, " ", "-")
			w.As(home).Must("CreateAlias", map[string]any{"AliasName": alias, "TargetKeyId": w.key(toHome, strings.Replace(row.old, toHome, statement("Allow", home, "kms:List*"), 1))})
			joins := w.key(toHome, strings.Replace(row.new, toHome, statement("Allow", home, "kms:List*"), 1))
			ends(t, w.callers["able"].Call("UpdateAlias", map[string]any{"AliasName": alias, "TargetKeyId": joins}), row.want)
		})
	}
}

// ReEncrypt is from the one key and to the other (access.md §4.2).
func TestReEncryptDecisions(t *testing.T) {
	w := decisionWorld(t)
	toHome := statement("Allow", home, "kms:*")
	to := func(action, effect string) string { return statement(effect, arnOf(home, "user/bare"), action) }
	from, both := to("kms:ReEncryptFrom", "Allow"), to("kms:ReEncrypt*", "Allow")
	for _, row := range []struct{ name, from, to, want string }{
		{"each side", from, to("kms:ReEncryptTo", "Allow"), through},
		{"both on both", both, both, through},
		{"the source alone", from, from, "kms:ReEncryptTo on resource"},
		{"the destination alone", to("kms:ReEncryptTo", "Allow"), both, "kms:ReEncryptFrom on the resource associated with this ciphertext"},
		{"no action of that name", to("kms:ReEncrypt", "Allow"), to("kms:ReEncrypt", "Allow"), "kms:ReEncryptFrom"},
		{"a Deny of the destination", both, both + "," + to("kms:ReEncryptTo", "Deny"), byKey},
		{"a Deny of the source", both + "," + to("kms:ReEncryptFrom", "Deny"), both, byKey},
		{"a Deny of the other side's action", both + "," + to("kms:ReEncryptTo", "Deny"), both, through},
	} {
		t.Run(row.name, func(t *testing.T) {
			source, destination := w.key(toHome, row.from), w.key(toHome, row.to)
			blob := w.As(home).Must("Encrypt", map[string]any{"KeyId": source, "Plaintext": "aGk="}).String("CiphertextBlob")
			ends(t, w.callers["bare"].Call("ReEncrypt", map[string]any{"CiphertextBlob": blob, "DestinationKeyId": destination}), row.want)
		})
	}
}

// Nobody saves a policy that they could not change again, unless they say so (access.md §3.7).
func TestLockout(t *testing.T) {
	w := decisionWorld(t)
	toHome := statement("Allow", home, "kms:*")
	me := func(name string) string { return statement("Allow", arnOf(home, "user/"+name), "kms:*") }
	creates := statement("Allow", "", "kms:CreateKey")
	w.callers["creates"] = w.User(&recordpb.User{Name: "creates", Inline: inlined(creates)})
	for _, row := range []struct {
		name, caller string
		policy       string
		keeps        bool
	}{
		{"the root user by the account", "root", toHome, true},
		{"the root user by another", "root", me("bare"), false},
		{"a user whose own policies let it", "able", toHome, true},
		{"a user whose own policies do not", "creates", toHome, false},
		{"a user by name", "creates", me("creates"), true},
		{"a session policy", "r-able", toHome, true},
		{"a session by its role", "r-able", statement("Allow", arnOf(home, "role/r-able"), "kms:*"), true},
		{"everyone", "creates", statement("Allow", "*", "kms:*"), true},
		{"under a condition that is met", "able", statement("Allow", home, "kms:*", `"Condition":{"StringEquals":{"kms:CallerAccount":"`+home+`"}}`), true},
		{"under one that is not", "able", statement("Allow", home, "kms:*", `"Condition":{"StringEquals":{"kms:CallerAccount":"`+away+`"}}`), false},
		{"without PutKeyPolicy", "able", statement("Allow", home, "kms:Get*"), false},
		{"a Deny beside", "able", toHome + "," + statement("Deny", "*", "kms:PutKeyPolicy"), false},
	} {
		for _, bypass := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				r := w.callers[row.caller].Call("CreateKey", map[string]any{"Policy": policyOf(row.policy), "BypassPolicyLockoutSafetyCheck": bypass})
				if want := row.keeps || bypass; want != (r.Code() == "") || !want && r.Code() != "MalformedPolicyDocumentException" {
					t.Errorf("bypass %t: got %s, want it saved: %t", bypass, r.Raw, want)
				}
			})
		}
	}
}

// What identity policies say by variables, tags and aliases (access.md §3.4, §5.3).
func TestAttributeDecisions(t *testing.T) {
	w := decisionWorld(t)
	toHome := statement("Allow", home, "kms:*")
	tagged := func(condition string) string { return statement("Allow", "", "kms:*", `"Condition":`+condition) }
	red := []*recordpb.Tag{{Key: "Team", Value: "red"}}
	id := w.key(toHome)
	w.As(home).Must("TagResource", map[string]any{"KeyId": id, "Tags": []map[string]string{{"TagKey": "Team", "TagValue": "red"}, {"TagKey": "Owner", "TagValue": "ursula"}}})
	w.As(home).Must("CreateAlias", map[string]any{"AliasName": "alias/red/one", "TargetKeyId": id})
	w.As(home).Must("CreateAlias", map[string]any{"AliasName": "alias/two", "TargetKeyId": id})
	matches := tagged(`{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/TEAM}"}}`)
	for _, row := range []struct {
		name   string
		user   *recordpb.User
		key    string
		policy string
		want   string
	}{
		{"the key's tag", nil, id, tagged(`{"StringEquals":{"aws:ResourceTag/Team":"red"}}`), through},
		{"another value", nil, id, tagged(`{"StringEquals":{"aws:ResourceTag/Team":"Red"}}`), noIdentity},
		{"the tags of both", &recordpb.User{Tags: red}, id, matches, through},
		{"those of one", nil, id, matches, noIdentity},
		{"the user's name", nil, id, tagged(`{"StringEquals":{"aws:ResourceTag/Owner":"${aws:username}"}}`), through},
		{"of its aliases one", nil, id, tagged(`{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/red/*"}}`), through},
		{"of its aliases all", nil, id, tagged(`{"ForAllValues:StringLike":{"kms:ResourceAliases":"alias/red/*"}}`), noIdentity},
		{"by the alias asked for", nil, "alias/red/one", tagged(`{"StringLike":{"kms:RequestAlias":"alias/red/*"}}`), through},
		{"by its ARN", nil, "arn:aws:kms:us-east-1:" + home + ":alias/red/one", tagged(`{"StringLike":{"kms:RequestAlias":"alias/red/*"}}`), through},
		{"by another alias", nil, "alias/two", tagged(`{"StringLike":{"kms:RequestAlias":"alias/red/*"}}`), noIdentity},
		{"by no alias", nil, id, tagged(`{"StringLike":{"kms:RequestAlias":"alias/red/*"}}`), noIdentity},
		{"an alias is not its key", nil, "alias/two", `{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:us-east-1:` + home + `:alias/two"}`, noIdentity},
		{"MFA, of long-term credentials", nil, id, tagged(`{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`), noIdentity},
		{"MFA, if there is a word of it", nil, id, tagged(`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}`), through},
		{"the Region", nil, id, tagged(`{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}`), through},
		{"the address", nil, id, tagged(`{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`), through},
		{"another address", nil, id, tagged(`{"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`), noIdentity},
		{"plain HTTP", nil, id, tagged(`{"Bool":{"aws:SecureTransport":"true"}}`), noIdentity},
		{"the user agent", nil, id, tagged(`{"StringLike":{"aws:UserAgent":"Go-http-client/*"}}`), through},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.user == nil {
				row.user = &recordpb.User{}
			}
			row.user.Name, row.user.Inline = "ursula", inlined(row.policy)
			ends(t, w.User(row.user).Call("Encrypt", map[string]any{"KeyId": row.key, "Plaintext": "aGk="}), row.want)
		})
	}
	asRole := w.key(statement("Allow", "*", "kms:*", `"Condition":{"StringEquals":{"aws:PrincipalArn":"`+arnOf(home, "role/team/r-bare")+`"},"DateLessThan":{"aws:TokenIssueTime":"2100-01-01T00:00:00Z"}}`))
	for name, row := range map[string]struct {
		caller *kmstest.Client
		want   string
	}{"a session, by its role's ARN with the path": {w.callers["r-bare"], through}, "a user": {w.callers["able"], noKey}} {
		t.Run(name, func(t *testing.T) {
			ends(t, row.caller.Call("Encrypt", map[string]any{"KeyId": asRole, "Plaintext": "aGk="}), row.want)
		})
	}
	t.Run("the key's tag, asked for by the key policy", func(t *testing.T) {
		id := w.key(statement("Allow", home, "kms:*", `"Condition":{"Null":{"aws:ResourceTag/Team":"true"}}`))
		ends(t, w.callers["able"].Call("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="}), through)
	})
}
