package coherence_test

import (
	"context"
	"testing"

	"qkms/internal/coherence"
	"qkms/internal/store"
)

// slow is a store whose second renewal takes until it is released.
type slow struct {
	store.Engine
	renewals       int
	began, release chan struct{}
	cut            bool // the second renewal was given up
}

func (s *slow) Renew(ctx context.Context, _ store.Node) (store.Heads, error) {
	if s.renewals++; s.renewals == 2 {
		close(s.began)
		<-s.release
		s.cut = ctx.Err() != nil
	}
	return store.Heads{Epoch: 1}, nil
}

func (s *slow) Peers(context.Context) ([]store.Node, error) { return nil, nil }

// A renewal that its node gives up may reach the store after the node has left.
func TestRunEndsWithItsRenewal(t *testing.T) {
	s := &slow{began: make(chan struct{}), release: make(chan struct{})}
	l, err := coherence.New(coherence.Config{Engine: s, Memory: nothing{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	<-s.began
	cancel()
	close(s.release)
	<-ended
	if s.cut {
		t.Error("the renewal was given up")
	}
}

// nothing is the memory of a node that remembers nothing.
type nothing struct{}

func (nothing) Drop(context.Context, store.Note) error { return nil }
func (nothing) DropAll(context.Context) error          { return nil }
