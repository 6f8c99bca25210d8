package sweep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/reseal"
	"qkms/internal/store"
	"qkms/internal/store/postgres/pgtest"
)

// two nodes share a store.
func two(t *testing.T) (a, b *kmstest.Server) {
	t.Helper()
	a = kmstest.With(t, kmstest.Options{Store: pgtest.URL(t)})
	return a, a.Join()
}

// interrupted begins a rotation of the KEK on s that ends in the middle.
func interrupted(t *testing.T, s *kmstest.Server) {
	t.Helper()
	for range 120 { // more than are sealed again at once
		s.As(kmstest.Account).Must("CreateKey", `{}`)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := admin.RotateKEK.Perform(ctx, &admin.Host{Node: s.Node}, admin.Self(), admin.Nothing{}, func(admin.Progress) { cancel() })
	if err == nil || !strings.Contains(err.Error(), "interrupted after") {
		t.Fatalf("got error %v, want that it was interrupted", err)
	}
	wantKEKs(t, s, 1, 2)
}

func wantKEKs(t *testing.T, s *kmstest.Server, want ...uint32) {
	t.Helper()
	if err := s.Book.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []uint32
	for _, k := range s.Book.Ring().KEKs() {
		got = append(got, k.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got KEKs %v, want %v", got, want)
	}
}

func sweep(t *testing.T, s *kmstest.Server) {
	t.Helper()
	if err := s.Sweeper.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// events are the records of an event in the logs of all nodes.
func events(t *testing.T, name string, nodes ...*kmstest.Server) (all []map[string]any) {
	t.Helper()
	for _, s := range nodes {
		for _, e := range s.Records() {
			var m map[string]any
			if err := json.Unmarshal(e.Line, &m); err != nil {
				t.Fatal(err)
			}
			if m["eventName"] == name {
				all = append(all, m)
			}
		}
	}
	return all
}

// A rotation of the KEK that was interrupted on one node another one finishes, when the claim is free, and records.
func TestInterruptedRotationIsFinishedElsewhere(t *testing.T) {
	a, b := two(t)
	interrupted(t, a)
	sweep(t, b)
	wantKEKs(t, b, 1, 2) // a may be at it still
	if _, err := admin.RotateKEK.Perform(t.Context(), &admin.Host{Node: b.Node}, admin.Self(), admin.Nothing{}, nil); !errors.Is(err, reseal.ErrElsewhere) {
		t.Errorf("the verb on another node: got error %v, want %v", err, reseal.ErrElsewhere)
	}
	b.Clock.Advance(time.Minute)
	sweep(t, b)
	sweep(t, a)
	wantKEKs(t, a, 2)
	wantKEKs(t, b, 2)
	if got := events(t, "RotateKeyEncryptionKey", b); len(got) != 2 || got[1]["eventType"] != "AwsServiceEvent" {
		t.Errorf("got %v in the log of b, want the refused verb, then the sweep's", got)
	}
	if got := events(t, "RotateKeyEncryptionKey", a); len(got) != 1 {
		t.Errorf("got %v in the log of a, want the interrupted verb", got)
	}
}

// So does the process itself, without waiting for the end of its own claim.
func TestInterruptedRotationIsFinishedWhereItBegan(t *testing.T) {
	s := kmstest.New(t)
	interrupted(t, s)
	sweep(t, s)
	wantKEKs(t, s, 2)
	if _, err := admin.RotateKEK.Perform(t.Context(), &admin.Host{Node: s.Node}, admin.Self(), admin.Nothing{}, nil); err != nil {
		t.Errorf("the next rotation: %v", err)
	}
	wantKEKs(t, s, 3)
}

// A node that was silent while another one took the job over writes nothing more of it, however it goes on.
func TestLateResealIsRefused(t *testing.T) {
	a, b := two(t)
	interrupted(t, a)
	late, err := a.Book.Ring().DropKEK(1)
	if err != nil {
		t.Fatal(err)
	}
	a.Clock.Advance(time.Minute)
	if _, err := b.Engine.Claim(t.Context(), "reseal 2", time.Minute); err != nil {
		t.Fatal(err)
	}
	first := store.Fence{Job: "reseal 2", Token: 1}
	under := func(context.Context) (store.Fence, error) { return first, nil }
	err = nil
	for w := (record.Resealing{}); err == nil && !w.Ended; {
		err = a.Book.Reseal(t.Context(), &w, under)
	}
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("a record: got error %v, want %v", err, store.ErrFenced)
	}
	if _, err := a.Book.SwapRing(t.Context(), late, &first); !errors.Is(err, store.ErrFenced) {
		t.Errorf("the end of the former KEK: got error %v, want %v", err, store.ErrFenced)
	}
	sweep(t, a)
	if _, err := a.Reseal.Rotate(t.Context(), func(int, int) {}); !errors.Is(err, reseal.ErrElsewhere) {
		t.Errorf("the verb: got error %v, want %v", err, reseal.ErrElsewhere)
	}
	wantKEKs(t, a, 1, 2)
	a.Clock.Advance(time.Minute)
	sweep(t, a)
	wantKEKs(t, a, 2)
}

// A verb that is slow, or whose node stood still, is overtaken when its claim is over: it ends, and leaves the rest to
// whoever took over.
func TestSlowRotationIsOvertaken(t *testing.T) {
	for name, overtake := range map[string]func(b *kmstest.Server) error{
		"by one that has begun": func(b *kmstest.Server) error { _, err := b.Reseal.Finish(t.Context(), 0); return err },
		"by one that has ended": func(b *kmstest.Server) error { return b.Sweeper.Once(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := two(t)
			for range 120 {
				a.As(kmstest.Account).Must("CreateKey", `{}`)
			}
			passed := false
			out, err := a.Reseal.Rotate(t.Context(), func(int, int) {
				if passed {
					return
				}
				passed = true
				a.Clock.Advance(time.Minute)
				if err := b.Book.Follow(t.Context()); err != nil {
					t.Error(err)
				}
				if err := overtake(b); err != nil {
					t.Error(err)
				}
			})
			if len(out.Dropped) > 0 {
				t.Errorf("got %+v, %v, want that it dropped nothing", out, err)
			}
			b.Clock.Advance(time.Minute)
			sweep(t, b)
			wantKEKs(t, a, 2)
			if err != nil && !errors.Is(err, reseal.ErrElsewhere) {
				t.Errorf("got error %v, want %v", err, reseal.ErrElsewhere)
			}
		})
	}
}

// One that is slow and alone claims again, and again.
func TestSlowRotationEnds(t *testing.T) {
	s := kmstest.New(t)
	for range 120 {
		s.As(kmstest.Account).Must("CreateKey", `{}`)
	}
	out, err := s.Reseal.Rotate(t.Context(), func(int, int) { s.Clock.Advance(time.Hour) })
	if err != nil || len(out.Dropped) != 1 || out.Resealed < 120 {
		t.Errorf("got %+v, %v, want the former KEK dropped", out, err)
	}
}

// A store that takes longer than a sweep may is finished by several, each from where the one before stopped.
func TestSealingAgainIsBounded(t *testing.T) {
	s := kmstest.New(t)
	interrupted(t, s)
	if out, err := s.Reseal.Finish(t.Context(), 0); err != nil || len(out.Dropped) > 0 {
		t.Errorf("without time: got %+v, %v, want that nothing ends", out, err)
	}
	wantKEKs(t, s, 1, 2)
	if out, err := s.Reseal.Finish(t.Context(), time.Hour); err != nil || len(out.Dropped) != 1 {
		t.Errorf("with time: got %+v, %v, want the former KEK dropped", out, err)
	}
}
