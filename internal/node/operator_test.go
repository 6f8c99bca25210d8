package node_test

import (
	"encoding/json"
	"testing"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
	"qkms/internal/store"
)

// freeze makes a node of the store of s that is alive and applies nothing.
func freeze(t *testing.T, s *kmstest.Server) {
	t.Helper()
	if _, err := s.Engine.Renew(t.Context(), store.Node{ID: "FROZEN"}); err != nil {
		t.Fatal(err)
	}
}

// fences are the details of the records of how far changes got, by the event id of the change.
func fences(t *testing.T, s *kmstest.Server) (changes map[string]string, told map[string]map[string]any) {
	t.Helper()
	changes, told = map[string]string{}, map[string]map[string]any{}
	for _, e := range s.Records() {
		var m map[string]any
		if err := json.Unmarshal(e.Line, &m); err != nil {
			t.Fatal(err)
		}
		if m["eventName"] == "FenceChange" {
			said := m["serviceEventDetails"].(map[string]any)
			told[said["changeEventID"].(string)] = said
			continue
		}
		changes[m["eventName"].(string)] = m["eventID"].(string)
	}
	return changes, told
}

func perform[P, R any](t *testing.T, s *kmstest.Server, a *admin.Action[P, R], p P) R {
	t.Helper()
	out, err := a.Perform(t.Context(), &admin.Host{Node: s.Node}, admin.Self(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const people = `
version: 1
account: "111122223333"
users:
  - name: alice
`

// An operator is told how far a change got that takes something away, and so is the log.
func TestOperatorsAreToldHowFarAChangeGot(t *testing.T) {
	a, _ := two(t)
	made := perform(t, a, admin.CreateAccessKey, admin.NewAccessKey{Account: kmstest.Account})
	if out := perform(t, a, admin.DisableAccessKey, admin.AccessKeyID{ID: made.ID}); out.Coherence != fenced || out.WithinSeconds != 0 {
		t.Errorf("got %+v, want %q", out, fenced)
	}
	if out := perform(t, a, admin.ApplyIdentities, admin.Roster{Path: "people", Text: []byte(people)}); out.Failed != "" || len(out.Changes) != 1 {
		t.Errorf("got %+v, want one change", out)
	}

	freeze(t, a)
	if out := perform(t, a, admin.EnableAccessKey, admin.AccessKeyID{ID: made.ID}); out.Coherence != "" {
		t.Errorf("of what was given: got %+v, want no word of other nodes", out)
	}
	out := perform(t, a, admin.DeleteAccessKey, admin.AccessKeyID{ID: made.ID})
	if out.Coherence != "pending" || out.WithinSeconds < 1 || out.WithinSeconds > 45 {
		t.Errorf("with a node that is frozen: got %+v, want pending for at most 45 seconds", out)
	}
	applied := perform(t, a, admin.ApplyIdentities, admin.Roster{Path: "people", Text: []byte(people + "    policies: [\"arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser\"]\n"), Prune: true})
	if applied.Failed != "" || applied.Coherence != "pending" {
		t.Errorf("of a file of identities with a node that is frozen: got %+v, want pending", applied)
	}

	changes, told := fences(t, a)
	for event, want := range map[string]any{"CreateAccessKey": nil, "DisableAccessKey": fenced, "EnableAccessKey": nil, "DeleteAccessKey": "pending"} {
		if got := told[changes[event]]["coherence"]; got != want {
			t.Errorf("record of how far %s got: %v, want %v", event, got, want)
		}
	}
}
