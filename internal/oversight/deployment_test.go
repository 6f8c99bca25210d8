package oversight_test

import (
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/oversight"
	"qkms/internal/store/postgres/pgtest"
)

func TestDescribeDeployment(t *testing.T) {
	s := with(t)
	d := ask[oversight.Deployment](t, s.As(kmstest.Account), "DescribeDeployment")
	if len(d.KEKs) != 1 || !d.Store.Works || d.Log == "" || d.Started.IsZero() || len(d.Backups) != 0 || !d.LastVerified.IsZero() {
		t.Errorf("got %+v", d)
	}
	wantRefusal(t, s.As(other), "DescribeDeployment", "AccessDeniedException", "--operator-account "+other)
	ann := s.NewUser(kmstest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)
	wantRefusal(t, ann, "DescribeDeployment", "AccessDeniedException", "qkms:DescribeDeployment")
}

// Where nodes share a store each tells of all of them, and of its own log.
func TestDescribeDeploymentOfNodes(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), Operators: []string{kmstest.Account}, Store: pgtest.URL(t), Bound: 20 * time.Second})
	s.Join()
	root := s.As(kmstest.Account)
	d := ask[oversight.Deployment](t, root, "DescribeDeployment")
	if !d.Shared || len(d.Nodes) != 2 || d.Store.Kind != "PostgreSQL" || !d.Store.Works || !d.Lease.Valid || !d.Lease.Agreed || d.Lease.Bound != 20*time.Second {
		t.Fatalf("got %+v", d)
	}
	selves := 0
	for _, n := range d.Nodes {
		if n.Self {
			selves++
		}
		if !n.Alive || n.Bound != 20*time.Second || n.Log == "" {
			t.Errorf("node: got %+v", n)
		}
	}
	if selves != 1 || d.Nodes[0].Log == d.Nodes[1].Log {
		t.Errorf("got %+v, want two of which one is this", d.Nodes)
	}
	if found := ask[oversight.EventsFound](t, root, "LookupEvents"); !found.Shared || found.Log != d.Log {
		t.Errorf("the log: got %q, shared %t, want %q", found.Log, found.Shared, d.Log)
	}
}

// A marker is of the log of one node: another one says so instead of going on at some place of its own.
func TestMarkerOfAnotherNode(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), Store: pgtest.URL(t)})
	one := s.As(kmstest.Account)
	one.Must("GenerateRandom", `{"NumberOfBytes":1}`)
	one.Must("GenerateRandom", `{"NumberOfBytes":1}`)
	page := ask[oversight.EventsFound](t, one, "LookupEvents", "MaxItems", "1")
	elsewhere := *one
	elsewhere.Server = s.Join()
	wantRefusal(t, &elsewhere, "LookupEvents", "ValidationException", "of another node", "MaxItems", "1", "Marker", page.Marker)
}
