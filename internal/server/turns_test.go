package server_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/store"
)

// Who comes to replace a record while another request has its turn there waits, commits after it, and leaves no turn
// behind. Who replaces another record does not wait.
func TestNewcomersWaitTheirTurn(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id, other := newKey(root), newKey(root)
	conflict, _ := errors.AsType[*store.Conflict](record.OfGrantCount(kmstest.Account, kmstest.Region, id).Conflict())
	waiting, release := s.Server.Hold(conflict.Key)
	done := make(chan *kmstest.Reply)
	go func() { done <- root.Call("CreateGrant", aGrant(id, nil)) }()
	for waiting() == 0 {
		runtime.Gosched()
	}
	root.Must("CreateGrant", aGrant(other, nil))
	root.Must("TagResource", map[string]any{"KeyId": id, "Tags": []map[string]string{{"TagKey": "a", "TagValue": "b"}}})
	if got := counted(t, s, id); got != 0 {
		t.Errorf("got %d grants while another has its turn, want none", got)
	}
	release()
	if got := <-done; got.Status != 200 || counted(t, s, id) != 1 {
		t.Errorf("got %s, want a grant", got.Raw)
	}
	if got := s.Server.Turns(); got != 0 {
		t.Errorf("got turns at %d records when all is done, want none", got)
	}
}

// Who only relies on a record comes to pass, though others replace it all the time: it may be what takes access away.
func TestRevokingBesideMuchElse(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id := newKey(root)
	const taggers, each = 16, 10
	codes := atOnce(taggers+1, func(i int) map[string]int {
		codes := map[string]int{}
		for n := range each {
			if i == taggers {
				made := root.Call("CreateGrant", aGrant(id, nil))
				codes[made.Code()]++
				codes[root.Call("RevokeGrant", map[string]any{"KeyId": id, "GrantId": made.String("GrantId")}).Code()]++
				continue
			}
			tag := map[string]string{"TagKey": fmt.Sprint("t", i), "TagValue": fmt.Sprint(n)}
			codes[root.Call("TagResource", map[string]any{"KeyId": id, "Tags": []map[string]string{tag}}).Code()]++
		}
		return codes
	})
	for i, c := range codes {
		if len(c) != 1 || c[""] == 0 {
			t.Errorf("caller %d: got %v, want all done", i, c)
		}
	}
}
