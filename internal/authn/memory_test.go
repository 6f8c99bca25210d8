//go:build !race

// The race detector keeps memory of its own for what a program has, so this runs without it (make test-norace).

package authn_test

import (
	"fmt"
	"strings"
	"testing"

	"qkms/internal/authn"
	"qkms/internal/footprint/heaptest"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// What opened sessions are counted to take is what they take, and no more of them are kept than there is room for: who may
// assume a role may do so without end, with a policy as long as the quota lets it be.
func TestMemoryIsWhatItIsCountedAs(t *testing.T) {
	s := kmstest.New(t)
	statement := `{"Effect":"Deny","Action":["kms:Sign","kms:Verify"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:tenant":["a","b"]}}}`
	for name, m := range map[string]*recordpb.Session{
		"plain":         {Account: kmstest.Account, Role: "reader", RoleId: "AROAEXAMPLE", Name: "job"},
		"with tags":     {Account: kmstest.Account, Role: "reader", Name: "job", Tags: map[string]string{"Project": "apollo", "Stage": "test"}},
		"with a policy": {Account: kmstest.Account, Role: "reader", Name: "job", Policy: `{"Version":"2012-10-17","Statement":[` + strings.Repeat(statement+",", 10) + statement + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			const sessions = 1000
			var made []authn.Temporary
			for i := range sessions {
				m.SourceIdentity = fmt.Sprint(i)
				one, err := s.Sessions.Issue(m)
				if err != nil {
					t.Fatal(err)
				}
				made = append(made, one)
			}
			open := func(limit int64) (of *authn.Sessions, b *record.Book) {
				b = record.Open(s.Engine, s.Book.Ring(), limit)
				of = authn.NewSessions(b, "aws")
				for _, one := range made {
					if c, err := of.Open(t.Context(), one.AccessKeyID, one.Token); err != nil || c == nil || c.AccessKeyID != one.AccessKeyID {
						t.Fatalf("got %v, %v, want the session", c, err)
					}
				}
				return of, b
			}
			before := heaptest.Bytes()
			of, b := open(1 << 30)
			got, counted := (heaptest.Bytes()-before)/sessions, b.Budget().Used()/sessions
			t.Logf("%d bytes, counted as %d", got, counted)
			if got > counted*11/10 || got < counted*3/8 { // signing keys are counted, and not there yet
				t.Errorf("a session takes %d bytes, and is counted as %d", got, counted)
			}
			if n := of.CacheStats().Entries; n != sessions {
				t.Errorf("got %d sessions in memory, want %d", n, sessions)
			}
			if of, b := open(sessions / 4 * counted); b.Budget().Used() > b.Budget().Limit() || of.CacheStats().Evictions == 0 {
				t.Errorf("got %d bytes of %d, %+v, want no more, and evictions", b.Budget().Used(), b.Budget().Limit(), of.CacheStats())
			}
		})
	}
}
