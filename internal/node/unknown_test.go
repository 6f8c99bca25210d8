package node_test

import (
	"encoding/base64"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store/postgres/pgtest"
)

// While nodes are upgraded one after the other, an older one changes records that a newer one wrote. What it does not
// know, in the record and in what the record is made of, is there afterwards (storage §9).
func TestUnknownFieldsSurvive(t *testing.T) {
	t.Run("after an upgrade was taken back", func(t *testing.T) {
		s := kmstest.New(t)
		unknownFields(t, s, s)
	})
	t.Run("two versions at work", func(t *testing.T) {
		newer := kmstest.With(t, kmstest.Options{Store: pgtest.URL(t)})
		unknownFields(t, newer, newer.Join())
	})
}

func unknownFields(t *testing.T, newer, older *kmstest.Server) {
	m := &mixed{t: t, newer: newer, c: older.As(kmstest.Account)}
	m.keys()
	m.importedKeys()
	m.multiRegionKeys()
	m.grants()
	m.keyStores()
	m.users()
	m.groupsAndRoles()
	m.policiesAndProviders()
	rotate(t, older)
	for _, r := range m.all {
		r.must(r.fresh)
	}
}

// A mixed store is used by a newer program, which has fields of its own, and by this one.
type mixed struct {
	t     *testing.T
	newer *kmstest.Server
	c     *kmstest.Client // of the older one
	all   []*carried
}

// A carried record has fields that this program does not know.
type carried struct {
	*mixed
	what  string
	at    record.Key
	as    proto.Message // of its type
	ver   uint64        // that it had when it was looked at
	fresh int           // messages within it that this program made
}

// future is a field of a later version.
var future = protowire.AppendString(protowire.AppendTag(nil, 20001, protowire.BytesType), "from a newer program")

// mark gives a record, and all messages within it, a field of a later version.
func (m *mixed) mark(what string, at record.Key, as proto.Message) *carried {
	m.t.Helper()
	r := &carried{mixed: m, what: what, at: at, as: as}
	msg := r.read()
	each(msg.ProtoReflect(), func(one protoreflect.Message) { one.SetUnknown(append(one.GetUnknown(), future...)) })
	change := m.newer.Book.Change()
	change.Replace(at, r.ver, msg)
	if err := m.newer.Book.Commit(m.t.Context(), change, "", nil); err != nil {
		m.t.Fatal(err)
	}
	r.ver++
	m.all = append(m.all, r)
	return r
}

func (r *carried) read() proto.Message {
	r.t.Helper()
	plain, ver, err := r.newer.Book.Take(r.t.Context(), r.at)
	if err != nil || ver == 0 {
		r.t.Fatalf("%s: got version %d, %v", r.what, ver, err)
	}
	msg := r.as.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(plain, msg); err != nil {
		r.t.Fatal(err)
	}
	r.ver = ver
	return msg
}

// after has the older program do something that changes the record; fresh messages within it are its own then.
func (r *carried) after(what string, fresh int, do func()) {
	r.t.Helper()
	before := r.ver
	do()
	r.what += ", " + what
	r.must(fresh)
	if r.ver <= before {
		r.t.Errorf("%s: got version %d after %d, so it did not change the record", r.what, r.ver, before)
	}
}

// must checks that all of the record but fresh messages has the field still.
func (r *carried) must(fresh int) {
	r.t.Helper()
	r.fresh = fresh
	without, msg := 0, r.read().ProtoReflect()
	each(msg, func(one protoreflect.Message) {
		if string(one.GetUnknown()) != string(future) {
			without++
		}
	})
	if without != fresh || string(msg.GetUnknown()) != string(future) {
		r.t.Errorf("%s: got %d messages without the field, want %d", r.what, without, fresh)
	}
}

// each visits a message and all within it.
func each(m protoreflect.Message, visit func(protoreflect.Message)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() && f.Message() != nil {
			for i := range v.List().Len() {
				each(v.List().Get(i).Message(), visit)
			}
		}
		return true
	})
	visit(m)
}

type fields map[string]any

func (m *mixed) create(in fields) string {
	m.t.Helper()
	return m.c.Must("CreateKey", in).String("KeyMetadata.KeyId")
}

func (m *mixed) key(id string) *carried {
	m.t.Helper()
	return m.mark("key", record.OfKey(kmstest.Account, kmstest.Region, id), new(recordpb.Key))
}

func (m *mixed) keys() {
	tag := func(key, value string) fields { return fields{"TagKey": key, "TagValue": value} }
	id := m.create(fields{"Tags": []fields{tag("kept", "1"), tag("changed", "1"), tag("gone", "1")}})
	other := m.create(fields{})
	count := m.mark("count of keys", record.OfKeyCount(kmstest.Account, kmstest.Region), new(recordpb.KeyCount))
	count.after("CreateKey", 0, func() { m.create(fields{}) })
	k := m.key(id)
	for _, one := range []struct {
		operation string
		fresh     int
		in        fields
	}{
		{"DisableKey", 0, fields{}},
		{"EnableKey", 0, fields{}},
		{"UpdateKeyDescription", 0, fields{"Description": "changed"}},
		{"TagResource", 1, fields{"Tags": []fields{tag("changed", "2"), tag("new", "1")}}},
		{"UntagResource", 1, fields{"TagKeys": []string{"gone"}}},
		{"EnableKeyRotation", 1, fields{"RotationPeriodInDays": 100}},
		{"CreateAlias", 1, fields{"AliasName": "alias/carried"}},
		{"ScheduleKeyDeletion", 1, fields{"PendingWindowInDays": 7}},
		{"CancelKeyDeletion", 1, fields{}},
		{"EnableKey", 1, fields{}},
	} {
		one.in["KeyId"] = id
		if one.operation == "CreateAlias" {
			one.in["TargetKeyId"] = id
			delete(one.in, "KeyId")
		}
		k.after(one.operation, one.fresh, func() { m.c.Must(one.operation, one.in) })
	}
	k.after("RotateKeyOnDemand", 2, func() {
		m.c.Must("RotateKeyOnDemand", fields{"KeyId": id})
		m.c.Server.Sweep()
	})
	a := m.mark("alias", record.OfAlias(kmstest.Account, kmstest.Region, "alias/carried"), new(recordpb.Alias))
	k.after("UpdateAlias", 2, func() {
		a.after("UpdateAlias", 0, func() { m.c.Must("UpdateAlias", fields{"AliasName": "alias/carried", "TargetKeyId": other}) })
	})
}

func (m *mixed) importedKeys() {
	id := m.create(fields{"Origin": "EXTERNAL"})
	bring := func() {
		m.t.Helper()
		p := m.c.Must("GetParametersForImport", fields{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
		public, err := base64.StdEncoding.DecodeString(p.String("PublicKey"))
		if err != nil {
			m.t.Fatal(err)
		}
		m.c.Must("ImportKeyMaterial", fields{
			"KeyId": id, "ImportToken": p.String("ImportToken"), "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
			"EncryptedKeyMaterial": kmstest.Wrap(m.t, public, "RSAES_OAEP_SHA_256", make([]byte, 32)),
		})
	}
	bring()
	k := m.key(id)
	k.after("DeleteImportedKeyMaterial", 0, func() { m.c.Must("DeleteImportedKeyMaterial", fields{"KeyId": id}) })
	k.after("ImportKeyMaterial", 0, bring)
}

func (m *mixed) multiRegionKeys() {
	id := m.create(fields{"MultiRegion": true})
	k := m.key(id)
	set := m.mark("set of Regions", record.OfMultiRegion(id), new(recordpb.MultiRegion))
	set.after("ReplicateKey", 0, func() { m.c.Must("ReplicateKey", fields{"KeyId": id, "ReplicaRegion": "eu-west-1"}) })
	set.after("UpdatePrimaryRegion", 0, func() { m.c.Must("UpdatePrimaryRegion", fields{"KeyId": id, "PrimaryRegion": "eu-west-1"}) })
	k.after("RotateKeyOnDemand of the primary", 1, func() {
		m.c.In("eu-west-1").Must("RotateKeyOnDemand", fields{"KeyId": id})
		m.c.Server.Sweep()
	})
}

func (m *mixed) grants() {
	id := m.create(fields{})
	grant := func() string {
		m.t.Helper()
		return m.c.Must("CreateGrant", fields{"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":root", "Operations": []string{"Decrypt"}}).String("GrantId")
	}
	g := grant()
	m.mark("grant", record.OfGrant(kmstest.Account, kmstest.Region, id, g), new(recordpb.Grant))
	count := m.mark("count of grants", record.OfGrantCount(kmstest.Account, kmstest.Region, id), new(recordpb.GrantCount))
	var second string
	count.after("CreateGrant", 0, func() { second = grant() })
	count.after("RevokeGrant", 0, func() { m.c.Must("RevokeGrant", fields{"KeyId": id, "GrantId": second}) })
}

func (m *mixed) keyStores() {
	id := m.c.Must("CreateCustomKeyStore", fields{
		"CustomKeyStoreName": "xks", "CustomKeyStoreType": "EXTERNAL_KEY_STORE", "XksProxyConnectivity": "PUBLIC_ENDPOINT",
		"XksProxyUriEndpoint": "https://proxy.example.com", "XksProxyUriPath": "/kms/xks/v1",
		"XksProxyAuthenticationCredential": fields{"AccessKeyId": "ABCDE234567EXAMPLE22", "RawSecretAccessKey": "0123456789012345678901234567890123456789012"},
	}).String("CustomKeyStoreId")
	s := m.mark("key store", record.OfKeyStore(kmstest.Account, kmstest.Region, id), new(recordpb.KeyStore))
	census := m.mark("count of changes of key stores", record.OfKeyStoreCensus(kmstest.Account, kmstest.Region), new(recordpb.KeyStoreName))
	named := fields{"CustomKeyStoreId": id}
	census.after("UpdateCustomKeyStore", 0, func() {
		s.after("UpdateCustomKeyStore", 0, func() {
			m.c.Must("UpdateCustomKeyStore", fields{"CustomKeyStoreId": id, "NewCustomKeyStoreName": "renamed"})
		})
	})
	s.after("ConnectCustomKeyStore", 0, func() { m.c.Must("ConnectCustomKeyStore", named) })
	s.after("DisconnectCustomKeyStore", 0, func() { m.c.Must("DisconnectCustomKeyStore", named) })
}
