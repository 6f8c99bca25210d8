//go:build !race

// The race detector keeps memory of its own for what a program has, so this runs without it (make test-norace).

package scale_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qkms/internal/footprint/heaptest"
	"qkms/internal/kmstest"
	"qkms/internal/record"
)

// What memory is counted to hold is what it holds, whatever the keys in it are like. Otherwise --cache-bytes would be
// no ceiling.
func TestMemoryIsWhatItIsCountedAs(t *testing.T) {
	const keys = 600
	d := fill(t, "", size{keys: keys})
	s, err := d.open(d.Dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	alice := s.user(d)
	memory := record.Memory{Book: s.node.Book, Materials: s.node.Custody}
	flush := func() {
		t.Helper()
		if err := s.node.LastUses.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, of := range []struct {
		name    string
		prepare func(id string)
		use     func(id string)
	}{
		{"keys", func(string) {}, func(id string) { s.dataKey(id)() }},
		{"by grants", func(id string) {
			for i := range 3 {
				s.again("CreateGrant", fmt.Sprintf(`{"KeyId":%q,"Name":"grant-%d","GranteePrincipal":"arn:aws:iam::%s:user/%s","Operations":["GenerateDataKey","Decrypt"],"Constraints":{"EncryptionContextSubset":{"tenant":"%d"}}}`,
					id, i, kmstest.Account, d.user.Name, i))()
			}
		}, func(id string) {
			s.as(alice, "GenerateDataKey", fmt.Sprintf(`{"KeyId":%q,"KeySpec":"AES_256","EncryptionContext":{"tenant":"2"}}`, id))()
		}},
		{"by aliases", func(id string) {
			s.again("CreateAlias", fmt.Sprintf(`{"AliasName":"alias/%s","TargetKeyId":%q}`, id, id))()
		}, func(id string) { s.dataKey("alias/" + id)() }},
		{"with a policy", s.policy(0), func(id string) { s.dataKey(id)() }},
		{"with a long policy", s.policy(20), func(id string) { s.dataKey(id)() }},
	} {
		t.Run(of.name, func(t *testing.T) {
			use := func() {
				for _, id := range d.ids {
					of.use(id)
				}
			}
			for _, id := range d.ids {
				of.prepare(id)
			}
			use() // what else there is to remember is remembered now
			measure := func() (got, counted float64, fits bool) {
				flush()
				if err := memory.DropAll(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := heaptest.Bytes()
				use()
				flush()
				got, counted = float64(heaptest.Bytes()-before)/keys, float64(s.node.Book.Budget().Used())/keys
				return got, counted, got <= counted*11/10 && got >= counted*5/8
			}
			got, counted, fits := measure()
			for range 2 { // a buffer that grew once, while they were used, is no key's
				if !fits {
					got, counted, fits = measure()
				}
			}
			t.Logf("%.0f bytes, counted as %.0f", got, counted)
			if !fits {
				t.Errorf("a key takes %.0f bytes, and is counted as %.0f", got, counted)
			}
		})
	}
}

// policy gives keys one with so many statements besides the default one.
func (s *served) policy(statements int) func(id string) {
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + kmstest.Account + `:root"},"Action":"kms:*","Resource":"*"}`)
	for i := range statements {
		fmt.Fprintf(&b, `,{"Sid":"Statement %d","Effect":"Deny","Principal":"*","Action":["kms:Sign","kms:Verify"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:tenant":["a%d","b"]},"NotIpAddress":{"aws:SourceIp":"10.0.%d.0/24"}}}`, i, i, i)
	}
	b.WriteString(`]}`)
	text, _ := json.Marshal(b.String())
	return func(id string) {
		s.again("PutKeyPolicy", fmt.Sprintf(`{"KeyId":%q,"Policy":%s}`, id, text))()
	}
}
