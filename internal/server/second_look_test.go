package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/custody"
	"qkms/internal/kmstest"
)

// meanwhile is custody in which something else happens once, while it works.
type meanwhile struct {
	custody.Sealer
	once func()
}

func (m meanwhile) Seal(ctx context.Context, ref custody.Ref, plaintext []byte, with map[string]string) ([]byte, error) {
	m.once()
	return m.Sealer.Seal(ctx, ref, plaintext, with)
}

func (m meanwhile) Open(ctx context.Context, ref custody.Ref, blob []byte, with map[string]string) ([]byte, error) {
	m.once()
	return m.Sealer.Open(ctx, ref, blob, with)
}

// What an answer was decided by may be over when it is ready, whatever the answer is: also that a request would succeed, or what
// is wrong with a ciphertext, may not be told then.
func TestNothingIsToldOfAKeyThatWasDisabledMeanwhile(t *testing.T) {
	wrong := strings.Repeat("QUJD", 30)
	for _, c := range []struct {
		operation string
		input     map[string]any
		before    string // code when nothing happens meanwhile
	}{
		{"Encrypt", map[string]any{"Plaintext": "aGk="}, ""},
		{"Encrypt", map[string]any{"Plaintext": "aGk=", "DryRun": true}, "DryRunOperationException"},
		{"Decrypt", map[string]any{"CiphertextBlob": nil}, "InvalidCiphertextException"},
	} {
		s := kmstest.New(t)
		root := s.As(kmstest.Account)
		id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
		c.input["KeyId"] = id
		if c.operation == "Decrypt" { // of the key, and yet of another context
			c.input["CiphertextBlob"] = root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": wrong}).String("CiphertextBlob")
			c.input["EncryptionContext"] = map[string]string{"other": "context"}
		}
		if got := root.Call(c.operation, c.input).Code(); got != c.before {
			t.Errorf("%s %v: got %q, want %q", c.operation, c.input, got, c.before)
		}
		s.Ops.Sealer = meanwhile{s.Ops.Sealer, sync.OnceFunc(func() { root.Must("DisableKey", map[string]any{"KeyId": id}) })}
		if got := root.Call(c.operation, c.input).Code(); got != "DisabledException" {
			t.Errorf("%s %v, disabled meanwhile: got %q, want DisabledException", c.operation, c.input, got)
		}
	}
}

// The record comes before the answer, and the disk may take its time for it. The look whether the answer may leave is the last
// thing all the same: the record of success stands, and is followed by one of the refusal.
func TestNothingLeavesAfterADiskThatHung(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	var hung atomic.Bool
	now := s.Ledger.Now
	s.Ledger.Now = func() time.Time {
		if !hung.Swap(true) {
			root.Must("DisableKey", map[string]any{"KeyId": id})
		}
		return now()
	}
	r := root.Call("GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256"})
	if r.Code() != "DisabledException" {
		t.Errorf("got %q, want DisabledException", r.Code())
	}
	var told []string
	ids := map[string]bool{}
	for _, e := range s.Records() {
		var m struct{ EventName, ErrorCode, EventID string }
		if err := json.Unmarshal(e.Line, &m); err != nil {
			t.Fatal(err)
		}
		if m.EventName == "GenerateDataKey" {
			told = append(told, m.ErrorCode)
			ids[m.EventID] = true
		}
	}
	if len(told) != 2 || told[0] != "" || told[1] != "DisabledException" || len(ids) != 2 {
		t.Errorf("got records with errors %q and ids %v, want a success and then a DisabledException, each with an id", told, ids)
	}
}
