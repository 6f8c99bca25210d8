package scale

import "time"

// A Kind is a kind of call of the store.
type Kind int

// What nodes ask of a store while they serve: calls of store.Engine, and at the end what hints need.
const (
	Renew Kind = iota
	Changes
	Peers
	Commit
	Get
	List
	Touch
	Claim
	Hint // NOTIFY, which wakes every other node's connection that listens
	Ping // of a connection that has heard nothing for a second
	Kinds
)

func (k Kind) String() string {
	return [Kinds]string{"Renew", "Changes", "Peers", "Commit", "Get", "List", "Touch", "Claim", "Hint", "Ping"}[k]
}

// A Cost is for how long one call keeps a processor of the store.
type Cost struct {
	Call time.Duration // with one row, or none
	Row  time.Duration // for each further row
	Rows string        // what these are; empty: there are none
	From string        // benchmarks of BenchmarkStore that say so
}

// Costs are those of PostgreSQL on the machine that this was measured on.
var Costs = [Kinds]Cost{
	Renew:   {600 * time.Microsecond, 0, "", "Renew"},
	Changes: {850 * time.Microsecond, 3500 * time.Nanosecond, "note", "Changes1, Changes1000"},
	Peers:   {520 * time.Microsecond, 1100 * time.Nanosecond, "node", "Peers10, Peers1000"},
	Commit:  {1000 * time.Microsecond, 0, "", "Commit"},
	Get:     {350 * time.Microsecond, 0, "", "Get"},
	List:    {350 * time.Microsecond, 3000 * time.Nanosecond, "record", "Get, List100"},
	Touch:   {320 * time.Microsecond, 13 * time.Microsecond, "key", "Touch1, Touch500"},
	Claim:   {850 * time.Microsecond, 0, "", "Claim"},
	Hint:    {320 * time.Microsecond, 40 * time.Microsecond, "node", "Touch1, StoreHint/50"},
	Ping:    {350 * time.Microsecond, 0, "", "Get, which asks for a record besides"},
}

const (
	// Processors is how many a store has unless it is said.
	Processors = 8

	// HotCommit is how far commits that share a shard are apart at least, beside it: ns/op of the benchmark CommitHot.
	HotCommit = 1300 * time.Microsecond

	// Trip is to the store and back, Sync until its synchronous standby has a commit. They are assumed.
	Trip = 500 * time.Microsecond
	Sync = time.Millisecond
)

// of is what a call with so many rows takes.
func (c Cost) of(rows int) time.Duration { return c.Call + time.Duration(max(rows-1, 0))*c.Row }
