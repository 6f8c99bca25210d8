package blob_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/blob"
)

func TestAAD(t *testing.T) {
	for _, tt := range []struct {
		name string
		ec   map[string]string
		want string
	}{
		{"none", nil, "aa" + "00000000"},
		{"empty is none", map[string]string{}, "aa" + "00000000"},
		{"one pair", map[string]string{"a": "bc"}, "aa" + "00000001" + "0000000161" + "000000026263"},
		{
			"byte order: empty, upper before lower, a prefix first", map[string]string{"ab": "1", "a": "2", "B": "3", "": "4"},
			"aa" + "00000004" + "00000000" + "0000000134" + "0000000142" + "0000000133" + "0000000161" + "0000000132" + "000000026162" + "0000000131",
		},
		{
			"byte order of UTF-8, not of UTF-16", map[string]string{"\U0001f511": "", "\uff5e": ""},
			"aa" + "00000002" + "00000003efbd9e" + "00000000" + "00000004f09f9491" + "00000000",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := hex.EncodeToString(blob.AAD([]byte{0xaa}, tt.ec)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAADIsInjective decodes what was encoded: what can be read back cannot stand for two contexts.
func TestAADIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ec := rapid.MapOfN(rapid.String(), rapid.String(), 0, 20).Draw(t, "context")
		prefix := rapid.SliceOfN(rapid.Byte(), 92, 92).Draw(t, "prefix")
		aad := blob.AAD(prefix, ec)
		if !bytes.Equal(aad[:92], prefix) {
			t.Fatalf("got %x, want it to begin with %x", aad, prefix)
		}
		if got := decode(aad[92:]); !maps.Equal(got, ec) {
			t.Fatalf("got %q, want %q", got, ec)
		}
	})
}

func decode(b []byte) map[string]string {
	next := func() string {
		n := binary.BigEndian.Uint32(b)
		s := string(b[4 : 4+n])
		b = b[4+n:]
		return s
	}
	ec := map[string]string{}
	count := binary.BigEndian.Uint32(b)
	for b = b[4:]; count > 0; count-- {
		k := next()
		ec[k] = next()
	}
	if len(b) > 0 {
		return nil
	}
	return ec
}
