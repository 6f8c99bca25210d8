package node_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
	"qkms/internal/store/postgres/pgtest"
)

// two nodes share a store.
func two(t *testing.T) (a, b *kmstest.Server) {
	t.Helper()
	a = kmstest.With(t, kmstest.Options{Store: pgtest.URL(t)})
	return a, a.Join()
}

// on is the client c, asking another node.
func on(s *kmstest.Server, c *kmstest.Client) *kmstest.Client {
	other := *c
	other.Server = s
	return &other
}

const fenced = "fenced"

func wantFence(t *testing.T, r *kmstest.Reply, want string) {
	t.Helper()
	if got := r.Header.Get("X-Qkms-Coherence"); r.Status != http.StatusOK || got != want {
		t.Errorf("got status %d %s, X-Qkms-Coherence %q, want 200, %q", r.Status, r.Raw, got, want)
	}
}

// What one node takes away no other goes by once that is answered, however warm its memory is.
func TestWhatOneNodeTakesAwayIsGoneOnAll(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	user := a.NewUser(kmstest.Account, "u", "")
	arn := "arn:aws:iam::" + kmstest.Account + ":user/u"
	grant := owner.Must("CreateGrant", map[string]any{"KeyId": id, "GranteePrincipal": arn, "Operations": []string{"GenerateDataKey"}}).String("GrantId")
	generate := map[string]any{"KeyId": id, "KeySpec": "AES_256"}
	on(b, owner).Must("GenerateDataKey", generate)
	on(b, user).Must("GenerateDataKey", generate)

	wantFence(t, owner.Call("RevokeGrant", map[string]any{"KeyId": id, "GrantId": grant}), fenced)
	if code := on(b, user).Call("GenerateDataKey", generate).Code(); code != "AccessDeniedException" {
		t.Errorf("with a revoked grant: got %q, want AccessDeniedException", code)
	}
	wantFence(t, owner.Call("DisableKey", map[string]any{"KeyId": id}), fenced)
	if code := on(b, owner).Call("GenerateDataKey", generate).Code(); code != "DisabledException" {
		t.Errorf("with a disabled key: got %q, want DisabledException", code)
	}
	wantFence(t, owner.Call("EnableKey", map[string]any{"KeyId": id}), "")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"kms:GenerateDataKey","Resource":"*"}]}`
	wantFence(t, owner.Call("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": policy}), fenced)
	if code := on(b, owner).Call("GenerateDataKey", generate).Code(); code != "AccessDeniedException" {
		t.Errorf("with a policy that denies: got %q, want AccessDeniedException", code)
	}
	wantFence(t, owner.Query("iam", "UpdateAccessKey", "UserName", "u", "AccessKeyId", user.AccessKeyID, "Status", "Inactive"), fenced)
	if code := on(b, user).Call("ListKeys", `{}`).Code(); code != "UnrecognizedClientException" {
		t.Errorf("with an access key that was made inactive: got %q, want UnrecognizedClientException", code)
	}
}

// Who has a grant's token may use it at once on every node, also where it was just refused.
func TestTokenOfAGrantMadeElsewhere(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	user := a.NewUser(kmstest.Account, "u", "")
	grant := map[string]any{
		"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":user/u", "Operations": []string{"GenerateDataKey"}, "Name": "n",
	}
	for i, make := range []*kmstest.Client{owner, on(b, owner)} { // the second time it is there already
		generate := map[string]any{"KeyId": id, "KeySpec": "AES_256"}
		other := []*kmstest.Server{b, a}[i]
		if i == 0 {
			if code := on(other, user).Call("GenerateDataKey", generate).Code(); code != "AccessDeniedException" {
				t.Errorf("before the grant: got %q, want AccessDeniedException", code)
			}
		}
		generate["GrantTokens"] = []string{make.Must("CreateGrant", grant).String("GrantToken")}
		on(other, user).Must("GenerateDataKey", generate)
	}
}

// A change that one node is about to make when another takes the right to it away is not made, however late it is sent.
func TestLateChangeOfWhoLostTheRight(t *testing.T) {
	a, b := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	k, err := b.Resolver.Stored(t.Context(), kmstest.Account, kmstest.Region, id)
	if err != nil {
		t.Fatal(err)
	}
	caller := &authn.Caller{Kind: authn.KindRoot, Account: kmstest.Account, ARN: "arn:aws:iam::" + kmstest.Account + ":root", PrincipalID: kmstest.Account}
	request := &authz.Request{Caller: caller, Now: b.Clock.Now(), Says: authz.SayerFunc(func(string) []string { return nil })}
	needs := []key.Need{{Action: "kms:TagResource", KeyID: id, Forms: key.KeyOnly}}
	if err := b.Ops.Authz.Check(t.Context(), request, needs, []*key.Key{k}); err != nil {
		t.Fatal(err)
	}
	change := b.Book.Change()
	change.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/late"), &recordpb.Alias{Name: "alias/late"})
	if err := b.Ops.Authz.Rely(t.Context(), request, change); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + caller.ARN + `"},"Action":"kms:PutKeyPolicy","Resource":"*"}]}`
	wantFence(t, owner.Call("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": policy}), fenced)
	err = b.Book.Commit(t.Context(), change, "", nil)
	if conflict := (*store.Conflict)(nil); !errors.As(err, &conflict) {
		t.Errorf("got error %v, want a conflict", err)
	}
}

// Both moments stand in the log: that of the change and that from which it is in force everywhere.
func TestFenceIsRecorded(t *testing.T) {
	a, _ := two(t)
	owner := a.As(kmstest.Account)
	id := owner.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	r := owner.Must("DisableKey", map[string]any{"KeyId": id})
	var change, told []map[string]any
	for _, e := range a.Records() {
		var m map[string]any
		if err := json.Unmarshal(e.Line, &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case m["requestID"] != r.Header.Get("X-Amzn-Requestid"):
		case m["eventName"] == "DisableKey":
			change = append(change, m)
		case m["eventName"] == "FenceChange":
			told = append(told, m)
		}
	}
	if len(change) != 1 || len(told) != 1 {
		t.Fatalf("got %d records of the change and %d of the fence, want one each", len(change), len(told))
	}
	said := told[0]["serviceEventDetails"].(map[string]any)
	if said["changeEventID"] != change[0]["eventID"] || said["coherence"] != fenced {
		t.Errorf("got %v, want the event id %v and %q", said, change[0]["eventID"], fenced)
	}
}

// A node that died between a commit and its log left the record in the store. No other node takes it while the first
// may come back; after that one of them has it, once.
func TestRecordOfADeadNodeIsAdopted(t *testing.T) {
	a, b := two(t)
	commit := func(log string) (eventID string) {
		rec := &audit.Record{EventName: "CreateKey", Time: a.Clock.Now()}
		line := rec.Encode()
		own := a.Book.Log
		a.Book.Log = log
		defer func() { a.Book.Log = own }()
		c := a.Book.Change()
		c.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/"+log), &recordpb.Alias{Name: "alias/" + log})
		if err := a.Book.Commit(t.Context(), c, rec.EventID, line); err != nil {
			t.Fatal(err)
		}
		return rec.EventID
	}
	dead := commit("DEAD")
	if err := b.Ledger.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := count(b, dead); got != 0 {
		t.Errorf("while its node may come back: got %d records, want 0", got)
	}
	if lines, err := b.Book.Undelivered(t.Context(), time.Now().Add(time.Hour)); err != nil || len(lines) != 1 {
		t.Fatalf("an hour later: got %d rows of other logs, %v, want 1", len(lines), err)
	}
	for range 2 {
		if err := b.Ledger.Adopt(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(b, dead); got != 1 {
		t.Errorf("an hour later: got %d records, want 1", got)
	}
	if lines, err := b.Book.Undelivered(t.Context(), time.Now().Add(time.Hour)); err != nil || len(lines) != 0 {
		t.Errorf("got %d rows of other logs, %v, want none", len(lines), err)
	}
}

// Each log is signed under a name of its own.
func TestLogsOfOneStoreHaveNames(t *testing.T) {
	a, b := two(t)
	if a.Audit.VerifierKey() == b.Audit.VerifierKey() {
		t.Errorf("both nodes sign as %s", a.Audit.VerifierKey())
	}
	before := a.Audit.VerifierKey()
	a.Restart()
	if after := a.Audit.VerifierKey(); after != before {
		t.Errorf("after a restart it signs as %s, before as %s", after, before)
	}
}

// A database that fails over is away for all nodes at once. They must not all be avoided for that: what they remember they
// may use for as long as they have a lease.
func TestNodesAreReadyWhileTheDatabaseIsAway(t *testing.T) {
	url := pgtest.URL(t)
	a := kmstest.With(t, kmstest.Options{Store: url})
	pgtest.Do(t, url, `ALTER TABLE rec RENAME TO away`)
	_, err := a.Node.Engine.Get(t.Context(), []byte("k"))
	ready := a.Node.Ready.Err()
	pgtest.Do(t, url, `ALTER TABLE away RENAME TO rec`)
	if err == nil {
		t.Error("the store answers; it must not, for this test to tell anything")
	}
	if ready != nil {
		t.Errorf("got %v, want a node that is ready", ready)
	}
}
