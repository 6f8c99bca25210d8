package shape_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/wire/shape"
)

func TestAppendJSON(t *testing.T) {
	for _, test := range []struct {
		name string
		out  shape.Encoder
		want string
	}{
		{"no members", &shape.ConnectCustomKeyStoreResponse{}, `{}`},
		{"nothing set", &shape.DecryptResponse{}, `{}`},
		{"blobs and text", &shape.GenerateDataKeyResponse{CiphertextBlob: []byte{0xFB, 0xFF}, Plaintext: []byte("hi"), KeyId: "k"}, `{"CiphertextBlob":"+/8=","Plaintext":"aGk=","KeyId":"k"}`},
		{"booleans always", &shape.VerifyResponse{KeyId: "k"}, `{"KeyId":"k","SignatureValid":false}`},
		{"an empty page is a list", &shape.ListKeysResponse{}, `{"Keys":[],"Truncated":false}`},
		{"required and always members", &shape.KeyMetadata{}, `{"KeyId":"","Enabled":false,"Description":"","MultiRegion":false}`},
		{"empty list kept, nil dropped", &shape.MultiRegionConfiguration{ReplicaKeys: []shape.MultiRegionKey{}}, `{"ReplicaKeys":[]}`},
		{"empty structure kept", &shape.GetKeyLastUsageResponse{KeyLastUsage: &shape.KeyLastUsageData{}}, `{"KeyLastUsage":{}}`},
		{"tags", &shape.ListResourceTagsResponse{Tags: []shape.Tag{{TagKey: "a"}, {TagKey: "b", TagValue: "é"}}}, `{"Tags":[{"TagKey":"a","TagValue":""},{"TagKey":"b","TagValue":"é"}],"Truncated":false}`},
		{
			"enums, nested structures, maps in order",
			&shape.GrantListEntry{Operations: []shape.GrantOperation{"Encrypt", "Decrypt"}, Constraints: &shape.GrantConstraints{EncryptionContextEquals: map[string]string{"b": "2", "a": "1"}}},
			`{"Operations":["Encrypt","Decrypt"],"Constraints":{"EncryptionContextEquals":{"a":"1","b":"2"}}}`,
		},
		{"milliseconds", &shape.AliasListEntry{CreationDate: time.UnixMilli(1_700_000_000_123)}, `{"CreationDate":1700000000.123}`},
		{"milliseconds trimmed", &shape.AliasListEntry{CreationDate: time.UnixMilli(1_700_000_000_050)}, `{"CreationDate":1700000000.05}`},
		{"whole seconds", &shape.AliasListEntry{CreationDate: time.Unix(1_700_000_000, 999_999)}, `{"CreationDate":1700000000}`},
		{"before 1970", &shape.AliasListEntry{CreationDate: time.UnixMilli(-1500)}, `{"CreationDate":-1.5}`},
		{"integers", &shape.ScheduleKeyDeletionResponse{PendingWindowInDays: 30}, `{"PendingWindowInDays":30}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(test.out.AppendJSON([]byte("before"))); got != "before"+test.want {
				t.Errorf("got %s, want before%s", got, test.want)
			}
		})
	}
}

// Any text is written as JSON that reads back as the same text; bytes that are no text become U+FFFD.
func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		text := shape.AppendString(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := string([]rune(s)); got != want {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
	})
}

// Nothing that prints a request or response may print the secrets in it.
func TestSecretsDoNotPrint(t *testing.T) {
	const canary = "canary"
	all := []any{
		&shape.DecryptResponse{Plaintext: []byte(canary)},
		&shape.GenerateDataKeyResponse{Plaintext: []byte(canary)},
		&shape.GenerateDataKeyPairResponse{PrivateKeyPlaintext: []byte(canary)},
		&shape.GenerateRandomResponse{Plaintext: []byte(canary)},
		&shape.DeriveSharedSecretResponse{SharedSecret: []byte(canary)},
		&shape.EncapsulateResponse{SharedSecret: []byte(canary)},
		&shape.DecapsulateResponse{SharedSecret: []byte(canary)},
		&shape.XksProxyAuthenticationCredentialType{RawSecretAccessKey: canary},
	}
	for _, op := range shape.Operations {
		in := op.New()
		for _, name := range op.Secrets {
			switch f := reflect.ValueOf(in).Elem().FieldByName(name); f.Interface().(type) {
			case string:
				f.SetString(canary)
			case []byte:
				f.SetBytes([]byte(canary))
			case []string:
				f.Set(reflect.ValueOf([]string{canary}))
			}
			all = append(all, in)
		}
	}
	for _, x := range all {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "x", x)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "x", x)
		for _, value := range []any{x, reflect.ValueOf(x).Elem().Interface(), struct{ X any }{x}, []any{x}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&log, verb, value)
			}
		}
		for _, trace := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary)), "Y2FuYXJ5"} {
			if strings.Contains(log.String(), trace) {
				t.Errorf("%T prints its secret: %s", x, log.String())
			}
		}
	}
}

func BenchmarkAppendGenerateDataKey(b *testing.B) {
	out := &shape.GenerateDataKeyResponse{
		CiphertextBlob: make([]byte, 160), Plaintext: make([]byte, 32),
		KeyId:         "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		KeyMaterialId: strings.Repeat("0123456789abcdef", 4),
	}
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = out.AppendJSON(dst[:0])
	}
}
