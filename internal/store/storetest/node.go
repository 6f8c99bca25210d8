package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/store"
)

var nodeTests = []subtest{
	{"HeadsIncludeFinishedCommits", func(f *fixture) {
		together(8, func(i int) {
			for n := range 10 {
				at := f.commit(puts(put(i%2, "k", uint64(n+1), "")))
				heads, err := f.Renew(f.ctx, store.Node{ID: fmt.Sprint("node", i)})
				if err != nil || len(at) != 1 || heads.Revs[i%2] < at[0].Rev {
					f.Errorf("got heads %v, %v after a commit at %v", heads.Revs[i%2], err, at)
				}
			}
		})
	}},
	{"HeadsAreAsNewAsPeers", headsAreAsNewAsPeers},
	{"EpochStandsStill", func(f *fixture) {
		before := f.heads().Epoch
		f.reopen()
		if after := f.heads().Epoch; before == 0 || after != before {
			f.Errorf("got epoch %d, then %d, want the same and not 0", before, after)
		}
	}},
	{"PeersInOrderWithBeatAndVector", func(f *fixture) {
		for _, shard := range []int{0, 7, 7, 63} {
			f.commit(puts(put(shard, fmt.Sprint("k", shard), 1, "")))
		}
		for range 3 {
			f.renew(store.Node{ID: "b", Applied: store.Vector{7: 2}, Info: "host b", Beat: 99})
		}
		f.renew(store.Node{ID: "a", Info: "host a"})
		f.renew(store.Node{ID: "a", Applied: store.Vector{0: 1, 7: 1, 63: 1}, Info: "host a, renamed"})
		got, err := f.Peers(f.ctx)
		want := []store.Node{
			{ID: "a", Beat: 2, Applied: store.Vector{0: 1, 7: 1, 63: 1}, Info: "host a, renamed"},
			{ID: "b", Beat: 3, Applied: store.Vector{7: 2}, Info: "host b"},
		}
		if err != nil || !slices.Equal(got, want) {
			f.Errorf("got %v, %v, want %v", got, err, want)
		}
	}},
	{"PositionsOfALostHistoryAreNotShown", func(f *fixture) {
		f.commit(puts(put(1, "k", 1, ""), put(2, "l", 1, "")))
		for _, step := range []struct{ applied, want store.Vector }{
			{store.Vector{1: 1}, store.Vector{1: 1}},
			{store.Vector{1: 1, 2: 2}, store.Vector{}}, // who takes 2 of shard 2 for applied fences what comes there next
			{store.Vector{1: 1, 2: 1}, store.Vector{1: 1, 2: 1}},
			{store.Vector{1: 1, 63: 1<<63 - 1}, store.Vector{}},
		} {
			f.renew(store.Node{ID: "n", Applied: step.applied})
			if nodes, err := f.Peers(f.ctx); err != nil || len(nodes) != 1 || nodes[0].Applied != step.want {
				f.Errorf("after a renewal with %v: got %v, %v, want %v", step.applied, nodes, err, step.want)
			}
		}
	}},
	{"OthersCanBeRemoved", func(f *fixture) {
		dead := store.Node{ID: "dead", Applied: store.Vector{3: 4}}
		for range 3 {
			f.renew(dead)
		}
		f.renew(store.Node{ID: "other"})
		peers := func(want string) {
			f.Helper()
			var got string
			nodes, err := f.Peers(f.ctx)
			for _, n := range nodes {
				got += fmt.Sprint(n.ID, n.Beat, " ")
			}
			if err != nil || got != want {
				f.Errorf("got peers %q, %v, want %q", got, err, want)
			}
		}
		f.leave(store.Node{ID: "dead", Beat: 2}) // it has renewed since
		f.leave(store.Node{ID: "nobody", Beat: 1})
		peers("dead3 other1 ")
		f.leave(store.Node{ID: "dead", Beat: 3})
		f.leave(store.Node{ID: "dead", Beat: 3})
		peers("other1 ")
		f.renew(dead)
		peers("dead1 other1 ")
	}},
	{"LeaveAndRenewTogether", func(f *fixture) {
		var renewing atomic.Bool
		renewing.Store(true)
		together(5, func(i int) {
			if i == 0 {
				defer renewing.Store(false)
				for range 200 {
					f.renew(store.Node{ID: "n"})
				}
				return
			}
			for renewing.Load() {
				f.leave(store.Node{ID: "n", Beat: 1}) // true of its first renewal, and of each that makes its row anew
				f.leave(store.Node{ID: "n", Beat: 1000})
			}
		})
		f.renew(store.Node{ID: "n"})
		if nodes, err := f.Peers(f.ctx); err != nil || len(nodes) != 1 {
			f.Errorf("got peers %v, %v, want the one that renewed last", nodes, err)
		}
	}},
	{"CloseLeaves", func(f *fixture) {
		f.renew(store.Node{ID: "mine"})
		f.reopen()
		if got, err := f.Peers(f.ctx); err != nil || len(got) != 0 {
			f.Errorf("got %v, %v, want no peers", got, err)
		}
	}},
}

// headsAreAsNewAsPeers has one node renew while another changes something and looks at its peers. Who does not
// see a renewal yet may take its node for gone, so the renewal has to learn of what was changed before.
func headsAreAsNewAsPeers(f *fixture) {
	const rounds, writers = 500, 4
	var heads [rounds + 1]store.Vector // by beat
	var mu sync.Mutex
	unseen := map[store.Position]uint64{} // the newest beat that was seen after a commit; guarded by mu
	var renewing atomic.Bool
	renewing.Store(true)
	together(1+writers, func(i int) {
		if i == 0 {
			defer renewing.Store(false)
			for beat := range rounds {
				h, err := f.Renew(f.ctx, store.Node{ID: "n"})
				if err != nil {
					f.Errorf("Renew: %v", err)
				}
				heads[beat+1] = h.Revs
			}
			return
		}
		for renewing.Load() && !f.Failed() {
			at := f.commit(puts(put(i, "k", 1, "")))
			peers, err := f.Peers(f.ctx)
			if err != nil || len(at) != 1 || len(peers) > 1 {
				f.Errorf("got peers %v, %v after a commit at %v", peers, err, at)
				return
			}
			var beat uint64
			for _, n := range peers {
				beat = n.Beat
			}
			mu.Lock()
			unseen[at[0]] = beat
			mu.Unlock()
		}
	})
	for at, seen := range unseen {
		if int(seen) < rounds && heads[seen+1][at.Shard] < at.Rev {
			f.Errorf("renewal %d was not seen after a commit at %v, and its heads say %d", seen+1, at, heads[seen+1][at.Shard])
		}
	}
}

// leave removes the row of n if it has its beat.
func (f *fixture) leave(n store.Node) {
	f.Helper()
	e, ok := store.As[store.Leaver](f.Engine)
	if !ok {
		f.Error("the engine is no store.Leaver: the rows of nodes that died would stay for ever")
		return
	}
	if err := e.Leave(f.ctx, n); err != nil {
		f.Errorf("Leave: %v", err)
	}
}

func (f *fixture) renew(n store.Node) {
	f.Helper()
	if _, err := f.Renew(f.ctx, n); err != nil {
		f.Errorf("Renew: %v", err)
	}
}

var touchTests = []subtest{
	{"NewestWins", func(f *fixture) {
		f.touch(use("u", 20, "second"), use("v", 5, "only"))
		f.touch(use("u", 10, "first"))
		f.want("u", "u@20=second")
		f.touch(use("u", 30, "third"), use("u", 25, "late"))
		f.want("u", "u@30=third")
		f.want("v", "v@5=only")
	}},
	{"NewestWinsAmongMany", func(f *fixture) {
		together(16, func(i int) { f.touch(use("u", uint64(i+1), fmt.Sprint(i+1))) })
		f.want("u", "u@16=16")
	}},
	{"TakesNoHeadAndNoNote", func(f *fixture) {
		before := f.heads()
		f.touch(use("u", 1, ""))
		if f.heads() != before {
			f.Error("a head moved")
		}
		if notes, _ := f.changes(before.Revs, 10); len(notes) != 0 {
			f.Errorf("got notes %v, want none", notes)
		}
	}},
	{"Nothing", func(f *fixture) { f.touch() }},
	{"SurvivesClose", func(f *fixture) {
		f.touch(use("u", 7, "seven"))
		f.reopen()
		f.want("u", "u@7=seven")
	}},
	{"KeyTooLong", func(f *fixture) {
		if err := f.Touch(f.ctx, []store.Use{{Key: fill(store.MaxKey + 1), At: 1}}); !errors.Is(err, store.ErrTooLarge) {
			f.Errorf("got error %v, want ErrTooLarge", err)
		}
	}},
	{"MistakesAreRefused", func(f *fixture) {
		for name, u := range map[string]store.Use{"no key": use("", 1, ""), "no time": use("u", 0, ""), "time above 63 bits": use("u", 1<<63, "")} {
			if err := f.Touch(f.ctx, []store.Use{u}); err == nil {
				f.Errorf("%s: got no error", name)
			}
		}
	}},
}

func use(key string, at uint64, body string) store.Use {
	return store.Use{Key: []byte(key), At: at, Body: []byte(body)}
}

func (f *fixture) touch(uses ...store.Use) {
	f.Helper()
	if err := f.Touch(f.ctx, uses); err != nil {
		f.Errorf("Touch: %v", err)
	}
}

var claimTests = []subtest{
	{"OneHolderUntilItExpires", func(f *fixture) {
		first := f.claim("sweep")
		f.clock.Advance(time.Minute - 1)
		if _, err := f.Claim(f.ctx, "sweep", time.Minute); !errors.Is(err, store.ErrClaimed) {
			f.Errorf("got error %v, want ErrClaimed", err)
		}
		f.clock.Advance(1)
		if second := f.claim("sweep"); second.Token <= first.Token {
			f.Errorf("got token %d after %d, want a greater one", second.Token, first.Token)
		}
	}},
	{"JobsAreIndependent", func(f *fixture) {
		f.claim("one")
		f.claim("two")
	}},
	{"OneWinnerAmongMany", func(f *fixture) {
		var winners atomic.Int32
		together(16, func(int) {
			_, err := f.Claim(f.ctx, "sweep", time.Minute)
			if err == nil {
				winners.Add(1)
			} else if !errors.Is(err, store.ErrClaimed) {
				f.Errorf("got error %v, want ErrClaimed", err)
			}
		})
		if n := winners.Load(); n != 1 {
			f.Errorf("got %d winners, want 1", n)
		}
	}},
	{"FenceCommitsUntilTakenOver", func(f *fixture) {
		old := f.claim("sweep")
		fenced := func(fence store.Fence, ver uint64) store.Txn {
			return store.Txn{Puts: []store.Put{put(1, "k", ver, "")}, Fence: &fence}
		}
		f.commit(fenced(old, 1))
		f.clock.Advance(time.Hour)
		f.commit(fenced(old, 2))
		newer := f.claim("sweep")
		f.refuse(fenced(old, 3), store.ErrFenced)
		f.want("k", "k@2=")
		f.commit(fenced(newer, 4))
		f.want("k", "k@4=")
	}},
	{"FenceOfNoClaim", func(f *fixture) {
		f.refuse(store.Txn{Puts: []store.Put{put(1, "k", 1, "")}, Fence: &store.Fence{Job: "never"}}, store.ErrFenced)
	}},
	{"TokensGrowAcrossReopening", func(f *fixture) {
		first := f.claim("sweep")
		f.clock.Advance(time.Minute)
		f.reopen()
		if second := f.claim("sweep"); second.Token <= first.Token {
			f.Errorf("got token %d after %d, want a greater one", second.Token, first.Token)
		}
		f.refuse(store.Txn{Puts: []store.Put{put(1, "k", 1, "")}, Fence: &first}, store.ErrFenced)
	}},
}

func (f *fixture) claim(job string) store.Fence {
	f.Helper()
	fence, err := f.Claim(f.ctx, job, time.Minute)
	if err != nil || fence.Job != job || fence.Token == 0 {
		f.Errorf("Claim: got %v, %v", fence, err)
	}
	return fence
}

// calls are all methods but Close, each with harmless arguments.
var calls = map[string]func(context.Context, store.Engine) error{
	"Get": func(ctx context.Context, e store.Engine) error { _, err := e.Get(ctx, []byte("k")); return err },
	"Get two": func(ctx context.Context, e store.Engine) error {
		_, err := e.Get(ctx, []byte("k"), []byte("l"))
		return err
	},
	"List": func(ctx context.Context, e store.Engine) error { _, _, err := e.List(ctx, nil, nil, 1); return err },
	"Commit": func(ctx context.Context, e store.Engine) error {
		_, err := e.Commit(ctx, puts(put(1, "k", 1, "")))
		return err
	},
	"Changes": func(ctx context.Context, e store.Engine) error {
		_, _, err := e.Changes(ctx, store.Vector{}, 1)
		return err
	},
	"Renew": func(ctx context.Context, e store.Engine) error {
		_, err := e.Renew(ctx, store.Node{ID: "n"})
		return err
	},
	"Peers": func(ctx context.Context, e store.Engine) error { _, err := e.Peers(ctx); return err },
	"Leave": func(ctx context.Context, e store.Engine) error {
		if e, ok := store.As[store.Leaver](e); ok {
			return e.Leave(ctx, store.Node{ID: "n", Beat: 1})
		}
		return store.ErrUnavailable
	},
	"Touch":  func(ctx context.Context, e store.Engine) error { return e.Touch(ctx, []store.Use{use("u", 1, "")}) },
	"Claim":  func(ctx context.Context, e store.Engine) error { _, err := e.Claim(ctx, "j", time.Second); return err },
	"Backup": func(ctx context.Context, e store.Engine) error { _, err := e.Backup(ctx, io.Discard); return err },
}

var closeTests = []subtest{
	{"EveryCallAfterIsUnavailable", func(f *fixture) {
		if err := f.Engine.Close(); err != nil {
			f.Errorf("Close: %v", err)
		}
		for name, call := range calls {
			if err := call(f.ctx, f.Engine); !errors.Is(err, store.ErrUnavailable) {
				f.Errorf("%s: got error %v, want ErrUnavailable", name, err)
			}
		}
		if err := f.Engine.Close(); !errors.Is(err, store.ErrUnavailable) {
			f.Errorf("Close: got error %v, want ErrUnavailable", err)
		}
	}},
	{"EveryCallHonoursItsContext", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, call := range calls {
			if err := call(ctx, f.Engine); !errors.Is(err, store.ErrUnavailable) {
				f.Errorf("%s: got error %v, want ErrUnavailable", name, err)
			}
		}
	}},
	{"WaitsForCallsInProgress", func(f *fixture) {
		var done atomic.Int32
		together(17, func(i int) {
			if i == 16 {
				_ = f.Engine.Close()
				return
			}
			if _, err := f.Commit(f.ctx, puts(put(i, fmt.Sprint("k", i), 1, ""))); err == nil {
				done.Add(1)
			} else if !errors.Is(err, store.ErrUnavailable) {
				f.Errorf("Commit: got error %v, want none or ErrUnavailable", err)
			}
		})
		f.open()
		page, _, err := f.List(f.ctx, nil, nil, 100)
		if err != nil || len(page) != int(done.Load()) {
			f.Errorf("got %d records, %v, want the %d acknowledged", len(page), err, done.Load())
		}
	}},
}
