package seal_test

import (
	"bytes"
	"testing"

	"qkms/internal/seal"
)

// Only what was sealed opens. The published vectors are the seeds: they open, and stay openable, so
// the fuzzer starts from real records.

func FuzzOpen(f *testing.F) {
	v, r := openVectors(f)
	for _, rec := range v.Records {
		f.Add([]byte(rec.Key), rec.Ver, rec.Schema, []byte(rec.Sealed))
	}
	f.Add([]byte("k"), uint64(1), uint32(1), []byte{1, 0, 0, 0, 4})
	f.Fuzz(func(t *testing.T, key []byte, ver uint64, schema uint32, sealed []byte) {
		_, err := r.Open(seal.AD{Key: key, Ver: ver, Schema: schema}, sealed)
		if err != nil {
			return
		}
		for _, rec := range v.Records {
			if bytes.Equal(rec.Key, key) && rec.Ver == ver && rec.Schema == schema && bytes.Equal(rec.Sealed, sealed) {
				return
			}
		}
		t.Errorf("forged: %x opens under %x, %d, %d", sealed, key, ver, schema)
	})
}

func FuzzOpenToken(f *testing.F) {
	v, r := openVectors(f)
	for _, tok := range v.Tokens {
		f.Add(tok.Purpose, seal.Bind(tok.Bind...), tok.Token)
	}
	f.Add("marker", []byte(nil), "AQ")
	f.Fuzz(func(t *testing.T, purpose string, bind []byte, token string) {
		if _, err := r.OpenToken(purpose, bind, token); err != nil {
			return
		}
		for _, tok := range v.Tokens {
			if tok.Purpose == purpose && bytes.Equal(seal.Bind(tok.Bind...), bind) && tok.Token == token {
				return
			}
		}
		t.Errorf("forged: %q opens for %q, %x", token, purpose, bind)
	})
}

func FuzzState(f *testing.F) {
	v, r := openVectors(f)
	src := writeKey(f, v.KeyFiles["hex"])
	f.Add([]byte(v.State))
	f.Add([]byte(v.State)[:len(v.State)-34]) // without its MAC
	f.Add([]byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, state []byte) {
		got, err := seal.Open(t.Context(), state, src)
		if err != nil {
			return
		}
		// Another spelling of the outer message may open, but only to the very same keys.
		if got.StoreID() != r.StoreID() || got.Generation() != r.Generation() || got.Current() != r.Current() || got.Derive("") != r.Derive("") {
			t.Errorf("forged: %x opens", state)
		}
	})
}
