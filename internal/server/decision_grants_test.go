package server_test

import (
	"maps"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// What a grant gives, to whom, and what limits it (access.md §4.3, §6.4; operations.md §5.2).
func TestGrantDecisions(t *testing.T) {
	w := decisionWorld(t)
	toHome, toAway := statement("Allow", home, "kms:*"), statement("Allow", away, "kms:*")
	session := func(name string) string { return "arn:aws:sts::" + home + ":assumed-role/" + name }
	type grant = map[string]any
	to := func(principal string, more grant) grant {
		g := grant{"GranteePrincipal": principal, "Operations": []string{"Encrypt", "DescribeKey"}}
		maps.Copy(g, more)
		return g
	}
	equals := grant{"Constraints": grant{"EncryptionContextEquals": map[string]string{"App": "a"}}}
	subset := grant{"Constraints": grant{"EncryptionContextSubset": map[string]string{"app": "a"}}}
	other := grant{"Constraints": grant{"EncryptionContextEquals": map[string]string{"App": "b"}}}
	service := grant{"GranteeServicePrincipal": "s3.amazonaws.com", "RetiringPrincipal": arnOf(home, "root"), "Operations": []string{"Encrypt"}}
	for _, row := range []struct {
		name   string
		caller string
		policy []string
		by     string // who makes the grant
		grant  grant
		want   string
	}{
		{"to a user", "bare", []string{toHome}, "root", to(arnOf(home, "user/bare"), nil), through},
		{"to a user, not another", "pathed", []string{toHome}, "root", to(arnOf(home, "user/bare"), nil), noIdentity},
		{"where the key policy names nobody but its keeper", "bare", []string{statement("Allow", home, "kms:CreateGrant")}, "root", to(arnOf(home, "user/bare"), nil), through},
		{"with another operation", "bare", []string{toHome}, "root", grant{"GranteePrincipal": arnOf(home, "user/bare"), "Operations": []string{"Decrypt"}}, noIdentity},
		{"with the context", "bare", []string{toHome}, "root", to(arnOf(home, "user/bare"), equals), through},
		{"with a part of it, its name in another case", "bare", []string{toHome}, "root", to(arnOf(home, "user/bare"), subset), through},
		{"with another context", "bare", []string{toHome}, "root", to(arnOf(home, "user/bare"), other), noIdentity},
		{"and a Deny of the key policy", "bare", []string{toHome, statement("Deny", "*", "kms:Encrypt")}, "root", to(arnOf(home, "user/bare"), nil), byKey},
		{"and a Deny of an identity policy", "denied", []string{toHome}, "root", to(arnOf(home, "user/denied"), nil), byIdentity},
		{"and a Deny of a group", "group-denied", []string{toHome}, "root", to(arnOf(home, "user/group-denied"), nil), byIdentity},
		{"limited by a boundary", "bound", []string{toHome}, "root", to(arnOf(home, "user/bound"), nil), noBoundary},
		{"to a role", "r-bare", []string{toHome}, "root", to(arnOf(home, "role/team/r-bare"), nil), through},
		{"to a role, limited by a session policy", "r-bare limited", []string{statement("Allow", home, "kms:CreateGrant")}, "root", to(arnOf(home, "role/team/r-bare"), nil), noSession},
		{"to a role, limited by a boundary", "r-bound", []string{toHome}, "root", to(arnOf(home, "role/r-bound"), nil), noBoundary},
		{"to a session", "r-bare", []string{toHome}, "root", to(session("r-bare/test"), nil), through},
		{"to a session, not its sister", "r-bare other", []string{toHome}, "root", to(session("r-bare/test"), nil), noIdentity},
		{"to a session, not limited by its policy", "r-able limited", []string{toHome}, "root", to(session("r-able/limited"), nil), through},
		{"to a session, not limited by a boundary", "r-bound", []string{toHome}, "root", to(session("r-bound/test"), nil), through},
		{"to a session, and a Deny of its policy", "r-able denied", []string{toHome}, "root", to(session("r-able/denied"), nil), bySession},
		{"to the account, for who may", "able", []string{statement("Allow", home, "kms:CreateGrant")}, "root", to(arnOf(home, "root"), nil), through},
		{"to the account, for who may not", "bare", []string{statement("Allow", home, "kms:CreateGrant")}, "root", to(arnOf(home, "root"), nil), noIdentity},
		{"to the account, for its root user", "root", []string{statement("Allow", home, "kms:CreateGrant")}, "root", to(arnOf(home, "root"), nil), through},
		{"to another account's user who may", "away-able", []string{toHome}, "root", to(arnOf(away, "user/away-able"), nil), through},
		{"who may not", "away", []string{toHome}, "root", to(arnOf(away, "user/away"), nil), noIdentity},
		{"who may not, from their own account", "away", []string{toHome, toAway}, "away root", to(arnOf(away, "user/away"), nil), through},
		{"with a boundary, from their own account", "away-bound", []string{toHome, statement("Allow", away, "kms:CreateGrant")}, "away root", to(arnOf(away, "user/away-bound"), nil), noBoundary},
		{"to another account, for who may", "away-able", []string{toHome}, "root", to(arnOf(away, "root"), nil), through},
		{"to another account, for who may not", "away", []string{toHome}, "root", to(arnOf(away, "root"), nil), noIdentity},
		{"to another account, for who may not, from there", "away", []string{toHome, statement("Allow", away, "kms:CreateGrant")}, "away root", to(arnOf(away, "root"), nil), noIdentity},
		{"to a service, for another source", "service", []string{toHome}, "root", merged(service, grant{"Constraints": grant{"SourceArn": "arn:aws:s3:::some-bucket"}}), elsewhere},
	} {
		t.Run(row.name, func(t *testing.T) {
			id := w.key(row.policy...)
			w.callers[row.by].Must("CreateGrant", merged(row.grant, grant{"KeyId": id}))
			body := grant{"KeyId": id, "Plaintext": "aGk=", "EncryptionContext": map[string]string{"App": "a"}}
			ends(t, w.callers[row.caller].Call("Encrypt", body), row.want)
		})
	}
}

func merged(a, b map[string]any) map[string]any {
	a = maps.Clone(a)
	maps.Copy(a, b)
	return a
}

// Through a grant one creates none that gives more (access.md §6.5).
func TestGrantsThroughGrants(t *testing.T) {
	w := decisionWorld(t)
	type object = map[string]any
	equals := func(pairs map[string]string) object { return object{"EncryptionContextEquals": pairs} }
	subset := func(pairs map[string]string) object { return object{"EncryptionContextSubset": pairs} }
	one, two := map[string]string{"App": "a"}, map[string]string{"App": "a", "Env": "p"}
	for _, row := range []struct {
		name          string
		parent, child object
		operations    []string
		want          string
	}{
		{"the same", nil, nil, []string{"Encrypt"}, through},
		{"fewer, and narrower", nil, equals(one), []string{"Encrypt"}, through},
		{"more operations", nil, nil, []string{"Encrypt", "Decrypt"}, noIdentity},
		{"the right to go on", nil, nil, []string{"CreateGrant", "Encrypt"}, through},
		{"without the constraint", subset(one), nil, []string{"Encrypt"}, noIdentity},
		{"a smaller subset", subset(two), subset(one), []string{"Encrypt"}, noIdentity},
		{"a larger subset", subset(one), subset(two), []string{"Encrypt"}, through},
		{"equal to a superset", subset(one), equals(two), []string{"Encrypt"}, through},
		{"the equal one", equals(one), equals(one), []string{"Encrypt"}, through},
		{"a subset instead of equal", equals(one), subset(one), []string{"Encrypt"}, noIdentity},
		{"equal to more", equals(one), equals(two), []string{"Encrypt"}, noIdentity},
		{"another value", equals(one), equals(map[string]string{"App": "b"}), []string{"Encrypt"}, noIdentity},
	} {
		t.Run(row.name, func(t *testing.T) {
			id := w.key(statement("Allow", home, "kms:*"))
			w.As(home).Must("CreateGrant", object{"KeyId": id, "GranteePrincipal": arnOf(home, "user/bare"), "Operations": []string{"Encrypt", "CreateGrant"}, "Constraints": row.parent})
			w.As(home).Must("CreateGrant", object{"KeyId": id, "GranteePrincipal": arnOf(home, "user/bare"), "Operations": []string{"Decrypt"}})
			r := w.callers["bare"].Call("CreateGrant", object{"KeyId": id, "GranteePrincipal": arnOf(home, "user/pathed"), "Operations": row.operations, "Constraints": row.child})
			if r.Code() == "InvalidArnException" { // it has a path
				r = w.callers["bare"].Call("CreateGrant", object{"KeyId": id, "GranteePrincipal": arnOf(home, "user/team/pathed"), "Operations": row.operations, "Constraints": row.child})
			}
			ends(t, r, row.want)
		})
	}
}

// Who may retire, revoke and list grants (access.md §6.6).
func TestGrantEnds(t *testing.T) {
	w := decisionWorld(t)
	type object = map[string]any
	retirer := func(name, account string, statements ...string) {
		w.callers[name] = w.User(&recordpb.User{Account: account, Name: name, Inline: inlined(statements...)})
	}
	retirer("retires", home, statement("Allow", "", "kms:RetireGrant"))
	retirer("away-retires", away, statement("Allow", "", "kms:RetireGrant"))
	retirer("no-retires", home, statement("Deny", "", "kms:RetireGrant"))
	toHome := statement("Allow", home, "kms:*")
	for _, row := range []struct {
		name   string
		caller string
		policy []string
		by     string
		grant  object
		want   string
	}{
		{"the account of the key", "root", []string{toHome}, "root", nil, through},
		{"a user of it whom it lets", "retires", []string{toHome}, "root", nil, through},
		{"a user of it whom it does not", "bare", []string{toHome}, "root", nil, elsewhere},
		{"a user whom the key policy lets", "bare", []string{toHome, statement("Allow", arnOf(home, "user/bare"), "kms:RetireGrant")}, "root", nil, elsewhere},
		{"a user whom the key policy forbids", "retires", []string{toHome, statement("Deny", arnOf(home, "user/retires"), "kms:RetireGrant")}, "root", nil, through},
		{"the retiring principal", "bare", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(home, "user/bare")}, through},
		{"whom its own policies forbid", "no-retires", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(home, "user/no-retires")}, elsewhere},
		{"within a boundary", "bound", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(home, "user/bound")}, elsewhere},
		{"another than the retiring principal", "bare", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(home, "user/able")}, elsewhere},
		{"the grantee", "bare", []string{toHome}, "root", object{"GranteePrincipal": arnOf(home, "user/bare")}, elsewhere},
		{"the grantee of RetireGrant", "bare", []string{toHome}, "root", object{"GranteePrincipal": arnOf(home, "user/bare"), "Operations": []string{"RetireGrant"}}, through},
		{"the same under a constraint", "bare", []string{toHome}, "root", object{"GranteePrincipal": arnOf(home, "user/bare"), "Operations": []string{"RetireGrant", "Encrypt"}, "Constraints": object{"EncryptionContextEquals": object{"a": "b"}}}, through},
		{"another account's retiring principal", "away", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(away, "user/away")}, elsewhere},
		{"whom its account lets", "away-retires", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(away, "user/away-retires")}, through},
		{"a retiring account, by who may", "away-retires", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(away, "root")}, through},
		{"a retiring account, by who may not", "away", []string{toHome}, "root", object{"RetiringPrincipal": arnOf(away, "root")}, elsewhere},
		{"the account that issued it", "away root", []string{toHome, statement("Allow", away, "kms:CreateGrant")}, "away root", nil, through},
		{"who may of it", "away-retires", []string{toHome, statement("Allow", away, "kms:CreateGrant")}, "away root", nil, through},
		{"an account that has nothing to do with it", "away-retires", []string{toHome}, "root", nil, elsewhere},
	} {
		t.Run(row.name, func(t *testing.T) {
			id := w.key(row.policy...)
			g := merged(object{"KeyId": id, "GranteePrincipal": arnOf(home, "root"), "Operations": []string{"Encrypt"}}, row.grant)
			token := w.callers[row.by].Must("CreateGrant", g).String("GrantToken")
			ends(t, w.callers[row.caller].Call("RetireGrant", object{"GrantToken": token}), row.want)
		})
	}
	t.Run("the words for one's own side", func(t *testing.T) {
		id := w.key(toHome)
		g := w.As(home).Must("CreateGrant", object{"KeyId": id, "GranteePrincipal": arnOf(home, "root"), "Operations": []string{"Encrypt"}, "RetiringPrincipal": arnOf(away, "user/away")}).String("GrantId")
		ends(t, w.callers["away"].Call("RetireGrant", object{"KeyId": id, "GrantId": g}), "on this resource "+noIdentity+" the kms:RetireGrant action")
	})
	for _, row := range []struct {
		name, caller string
		policy       []string
		want         string
	}{
		{"revoke by the key policy", "bare", []string{toHome, statement("Allow", arnOf(home, "user/bare"), "kms:RevokeGrant")}, through},
		{"revoke by the account", "able", []string{toHome}, through},
		{"revoke without either", "bare", []string{toHome}, noIdentity},
		{"revoke by another account, both sides", "away-able", []string{toHome, statement("Allow", away, "kms:RevokeGrant")}, through},
		{"revoke by another account, its own side", "away-able", []string{toHome}, elsewhere},
	} {
		t.Run(row.name, func(t *testing.T) {
			id := w.key(row.policy...)
			g := w.As(home).Must("CreateGrant", object{"KeyId": id, "GranteePrincipal": arnOf(home, "user/bare"), "RetiringPrincipal": arnOf(home, "user/bare"), "Operations": []string{"RetireGrant"}}).String("GrantId")
			ends(t, w.callers[row.caller].Call("RevokeGrant", object{"KeyId": id, "GrantId": g}), row.want)
		})
	}
	list := func(principal string) object { return object{"RetiringPrincipal": principal} }
	t.Run("list retirable, allowed", func(t *testing.T) {
		ends(t, w.callers["able"].Call("ListRetirableGrants", list(arnOf(home, "root"))), through)
	})
	t.Run("list retirable, not allowed", func(t *testing.T) {
		ends(t, w.callers["bare"].Call("ListRetirableGrants", list(arnOf(home, "root"))), noIdentity)
	})
	t.Run("list retirable of another account", func(t *testing.T) {
		ends(t, w.callers["able"].Call("ListRetirableGrants", list(arnOf(away, "root"))), noIdentity)
	})
}

// A service's grant is for calls about one resource (additions-2026.md), which it names in signed headers.
func TestServiceGrants(t *testing.T) {
	w := decisionWorld(t)
	id := w.key(statement("Allow", home, "kms:*"))
	w.As(home).Must("CreateGrant", map[string]any{"KeyId": id, "GranteeServicePrincipal": "s3.amazonaws.com", "RetiringPrincipal": arnOf(home, "root"),
		"Operations": []string{"DescribeKey"}, "Constraints": map[string]any{"SourceArn": "arn:aws:s3:::our-bucket"}})
	for source, want := range map[string]string{"arn:aws:s3:::our-bucket": through, "arn:aws:s3:::their-bucket": elsewhere, "": elsewhere} {
		t.Run("source "+source, func(t *testing.T) {
			body := []byte(`{"KeyId":"` + id + `"}`)
			req := w.callers["service"].Request("DescribeKey", body)
			req.Header.Del("Authorization")
			if source != "" {
				req.Header.Set("X-Amz-Source-Arn", source)
			}
			w.callers["service"].Sign(req, body, w.Clock.Now())
			r, err := w.callers["service"].Do(req)
			if err != nil {
				t.Fatal(err)
			}
			ends(t, r, want)
		})
	}
	via := w.Session(&recordpb.Session{Role: "r-able", Via: "s3.us-east-1.amazonaws.com"})
	only := w.key(statement("Allow", home, "kms:*", `"Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}`))
	for name, row := range map[string]struct {
		caller *kmstest.Client
		want   string
	}{"forwarded": {via, through}, "by itself": {w.callers["r-able"], noKey}} {
		t.Run(name, func(t *testing.T) {
			ends(t, row.caller.Call("Encrypt", map[string]any{"KeyId": only, "Plaintext": "aGk="}), row.want)
		})
	}
}
