package policy_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"qkms/internal/authz/policy"
)

// What an operator reads who asks why: which part of which statement does not fit.
func TestTrace(t *testing.T) {
	d, err := policy.Parse(`{"Version":"2012-10-17","Statement":[
		{"Sid":"App","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/u"},"Action":"kms:Decrypt","Resource":"*",
			"Condition":{"StringEquals":{"kms:EncryptionContext:App":"orders"},"Bool":{"aws:SecureTransport":true}}},
		{"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/team/u"]},"Action":"kms:Describe*","Resource":"*"},
		{"Sid":"half","Effect":"Allow","Principal":"*","Action":"kms:*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":"`+roleARN+`"},"Action":"kms:*","Resource":"x","Condition":{"StringEquals":{"aws:ResourceTag/Team":"a"}}}]}`, "aws")
	if err != nil {
		t.Fatal(err)
	}
	s := &policy.Sources{
		Key:      d.Bind(map[string]string{user.ARN: otherUserID}),
		Identity: []*policy.Policy{identityPolicy(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`), identityPolicy(t, `{"Sid":"B","Effect":"Deny","Action":"s3:*","Resource":"*"}`)},
		Boundary: identityPolicy(t, `{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:s3:::b"}`),
		Session:  []*policy.Policy{identityPolicy(t, `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}`)},
	}
	q := ask(user, "kms:Decrypt", said{"aws:securetransport": {"true"}, "aws:resourcetag/team": {"a"}})
	want := []policy.Step{
		{Ref: policy.Ref{Source: policy.KeyPolicy, Sid: "App"}, Former: true, Action: true, Resource: true, Conditions: []policy.Met{
			{Operator: "StringEquals", Key: "kms:EncryptionContext:App"}, {Operator: "Bool", Key: "aws:SecureTransport", Met: true, Present: true},
		}},
		{Ref: policy.Ref{Source: policy.KeyPolicy, Statement: 1}, Means: policy.AsAccount, Former: true, Resource: true},
		{Ref: policy.Ref{Source: policy.KeyPolicy, Statement: 2, Sid: "half"}, Void: true, Means: policy.AsEveryone, Action: true},
		{Ref: policy.Ref{Source: policy.KeyPolicy, Statement: 3}, Deny: true, Means: policy.AsEveryone, Action: true, Conditions: []policy.Met{
			{Operator: "StringEquals", Key: "aws:ResourceTag/Team", Hidden: true},
		}},
		{Ref: policy.Ref{Source: policy.IdentityPolicy}, Means: policy.AsItself, Action: true, Resource: true},
		{Ref: policy.Ref{Source: policy.IdentityPolicy, Policy: 1, Sid: "B"}, Deny: true, Means: policy.AsItself, Resource: true},
		{Ref: policy.Ref{Source: policy.Boundary}, Means: policy.AsItself, Action: true},
		{Ref: policy.Ref{Source: policy.SessionPolicy}, Means: policy.AsItself, Action: true, Resource: true},
	}
	got := policy.Trace(q, s)
	if len(got) != len(want) {
		t.Fatalf("got %d steps, want %d", len(got), len(want))
	}
	applies := map[int]bool{4: true, 7: true}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("step %d: got %+v, want %+v", i, got[i], want[i])
		}
		if got[i].Applies() != applies[i] {
			t.Errorf("step %d applies: got %t, want %t", i, got[i].Applies(), applies[i])
		}
	}
}

// What Trace says and what decides are one thing: the statement that decides is one that applies, and when
// one that denies applies, that is the reason.
func TestTraceAgrees(t *testing.T) {
	for seed := range uint64(5000) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 7)))
		d := w.decision(t)
		var denies, names bool
		for _, step := range policy.Trace(w.q, w.sources(t)) {
			denies = denies || step.Applies() && step.Deny
			names = names || step.Ref == d.By && step.Applies() && step.Deny != d.Allowed
		}
		if d.Reason != policy.UnknownPrincipal && denies != (d.Reason == policy.ExplicitDeny) {
			t.Fatalf("seed %d: a Deny applies: %t; got %+v", seed, denies, d)
		}
		if from := d.By.Source; from != policy.NoSource && from != policy.AGrant && !names {
			t.Fatalf("seed %d: got %+v, whose statement does not apply", seed, d)
		}
	}
}

func TestRemedies(t *testing.T) {
	const (
		toHome = `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}`
		toAway = `{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"kms:*","Resource":"*"}`
		toRole = `{"Effect":"Allow","Principal":{"AWS":"` + roleARN + `"},"Action":"kms:*","Resource":"*"}`
		deny   = `{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}`
		may    = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
		silent = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	)
	type list = []policy.Remedy
	for _, row := range []struct {
		name              string
		q                 *policy.Question
		key               string
		identity          []string
		boundary, session string
		want              list
	}{
		{"allowed", ask(user, "kms:Encrypt", nil), toHome, []string{may}, "", "", nil},
		{"an account is named, and nothing else", ask(user, "kms:Encrypt", nil), toHome, nil, "", "",
			list{{policy.IdentityAllows}, {policy.AGrantAllows}, {policy.OwnerNamesCaller}}},
		{"nothing at all", ask(user, "kms:Encrypt", nil), toAway, nil, "", "",
			list{{policy.AGrantAllows}, {policy.OwnerNamesCaller}, {policy.IdentityAllows, policy.OwnerNamesAccount}}},
		{"a Deny besides", ask(user, "kms:Encrypt", nil), toHome + "," + deny, []string{may}, "", "", list{{policy.NoDeny}}},
		{"a boundary", ask(user, "kms:Encrypt", nil), toHome, []string{may}, silent, "",
			list{{policy.BoundaryAllows}, {policy.OwnerNamesCaller}}},
		{"a session policy and a boundary", ask(session, "kms:Encrypt", nil), toRole, nil, silent, silent,
			list{{policy.OwnerNamesCaller}, {policy.BoundaryAllows, policy.SessionAllows}}},
		{"a session of a role that nobody names", ask(session, "kms:Encrypt", nil), toAway, []string{may}, "", "",
			list{{policy.AGrantAllows}, {policy.OwnerNamesCaller}, {policy.OwnerNamesRole}, {policy.OwnerNamesAccount}}},
		{"the root user", ask(rootUser, "kms:Encrypt", nil), toAway, nil, "", "",
			list{{policy.AGrantAllows}, {policy.OwnerNamesAccount}}},
		{"another account's user", ask(awayUser, "kms:Encrypt", nil), toAway, nil, "", "", list{{policy.IdentityAllows}}},
		{"a service", ask(service, "kms:Encrypt", nil), toHome, nil, "", "", list{{policy.AGrantAllows}, {policy.OwnerNamesCaller}}},
		{"what other accounts never may", &policy.Question{Principal: awayUser, Action: "kms:DisableKey", Resource: keyARN, Context: said{}, Key: true, Owner: home}, toAway, []string{may}, "", "", nil},
		{"what is about no key", &policy.Question{Principal: user, Action: "kms:ListKeys", Resource: "*", Context: said{}}, toHome, nil, silent, "",
			list{{policy.IdentityAllows, policy.BoundaryAllows}}},
		{"nobody", ask(&policy.Principal{}, "kms:Encrypt", nil), toHome, nil, "", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &policy.Sources{Key: keyPolicy(t, row.key)}
			for _, p := range row.identity {
				s.Identity = append(s.Identity, identityPolicy(t, p))
			}
			if row.boundary != "" {
				s.Boundary = identityPolicy(t, row.boundary)
			}
			if row.session != "" {
				s.Session = []*policy.Policy{identityPolicy(t, row.session)}
			}
			found := policy.Consult(row.q, s)
			if got := found.Remedies(policy.NoGrant); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}
