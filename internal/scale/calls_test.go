package scale_test

import (
	"fmt"
	"testing"

	"qkms/internal/scale"
)

// What the model takes requests to need of the store.
func TestCallsOfRequests(t *testing.T) {
	d := fill(t, "", size{keys: 10}) // one node, which has no notes of its own changes to apply
	s, err := d.open(d.Dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	c := &campaign{deployment: d, nodes: []*served{s}, made: make(chan granted, 1)}
	s.dataKey(d.ids[0])() // now memory has who asks
	unseen := d.ids[2]
	d.ids = d.ids[:1]
	c.grant()
	g := <-c.made

	for _, row := range []struct {
		name string
		call func()
		gets float64
	}{
		{"a key that memory lacks", s.dataKey(unseen), scale.GetsOfMiss},
		{"a key that memory has", s.dataKey(unseen), 0},
		{"a grant on a key that has one", c.grant, scale.GetsOfCreate},
		{"the end of a grant", s.again("RetireGrant", fmt.Sprintf(`{"KeyId":%q,"GrantId":%q}`, g.KeyID, g.GrantID)), scale.GetsOfRetire},
	} {
		before := c.calls(t)
		row.call()
		if got := c.calls(t)[scale.Get] - before[scale.Get]; got != row.gets {
			t.Errorf("%s: got %v Get, want %v", row.name, got, row.gets)
		}
	}
}
