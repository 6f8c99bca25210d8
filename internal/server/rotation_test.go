package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// alter rewrites a key's record, for keys that no operation makes yet.
func alter(t *testing.T, s *kmstest.Server, id string, edit func(*recordpb.Key)) {
	t.Helper()
	k, err := s.Resolver.Load(t.Context(), kmstest.Account, kmstest.Region, id)
	if err != nil {
		t.Fatal(err)
	}
	next := k.Edit()
	edit(next)
	change := s.Book.Change()
	change.Replace(k.Record(), k.Ver, next)
	if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, got *kmstest.Reply, code, message string) {
	t.Helper()
	if got.Code() != code || got.Message() != message {
		t.Errorf("got %s, want %s %q", got.Raw, code, message)
	}
}

// Rotation is for symmetric keys with material of our own; the kinds of refusal come in the order of
// operations.md §4.2.
func TestRotationByKindOfKey(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	created := root.Must("CreateKey", `{}`)
	id, arn := created.String("KeyMetadata.KeyId"), created.String("KeyMetadata.Arn")
	body := fmt.Sprintf(`{"KeyId":"%s"}`, id)
	const unsupported, state = "UnsupportedOperationException", "KMSInvalidStateException"

	alter(t, s, id, func(k *recordpb.Key) { k.Spec, k.Usage = "HMAC_256", "GENERATE_VERIFY_MAC" })
	refused(t, root.Call("EnableKeyRotation", body), unsupported, "")
	refused(t, root.Call("RotateKeyOnDemand", body), unsupported, "")
	root.Must("DisableKeyRotation", body)
	if got := root.Must("GetKeyRotationStatus", body).String("KeyRotationEnabled"); got != "false" {
		t.Errorf("status of an HMAC key: got %s, want false", got)
	}
	if got := root.Must("ListKeyRotations", body).String("Rotations"); got != "[]" {
		t.Errorf("rotations of an HMAC key: got %s, want none", got)
	}
	for _, include := range []string{"ALL_KEY_MATERIAL", "ROTATIONS_ONLY"} {
		refused(t, root.Call("ListKeyRotations", fmt.Sprintf(`{"KeyId":"%s","IncludeKeyMaterial":"%s"}`, id, include)),
			"ValidationException", "Input parameter includeKeyMaterial can only be used with symmetric keys.")
	}
	root.Must("DisableKey", body)
	refused(t, root.Call("EnableKeyRotation", body), "DisabledException", arn+" is disabled.")
	refused(t, root.Call("RotateKeyOnDemand", body), "DisabledException", arn+" is disabled.")
	root.Must("EnableKey", body)

	origin := arn + " origin is EXTERNAL which is not valid for this operation."
	alter(t, s, id, func(k *recordpb.Key) { k.Spec, k.Usage, k.Origin = "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "EXTERNAL" })
	refused(t, root.Call("EnableKeyRotation", body), unsupported, origin)
	refused(t, root.Call("DisableKeyRotation", body), unsupported, origin)
	refused(t, root.Call("RotateKeyOnDemand", body), state, "No available key material pending rotation for the key: "+arn+".")
	if got := root.Must("GetKeyRotationStatus", body).String("KeyRotationEnabled"); got != "false" {
		t.Errorf("status of an imported key: got %s, want false", got)
	}
	root.Must("DisableKey", body)
	refused(t, root.Call("EnableKeyRotation", body), unsupported, origin) // before its state
	refused(t, root.Call("RotateKeyOnDemand", body), "DisabledException", arn+" is disabled.")
}

// Imported material rotates by taking in what waits. What expired while it waited rotates in all the
// same, and then the key lacks it.
func TestRotationOfImportedMaterial(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	body := fmt.Sprintf(`{"KeyId":"%s"}`, id)
	all := fmt.Sprintf(`{"KeyId":"%s","IncludeKeyMaterial":"ALL_KEY_MATERIAL"}`, id)
	first := root.Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId")
	second, third := strings.Repeat("2", 64), strings.Repeat("3", 64)
	validTo := s.Clock.Now().Add(24 * time.Hour).Truncate(time.Second)
	alter(t, s, id, func(k *recordpb.Key) {
		k.Origin = "EXTERNAL"
		k.Versions[0].ExpirationModel = "KEY_MATERIAL_DOES_NOT_EXPIRE"
		k.Versions = append(k.Versions, &recordpb.Version{
			Id: second, State: "PENDING_ROTATION", ExpirationModel: "KEY_MATERIAL_EXPIRES", ValidTo: validTo.UnixMilli(), Description: "winter",
		})
	})
	entries := func(body string) []any { return root.Must("ListKeyRotations", body).Fields["Rotations"].([]any) }
	if got := entries(body); len(got) != 0 {
		t.Errorf("rotations before any: got %v, want none", got)
	}
	waiting := entries(all)
	arn := root.Must("DescribeKey", body).String("KeyMetadata.Arn")
	want := fmt.Sprintf(`[{"ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE","ImportState":"IMPORTED","KeyId":"%s","KeyMaterialId":"%s","KeyMaterialState":"CURRENT"},`+
		`{"ExpirationModel":"KEY_MATERIAL_EXPIRES","ImportState":"IMPORTED","KeyId":"%[1]s","KeyMaterialDescription":"winter","KeyMaterialId":"%[3]s","KeyMaterialState":"PENDING_ROTATION","ValidTo":%[4]d}]`,
		arn, first, second, validTo.Unix())
	if got := compact(waiting); got != want {
		t.Errorf("before: got  %s\nwant %s", got, want)
	}

	root.Must("RotateKeyOnDemand", body)
	if got := root.Must("DescribeKey", body); got.String("KeyMetadata.CurrentKeyMaterialId") != second || got.String("KeyMetadata.KeyState") != "Enabled" {
		t.Errorf("after: got %s, want the second material in an enabled key", got.Raw)
	}
	if got := entries(body); len(got) != 1 || got[0].(map[string]any)["RotationType"] != "ON_DEMAND" || got[0].(map[string]any)["ImportState"] != "IMPORTED" {
		t.Errorf("after: got %v, want the second material by an on-demand rotation", got)
	}
	refused(t, root.Call("RotateKeyOnDemand", body), "KMSInvalidStateException", "No available key material pending rotation for the key: "+arn+".")

	alter(t, s, id, func(k *recordpb.Key) {
		k.Versions = append(k.Versions, &recordpb.Version{Id: third, State: "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"})
	})
	refused(t, root.Call("RotateKeyOnDemand", body), "KMSInvalidStateException",
		"Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.")
	alter(t, s, id, func(k *recordpb.Key) { k.Versions[2].State, k.Versions[2].Missing = "PENDING_ROTATION", true })
	root.Must("RotateKeyOnDemand", body)
	if got := root.Must("DescribeKey", body).String("KeyMetadata.KeyState"); got != "PendingImport" {
		t.Errorf("after rotating in what expired: got %s, want PendingImport", got)
	}
	last := entries(body)[1].(map[string]any)
	if last["ImportState"] != "PENDING_IMPORT" || last["ExpirationModel"] != nil || last["ValidTo"] != nil {
		t.Errorf("expired material: got %v, want PENDING_IMPORT and no expiry", last)
	}
}

func compact(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// One key in three Regions: the primary alone is told what to do, and every Region has the new
// material at once.
func TestRotationOfAMultiRegionKey(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	west, south := "eu-west-1", "sa-east-1"
	id := root.Must("CreateKey", `{"MultiRegion":true}`).String("KeyMetadata.KeyId")
	body := fmt.Sprintf(`{"KeyId":"%s"}`, id)
	root.Must("RotateKeyOnDemand", body) // a replica gets what was before, too
	for _, region := range []string{west, south} {
		root.Must("ReplicateKey", fmt.Sprintf(`{"KeyId":"%s","ReplicaRegion":"%s"}`, id, region))
	}
	regions := []*kmstest.Client{root, root.In(west), root.In(south)}
	agree := func(what string) {
		t.Helper()
		sealed := regions[0].Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": []byte(what)}).String("CiphertextBlob")
		current := regions[0].Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId")
		for i, r := range regions {
			got := r.Must("Decrypt", map[string]any{"CiphertextBlob": sealed})
			if got.String("KeyMaterialId") != current || r.Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId") != current {
				t.Errorf("%s, Region %d: got %s, want material %s everywhere", what, i, got.Raw, current)
			}
		}
	}
	agree("before")

	arn := regions[1].Must("DescribeKey", body).String("KeyMetadata.Arn")
	for _, operation := range []string{"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"} {
		refused(t, regions[1].Call(operation, body), "UnsupportedOperationException",
			arn+" is a multi-region replica key which is not valid for "+operation+".")
	}
	root.Must("RotateKeyOnDemand", body)
	agree("after a rotation on demand")

	root.Must("EnableKeyRotation", fmt.Sprintf(`{"KeyId":"%s","RotationPeriodInDays":100}`, id))
	status := func(r *kmstest.Client) string {
		f := r.Must("GetKeyRotationStatus", body).Fields
		delete(f, "KeyId")
		return compact(f)
	}
	for i, r := range regions {
		if got, want := status(r), status(root); got != want || !strings.Contains(got, `"KeyRotationEnabled":true`) {
			t.Errorf("status in Region %d: got %s, want the primary's %s", i, got, want)
		}
	}
	// A replica that is switched off and on again wakes nothing.
	regions[1].Must("DisableKey", body)
	regions[1].Must("EnableKey", body)
	before := root.Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId")
	s.Clock.Advance(101 * 24 * time.Hour)
	s.Sweep()
	s.Sweep()
	agree("after an automatic rotation")
	if got := root.Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId"); got == before {
		t.Error("the date passed: got the same material still")
	}
	rotations := func(want int) {
		t.Helper()
		for i, r := range regions {
			if got := len(r.Must("ListKeyRotations", body).Fields["Rotations"].([]any)); got != want {
				t.Errorf("Region %d: got %d rotations, want %d", i, got, want)
			}
			if got, want := status(r), status(root); got != want {
				t.Errorf("status in Region %d after: got %s, want the primary's %s", i, got, want)
			}
		}
	}
	rotations(3)

	// The schedule goes along with the primary.
	root.Must("UpdatePrimaryRegion", fmt.Sprintf(`{"KeyId":"%s","PrimaryRegion":"%s"}`, id, west))
	root.Must("DisableKey", body) // a replica now
	s.Clock.Advance(101 * 24 * time.Hour)
	s.Sweep()
	s.Sweep()
	root.Must("EnableKey", body)
	agree("after an automatic rotation of another primary")
	rotations(4)
	regions[1].Must("RotateKeyOnDemand", body)
	agree("after a rotation on demand of another primary")
	rotations(5)
}

// A set that names a key which is not there is damaged: neither who rotates it nor the sweep, which its operator hears of,
// takes that for somebody else's change.
func TestRotationOfADamagedSet(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{"MultiRegion":true}`).String("KeyMetadata.KeyId")
	root.Must("EnableKeyRotation", fmt.Sprintf(`{"KeyId":"%s"}`, id))
	at := record.OfMultiRegion(id)
	set, ver, err := record.Read[recordpb.MultiRegion](t.Context(), s.Book, at)
	if err != nil {
		t.Fatal(err)
	}
	set.Replicas = append(set.Replicas, "eu-west-1")
	change := s.Book.Change()
	change.Replace(at, ver, set)
	if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
	if got := root.Call("RotateKeyOnDemand", fmt.Sprintf(`{"KeyId":"%s"}`, id)); got.Code() != "KMSInternalException" {
		t.Errorf("got %s, want a failure of the service", got.Raw)
	}
	s.Clock.Advance(400 * 24 * time.Hour)
	if err := s.Sweeper.Once(t.Context()); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("the sweep: got %v, want that the set is damaged", err)
	}
}

// A date fires once, however many nodes sweep and whatever is done to the key meanwhile.
func TestAutomaticRotationFiresOnce(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	var bodies []string
	for range 5 {
		body := fmt.Sprintf(`{"KeyId":"%s"}`, root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId"))
		root.Must("EnableKeyRotation", body)
		bodies = append(bodies, body)
	}
	for round := 1; round <= 3; round++ {
		s.Clock.Advance(366 * 24 * time.Hour)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _ = s.Sweeper.Once(context.Background()) }) // refused while another holds the claim
		}
		for _, body := range bodies {
			wg.Go(func() {
				root.Call("DisableKey", body)
				root.Call("EnableKey", body)
			})
		}
		wg.Wait()
		s.Sweep()
		for _, body := range bodies {
			if got := len(root.Must("ListKeyRotations", body).Fields["Rotations"].([]any)); got != round {
				t.Errorf("round %d: got %d rotations, want %d", round, got, round)
			}
		}
	}
	dues, _, err := record.Scan[recordpb.Due](t.Context(), s.Book, record.Dues(), record.Key{}, 100)
	if err != nil || len(dues) != len(bodies) {
		t.Errorf("got %d dates, %v, want one for each of %d keys", len(dues), err, len(bodies))
	}
}

// Whatever happens to a key but its deletion, every ciphertext it ever made opens, and says under
// which material.
func TestEveryCiphertextOpensForEver(t *testing.T) {
	few(t, "12") // some thirty steps each, and most are synced to disk
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	rapid.Check(t, func(t *rapid.T) {
		id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
		body := fmt.Sprintf(`{"KeyId":"%s"}`, id)
		m := &model{materialOf: map[string]string{}}
		m.current = root.Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId")
		t.Repeat(map[string]func(*rapid.T){
			"encrypt": func(t *rapid.T) {
				got := root.Call("Encrypt", map[string]any{"KeyId": id, "Plaintext": []byte(id)})
				if m.disabled != (got.Code() == "DisabledException") {
					t.Fatalf("Encrypt: got %s, disabled: %v", got.Raw, m.disabled)
				}
				if !m.disabled {
					m.materialOf[got.String("CiphertextBlob")] = m.current
				}
			},
			"rotate": func(t *rapid.T) {
				if got := root.Call("RotateKeyOnDemand", body); got.Status == 200 {
					m.moved(t, root, body, true)
				}
			},
			"enable rotation": func(*rapid.T) {
				root.Call("EnableKeyRotation", fmt.Sprintf(`{"KeyId":"%s","RotationPeriodInDays":90}`, id))
			},
			"time passes": func(t *rapid.T) {
				s.Clock.Advance(45 * 24 * time.Hour)
				s.Sweep()
				m.moved(t, root, body, false)
			},
			"disable": func(*rapid.T) { root.Must("DisableKey", body); m.disabled = true },
			"enable":  func(*rapid.T) { root.Must("EnableKey", body); m.disabled = false },
			"restart": func(*rapid.T) { s.Restart() },
		})
		root.Must("EnableKey", body)
		for sealed, material := range m.materialOf {
			got := root.Must("Decrypt", map[string]any{"CiphertextBlob": sealed})
			if got.String("KeyMaterialId") != material {
				t.Fatalf("got %s, want material %s", got.Raw, material)
			}
		}
		root.Must("DisableKeyRotation", body) // the keys of later runs are enough to rotate
	})
}

// few has rapid try so many sequences, unless the command line says how many.
func few(t *testing.T, checks string) {
	f := flag.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		_ = f.Value.Set(checks)
		t.Cleanup(func() { _ = f.Value.Set(was) })
	}
}

type model struct {
	disabled   bool
	current    string
	materialOf map[string]string // by ciphertext
}

// moved reads which material is current, and that there is another when there must be.
func (m *model) moved(t *rapid.T, root *kmstest.Client, body string, must bool) {
	now := root.Must("DescribeKey", body).String("KeyMetadata.CurrentKeyMaterialId")
	if must && now == m.current {
		t.Fatal("rotated: got the same material still")
	}
	if m.disabled && now != m.current {
		t.Fatal("a disabled key rotated")
	}
	m.current = now
}
