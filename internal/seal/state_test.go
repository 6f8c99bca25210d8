package seal_test

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"qkms/internal/seal"
	"qkms/internal/seal/sealpb"
)

// forge decodes a state, lets edit change its body and encodes it again with the MAC it had: what
// somebody with the database but without any key can do.
func forge(t *testing.T, state []byte, edit func(*sealpb.Body)) []byte {
	t.Helper()
	outer, body := new(sealpb.State), new(sealpb.Body)
	unmarshal(t, state, outer)
	unmarshal(t, outer.GetBody(), body)
	edit(body)
	outer.Body = marshal(t, body)
	return marshal(t, outer)
}

func bodyOf(t *testing.T, r *seal.Ring) *sealpb.Body {
	t.Helper()
	outer, body := new(sealpb.State), new(sealpb.Body)
	unmarshal(t, r.State(), outer)
	unmarshal(t, outer.GetBody(), body)
	return body
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func unmarshal(t *testing.T, raw []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(raw, m); err != nil {
		t.Fatal(err)
	}
}

func TestStateForged(t *testing.T) {
	src := newKey(t)
	before := must(t)(seal.Init(t.Context(), src, now))
	r := must(t)(before.RotateKEK(now))
	other := bodyOf(t, must(t)(seal.Init(t.Context(), src, now)))
	rows := []struct {
		name string
		edit func(*sealpb.Body)
		want error
	}{
		{"former KEK dropped", func(b *sealpb.Body) { b.Keks = b.Keks[1:] }, seal.ErrTampered},
		{"newest KEK dropped, current set back", func(b *sealpb.Body) { b.Keks, b.Current = b.Keks[:1], 1 }, seal.ErrTampered},
		{"current set back", func(b *sealpb.Body) { b.Current = 1 }, seal.ErrTampered},
		{"KEKs in another order", func(b *sealpb.Body) { b.Keks[0], b.Keks[1] = b.Keks[1], b.Keks[0] }, seal.ErrTampered},
		{"KEKs exchanged", func(b *sealpb.Body) {
			b.Keks[0].Wrapped, b.Keks[1].Wrapped = b.Keks[1].Wrapped, b.Keks[0].Wrapped
		}, seal.ErrTampered},
		{"KEK said twice", func(b *sealpb.Body) { b.Keks = append(b.Keks, b.Keks[1]) }, seal.ErrTampered},
		{"KEK of another store", func(b *sealpb.Body) { b.Keks[0] = other.Keks[0] }, seal.ErrTampered},
		{"KEK date changed", func(b *sealpb.Body) { b.Keks[0].Created++ }, seal.ErrTampered},
		{"KEK as anchor", func(b *sealpb.Body) { b.Anchor = b.Keks[0].Wrapped }, seal.ErrTampered},
		{"anchor missing", func(b *sealpb.Body) { b.Anchor = nil }, seal.ErrTampered},
		{"generation raised", func(b *sealpb.Body) { b.Generation++ }, seal.ErrTampered},
		{"generation missing", func(b *sealpb.Body) { b.Generation = 0 }, seal.ErrTampered},
		{"creation date changed", func(b *sealpb.Body) { b.Created++ }, seal.ErrTampered},
		{"format missing", func(b *sealpb.Body) { b.Format = 0 }, seal.ErrTampered},
		{"a field added", func(b *sealpb.Body) { b.ProtoReflect().SetUnknown(protowire.AppendTag(nil, 99, protowire.VarintType)) }, seal.ErrTampered},
		{"a slot added", func(b *sealpb.Body) { b.Slots = append(b.Slots, b.Slots[0]) }, seal.ErrTampered},
		{"17 slots", func(b *sealpb.Body) {
			for len(b.Slots) < 17 {
				b.Slots = append(b.Slots, b.Slots[0])
			}
		}, seal.ErrTampered},
		{"no slots", func(b *sealpb.Body) { b.Slots = nil }, seal.ErrTampered},
		{"no KEKs", func(b *sealpb.Body) { b.Keks = nil }, seal.ErrTampered},
		{"store id too short", func(b *sealpb.Body) { b.Store = b.Store[:15] }, seal.ErrTampered},

		// These make the root key itself unreadable, which looks like a wrong key.
		{"slot of another store", func(b *sealpb.Body) { b.Slots = other.Slots }, seal.ErrWrongKey},
		{"KEK as slot", func(b *sealpb.Body) { b.Slots[0].Wrapped = b.Keks[0].Wrapped }, seal.ErrWrongKey},
		{"slot number changed", func(b *sealpb.Body) { b.Slots[0].Id++ }, seal.ErrWrongKey},
		{"slot kind changed", func(b *sealpb.Body) { b.Slots[0].Kind = "passphrase" }, seal.ErrWrongKey},
		{"another store id", func(b *sealpb.Body) { b.Store = other.Store }, seal.ErrWrongKey},
	}
	for _, row := range rows {
		forged := forge(t, r.State(), row.edit)
		if _, err := seal.Open(t.Context(), forged, src); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
}

// A former state's slot, put in front, opens to the former root, under which nothing else is right.
func TestStateWithFormerSlot(t *testing.T) {
	src := newKey(t)
	r := must(t)(seal.Init(t.Context(), src, now))
	former := bodyOf(t, r).Slots[0]
	rotated := must(t)(r.RotateRoot(t.Context(), src, now))
	forged := forge(t, rotated.State(), func(b *sealpb.Body) { b.Slots[0] = former })
	if _, err := seal.Open(t.Context(), forged, src); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
}

// Each wrap is bound to its place by itself, not by the MAC alone.
func TestStateWrapsAreBound(t *testing.T) {
	r := must(t)(newRing(t).RotateKEK(now))
	other := bodyOf(t, must(t)(newRing(t).RotateKEK(now)))
	rows := map[string]func(*sealpb.Body){
		"KEKs exchanged": func(b *sealpb.Body) {
			b.Keks[0].Wrapped, b.Keks[1].Wrapped = b.Keks[1].Wrapped, b.Keks[0].Wrapped
		},
		"KEK of another store":    func(b *sealpb.Body) { b.Keks[0].Wrapped = other.Keks[0].Wrapped },
		"KEK as anchor":           func(b *sealpb.Body) { b.Anchor = b.Keks[0].Wrapped },
		"anchor as KEK":           func(b *sealpb.Body) { b.Keks[0].Wrapped = b.Anchor },
		"anchor of another store": func(b *sealpb.Body) { b.Anchor = other.Anchor },
		"KEK renumbered":          func(b *sealpb.Body) { b.Keks[1].Id, b.Current = 3, 3 },
		"another store id":        func(b *sealpb.Body) { b.Store = other.Store },
	}
	for name, edit := range rows {
		if _, err := seal.Rewritten(r, edit); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("%s: got %v, want ErrTampered", name, err)
		}
	}
}

func TestStateAnyBitFlipped(t *testing.T) {
	src := newKey(t)
	state := must(t)(must(t)(seal.Init(t.Context(), src, now)).RotateKEK(now)).State()
	for bit := range 8 * len(state) {
		state[bit/8] ^= 1 << (bit % 8)
		if _, err := seal.Open(t.Context(), state, src); err == nil {
			t.Errorf("bit %d flipped: opened", bit)
		}
		state[bit/8] ^= 1 << (bit % 8)
	}
}

func TestStateAtEveryOtherLength(t *testing.T) {
	src := newKey(t)
	state := must(t)(seal.Init(t.Context(), src, now)).State()
	for n := range state {
		if _, err := seal.Open(t.Context(), state[:n], src); err == nil {
			t.Errorf("cut to %d: opened", n)
		}
	}
	if _, err := seal.Open(t.Context(), append(state, 0x78, 0), src); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("field added: got %v, want ErrTampered", err)
	}
	if _, err := seal.Open(t.Context(), make([]byte, 1<<20), src); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("a megabyte: got %v, want ErrTampered", err)
	}
}

// A later version may add fields: they are authenticated, and kept through our own changes.
func TestStateKeepsUnknownFields(t *testing.T) {
	src := newKey(t)
	r := must(t)(seal.Init(t.Context(), src, now))
	field := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 5)
	parts := func(b *sealpb.Body) []proto.Message { return []proto.Message{b, b.Slots[0], b.Keks[0]} }
	state, err := seal.Rewritten(r, func(b *sealpb.Body) {
		for _, m := range parts(b) {
			m.ProtoReflect().SetUnknown(field)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	opened := must(t)(seal.Open(t.Context(), state, src))
	changed := must(t)(must(t)(opened.RotateKEK(now)).AddSlot(t.Context(), newKey(t), now))
	for _, m := range parts(bodyOf(t, changed)) {
		if got := m.ProtoReflect().GetUnknown(); string(got) != string(field) {
			t.Errorf("%T: got %x, want %x", m, got, field)
		}
	}
}

func TestStateOfLaterFormat(t *testing.T) {
	src := newKey(t)
	r := must(t)(seal.Init(t.Context(), src, now))
	later := forge(t, r.State(), func(b *sealpb.Body) { b.Format = 2 })
	if _, err := seal.Open(t.Context(), later, src); err == nil || errors.Is(err, seal.ErrTampered) {
		t.Errorf("got %v, want an error that asks for a newer version", err)
	}
}

func TestStateIsACopy(t *testing.T) {
	r := newRing(t)
	clear(r.State())
	must(t)(r.Reload(r.State()))
}

// Parameters are chosen by whoever writes the database, before anything is authentic.
func TestHostileArgon2Refused(t *testing.T) {
	src := typing("correct horse battery")
	r := must(t)(seal.Init(t.Context(), src, now))
	rows := map[string]func(*sealpb.Argon2){
		"100 GiB":         func(a *sealpb.Argon2) { a.Memory = 100 << 20 },
		"4 TiB":           func(a *sealpb.Argon2) { a.Memory = math.MaxUint32 },
		"too little":      func(a *sealpb.Argon2) { a.Memory = 8 },
		"no passes":       func(a *sealpb.Argon2) { a.Time = 0 },
		"endless passes":  func(a *sealpb.Argon2) { a.Time = math.MaxUint32 },
		"no threads":      func(a *sealpb.Argon2) { a.Threads = 0 },
		"256 threads":     func(a *sealpb.Argon2) { a.Threads = 256 }, // 0 as a byte
		"no salt":         func(a *sealpb.Argon2) { a.Salt = nil },
		"salt of 128 KiB": func(a *sealpb.Argon2) { a.Salt = make([]byte, 1<<17) },
	}
	for name, edit := range rows {
		forged := forge(t, r.State(), func(b *sealpb.Body) {
			a := new(sealpb.Argon2)
			unmarshal(t, b.Slots[0].Params, a)
			edit(a)
			b.Slots[0].Params = marshal(t, a)
		})
		if _, err := seal.Open(t.Context(), forged, src); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("%s: got %v, want ErrTampered", name, err)
		}
	}
	forged := forge(t, r.State(), func(b *sealpb.Body) { b.Slots[0].Params = []byte{0xff} })
	if _, err := seal.Open(t.Context(), forged, src); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("no message: got %v, want ErrTampered", err)
	}
}

// However a store's keys were rotated, all that was not dropped opens, from the stored state too.
func TestRotationsInAnyOrder(t *testing.T) {
	src := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		r, err := seal.Init(t.Context(), src, now)
		bodies := map[uint32][]byte{1: r.Seal(ad, []byte("body"))}
		t.Repeat(map[string]func(*rapid.T){
			"rotate KEK":  func(t *rapid.T) { r, err = r.RotateKEK(now) },
			"rotate root": func(t *rapid.T) { r, err = r.RotateRoot(t.Context(), src, now) },
			"reopen":      func(t *rapid.T) { r, err = seal.Open(t.Context(), r.State(), src) },
			"reload":      func(t *rapid.T) { r, err = r.Reload(r.State()) },
			"drop KEK": func(t *rapid.T) {
				id := rapid.SampledFrom(r.KEKs()).Draw(t, "KEK").ID
				if id != r.Current() {
					r, err = r.DropKEK(id)
					delete(bodies, id)
				}
			},
			"": func(t *rapid.T) {
				if err != nil {
					t.Fatal(err)
				}
				bodies[r.Current()] = r.Seal(ad, []byte("body"))
				for id, sealed := range bodies {
					if got, err := r.Open(ad, sealed); err != nil || string(got) != "body" {
						t.Fatalf("KEK %d: got %q, %v, want body", id, got, err)
					}
				}
			},
		})
	})
}
