package gate

import (
	"testing"
	"time"
)

// stand is what the controller says after a wait that stands for a time.
func stand(c *controller, wait, long time.Duration) (share float64) {
	for ; long > 0; long -= step {
		share = c.after(step, wait)
	}
	return share
}

func TestShareOfRefusals(t *testing.T) {
	const target = DefaultQueueDelay
	for _, row := range []struct {
		name        string
		wait, stood time.Duration
		refuses     bool
	}{
		{"nobody waits", 0, time.Minute, false},
		{"a wait below the target", target - target/10, time.Minute, false},
		{"a moment's wait", 10 * target, patient - step, false},
		{"a standing wait above the target", 2 * target, 5 * time.Second, true},
		{"a wait without end", time.Hour, time.Minute, true},
	} {
		c := &controller{target: target, burst: patient}
		share := stand(c, row.wait, row.stood)
		if (share > 0) != row.refuses || share > mostShed {
			t.Errorf("%s: got a share of %v, want refusals: %t, and no more than %v", row.name, share, row.refuses, mostShed)
		}
		if got := stand(c, 0, time.Minute); got != 0 {
			t.Errorf("%s: got a share of %v a minute after it was over, want 0", row.name, got)
		}
	}
}

// A server that nobody has asked for a second has nothing to refuse for.
func TestRefusalsEndWithTheRequests(t *testing.T) {
	c := &controller{target: DefaultQueueDelay, burst: patient}
	if stand(c, time.Second, 5*time.Second) == 0 {
		t.Fatal("got no refusals, want some")
	}
	if got := c.after(idle, time.Second); got != 0 {
		t.Errorf("got a share of %v, want 0", got)
	}
}

// Requests come to a queue twice as fast as they are served, and a refusal costs a part of an answer. However much it
// costs short of making the load impossible, the queue stops growing, and stays near the target.
func TestQueueIsBounded(t *testing.T) {
	const target = DefaultQueueDelay
	for _, cost := range []float64{0, 0.1, 0.25, 0.4} {
		c := &controller{target: target, burst: patient}
		var queue, longest time.Duration // of work
		answered := 0.0
		for i := range 4000 { // a minute
			share := c.after(step, queue)
			queue += time.Duration(2 * float64(step) * (1 - share + share*cost))
			queue = max(queue-step, 0)
			if i > 2000 {
				longest = max(longest, queue)
				answered += 2 * (1 - share)
			}
		}
		if longest > 2*target {
			t.Errorf("refusals at %v of an answer: got waits of up to %v, want no more than twice the target", cost, longest)
		}
		if answered/2000 < 0.3 {
			t.Errorf("refusals at %v of an answer: got %v of capacity spent on answers, want 0.3 and more", cost, answered/2000)
		}
	}
}
