//go:build !race

// One request after the other, and thousands of them: this runs without the race detector (make test-norace).

package server_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/kmstest"
)

// A modelKey is what operations.md §10.4 says a symmetric key for imported material is.
type modelKey struct {
	materials []modelMaterial // in the order in which they came
	disabled  bool
}

type modelMaterial struct {
	which   int // of the test's materials
	pending bool
	here    bool
	until   time.Time // zero: for ever
	current bool
}

func (m *modelMaterial) usable(now time.Time) bool {
	return m.here && (m.until.IsZero() || now.Before(m.until))
}

func (k *modelKey) find(which int) *modelMaterial {
	for i := range k.materials {
		if k.materials[i].which == which {
			return &k.materials[i]
		}
	}
	return nil
}

func (k *modelKey) pending() *modelMaterial {
	for i := range k.materials {
		if k.materials[i].pending {
			return &k.materials[i]
		}
	}
	return nil
}

func (k *modelKey) state(now time.Time) string {
	lacks := func(m modelMaterial) bool { return !m.pending && !m.usable(now) }
	switch {
	case len(k.materials) == 0, slices.ContainsFunc(k.materials, lacks):
		return "PendingImport"
	case k.disabled:
		return "Disabled"
	}
	return "Enabled"
}

// arrive returns the exception of an import, or makes it.
func (k *modelKey) arrive(which int, kind string, now, until time.Time) string {
	m, isNew := k.find(which), kind == "NEW_KEY_MATERIAL" || kind == "" && len(k.materials) == 0
	switch {
	case isNew == (m != nil):
		return "IncorrectKeyMaterialException"
	case isNew && k.pending() != nil:
		return "KMSInvalidStateException"
	case isNew:
		first := len(k.materials) == 0
		k.materials = append(k.materials, modelMaterial{which: which, pending: !first, current: first})
		m = &k.materials[len(k.materials)-1]
	}
	m.here, m.until = true, until
	if !m.pending && k.state(now) == "Disabled" {
		k.disabled = false
	}
	return ""
}

// leave is DeleteImportedKeyMaterial; which is -1 for the current material.
func (k *modelKey) leave(which int) string {
	for i, m := range k.materials {
		switch {
		case m.which != which && (which >= 0 || !m.current):
		case m.pending:
			k.materials = slices.Delete(k.materials, i, i+1)
			return ""
		default:
			k.materials[i].here = false
			return ""
		}
	}
	if which < 0 {
		return ""
	}
	return "ValidationException"
}

func (k *modelKey) rotate(now time.Time) string {
	switch state := k.state(now); {
	case state == "Disabled":
		return "DisabledException"
	case state != "Enabled", k.pending() == nil:
		return "KMSInvalidStateException"
	}
	waits := k.pending()
	for i := range k.materials {
		k.materials[i].current = false
	}
	waits.pending, waits.current = false, true
	return ""
}

func (k *modelKey) toggle(now time.Time, disabled bool) string {
	if k.state(now) == "PendingImport" {
		return "KMSInvalidStateException"
	}
	k.disabled = disabled
	return ""
}

// Whatever is done to a key for imported material, in whatever order, it is what the model says.
func TestImportModel(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	materials := [][]byte{random(32), random(32), random(32)}
	rapid.Check(t, func(rt *rapid.T) {
		i, model := external(t, root, fields{}), &modelKey{}
		ids := map[int]string{} // of what was ever imported
		check := func(what string, got *kmstest.Reply, want string) {
			if got.Code() != want {
				rt.Fatalf("%s: got %s, want %q; %+v", what, got.Raw, want, model)
			}
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			now := s.Clock.Now()
			which := rapid.IntRange(0, len(materials)-1).Draw(rt, "material")
			body := fields{"KeyId": i.id}
			switch step := rapid.SampledFrom([]string{"import", "import", "import", "delete", "delete current", "rotate", "disable", "enable", "wait", "sweep"}).Draw(rt, "step"); step {
			case "import":
				kind := rapid.SampledFrom([]string{"", "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"}).Draw(rt, "kind")
				more, until := fields{}, time.Time{}
				if rapid.Bool().Draw(rt, "expires") {
					more, until = within(s, time.Hour), now.Add(time.Hour).Truncate(time.Second)
				}
				if kind != "" {
					more["ImportType"] = kind
				}
				got := i.send(materials[which], more)
				check(step+" "+kind, got, model.arrive(which, kind, now, until))
				if got.Status == 200 {
					ids[which] = got.String("KeyMaterialId")
				}
			case "delete":
				if ids[which] == "" {
					continue
				}
				body["KeyMaterialId"] = ids[which]
				check(step, root.Call("DeleteImportedKeyMaterial", body), model.leave(which))
			case "delete current":
				check(step, root.Call("DeleteImportedKeyMaterial", body), model.leave(-1))
			case "rotate":
				check(step, root.Call("RotateKeyOnDemand", body), model.rotate(now))
			case "disable":
				check(step, root.Call("DisableKey", body), model.toggle(now, true))
			case "enable":
				check(step, root.Call("EnableKey", body), model.toggle(now, false))
			case "wait":
				s.Clock.Advance(40 * time.Minute)
			case "sweep":
				s.Sweep()
			}
			if got := i.state(); got != model.state(s.Clock.Now()) {
				rt.Fatalf("got state %s, want %s; %+v", got, model.state(s.Clock.Now()), model)
			}
		}
	})
}
