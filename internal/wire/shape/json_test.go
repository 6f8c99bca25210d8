package shape_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/fault"
	"qkms/internal/wire/shape"
)

func TestDecodeRefusesWhatIsNoRequest(t *testing.T) {
	nested := func(n int) string { return `{"X":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for name, body := range map[string]string{
		"white space only":                  " ",
		"null":                              `null`,
		"a list":                            `[]`,
		"a string":                          `"x"`,
		"not JSON":                          `KeyId=x`,
		"byte order mark":                   "\xEF\xBB\xBF{}",
		"unfinished object":                 `{"KeyId":"x"`,
		"unfinished string":                 `{"KeyId":"x`,
		"unfinished escape":                 `{"KeyId":"x\`,
		"trailing comma":                    `{"KeyId":"x",}`,
		"missing comma":                     `{"KeyId":"x" "DryRun":true}`,
		"missing colon":                     `{"KeyId" "x"}`,
		"bare name":                         `{KeyId:"x"}`,
		"single quotes":                     `{'KeyId':'x'}`,
		"comment":                           `{/**/}`,
		"second object":                     `{}{}`,
		"trailing NUL":                      "{}\x00",
		"number for a string":               `{"KeyId":1}`,
		"string for a boolean":              `{"DryRun":"true"}`,
		"capital boolean":                   `{"DryRun":True}`,
		"cut boolean":                       `{"DryRun":tru}`,
		"string for an integer":             `{"NumberOfBytes":"32"}`,
		"fraction for an integer":           `{"NumberOfBytes":32.0}`,
		"exponent for an integer":           `{"NumberOfBytes":32e0}`,
		"integer over 32 bits":              `{"NumberOfBytes":4294967328}`,
		"leading zero":                      `{"NumberOfBytes":032}`,
		"leading plus":                      `{"NumberOfBytes":+32}`,
		"object for a list":                 `{"GrantTokens":{}}`,
		"string for a list":                 `{"GrantTokens":"t"}`,
		"null in a list":                    `{"GrantTokens":[null]}`,
		"null in a map":                     `{"EncryptionContext":{"a":null}}`,
		"number in a map":                   `{"EncryptionContext":{"a":1}}`,
		"list for a map":                    `{"EncryptionContext":[]}`,
		"list for a structure":              `{"Recipient":[]}`,
		"wrong type inside a structure":     `{"Recipient":{"AttestationDocument":7}}`,
		"base64 without padding":            `{"Recipient":{"AttestationDocument":"aGk"}}`,
		"base64 of URLs":                    `{"Recipient":{"AttestationDocument":"-_-_"}}`,
		"base64 with line break":            `{"Recipient":{"AttestationDocument":"aG\nk="}}`,
		"base64 with stray bits":            `{"Recipient":{"AttestationDocument":"aGl="}}`,
		"base64 with white space":           `{"Recipient":{"AttestationDocument":"aG k="}}`,
		"control character":                 "{\"KeyId\":\"a\tb\"}",
		"control character after an escape": "{\"KeyId\":\"\\na\tb\"}",
		"invalid UTF-8":                     "{\"KeyId\":\"\xff\"}",
		"invalid UTF-8 after an escape":     "{\"KeyId\":\"\\n\xff\"}",
		"surrogate in UTF-8":                "{\"KeyId\":\"\xED\xA0\x80\"}",
		"half a surrogate pair":             `{"KeyId":"\ud83d"}`,
		"low half first":                    `{"KeyId":"\ude00\ud83d"}`,
		"high half twice":                   `{"KeyId":"\ud83d\ud83d"}`,
		"unknown escape":                    `{"KeyId":"\x41"}`,
		"escape without digits":             `{"KeyId":"\u00g0"}`,
		"repeated member":                   `{"KeyId":"a","KeyId":"b"}`,
		"repeated member, null first":       `{"KeyId":null,"KeyId":"b"}`,
		"repeated member, escaped":          `{"KeyId":"a","Key\u0049d":"b"}`,
		"repeated member inside":            `{"Recipient":{"KeyEncryptionAlgorithm":"a","KeyEncryptionAlgorithm":"b"}}`,
		"repeated key of a map":             `{"EncryptionContext":{"a":"1","\u0061":"2"}}`,
		"broken value of unknown member":    `{"X":[1,]}`,
		"broken number of unknown member":   `{"X":1.}`,
		"nested 17 deep":                    nested(16),
		"nested very deep":                  `{"X":` + strings.Repeat("[", 500_000),
	} {
		t.Run(name, func(t *testing.T) {
			err := new(shape.GenerateDataKeyRequest).DecodeJSON([]byte(body))
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != fault.Serialization {
				t.Errorf("got %v, want %s", err, fault.Serialization)
			}
		})
	}
	if err := new(shape.GenerateDataKeyRequest).DecodeJSON([]byte(nested(15))); err != nil {
		t.Errorf("nested 16 deep: %v", err)
	}
}

func TestDecodeReads(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want shape.GenerateDataKeyRequest
	}{
		"an empty body":            {"", shape.GenerateDataKeyRequest{}},
		"an empty object":          {" { } \n", shape.GenerateDataKeyRequest{}},
		"nulls as absent":          {`{"KeyId":null,"DryRun":null,"GrantTokens":null,"Recipient":null}`, shape.GenerateDataKeyRequest{}},
		"no names in other case":   {`{"keyId":"x","KEYID":"y"}`, shape.GenerateDataKeyRequest{}},
		"past unknown members":     {`{"A":{"B":[1,-2.5e+3,"\"",null,true,false,{}]},"KeyId":"x"}`, shape.GenerateDataKeyRequest{KeyId: "x"}},
		"escapes":                  {`{"KeyId":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00é"}`, shape.GenerateDataKeyRequest{KeyId: "\"\\/\b\f\n\r\tA😀é"}},
		"escaped names":            {`{"\u004beyId":"x"}`, shape.GenerateDataKeyRequest{KeyId: "x"}},
		"escaped slashes in blobs": {`{"Recipient":{"AttestationDocument":"\/\/\/\/"}}`, shape.GenerateDataKeyRequest{Recipient: &shape.RecipientInfo{AttestationDocument: []byte{255, 255, 255}}}},
		"integers":                 {`{"NumberOfBytes":-12}`, shape.GenerateDataKeyRequest{NumberOfBytes: -12}},
		"lists, maps, booleans": {
			`{"GrantTokens":["a","b"],"EncryptionContext":{"k":"v","":""},"DryRun":true}`,
			shape.GenerateDataKeyRequest{GrantTokens: []string{"a", "b"}, EncryptionContext: map[string]string{"k": "v", "": ""}, DryRun: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := shape.GenerateDataKeyRequest{KeyId: "left from before"}
			if err := got.DecodeJSON([]byte(test.body)); err != nil {
				t.Fatal(err)
			}
			if got, want := plain(t, &got), plain(t, &test.want); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestDecodeTimestamps(t *testing.T) {
	for body, want := range map[string]time.Time{
		"1700000000":      time.Unix(1_700_000_000, 0),
		"1700000000.123":  time.UnixMilli(1_700_000_000_123),
		"1.7e9":           time.Unix(1_700_000_000, 0),
		"0":               time.Unix(0, 0),
		"-1.5":            time.UnixMilli(-1500),
		"253402300799":    {},
		"-62135596800":    {},
		"1e400":           {},
		`"2030-01-01"`:    {},
		"0x10":            {},
		"NaN":             {},
		"1700000000.12.3": {},
	} {
		var got shape.ImportKeyMaterialRequest
		err := got.DecodeJSON([]byte(`{"ValidTo":` + body + `}`))
		if (err != nil) != want.IsZero() || err == nil && !got.ValidTo.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", body, got.ValidTo, err, want)
		}
	}
}

// An error must not carry what was sent to us: it may be a plaintext.
func TestDecodeNeverQuotes(t *testing.T) {
	for _, body := range []string{
		`{"Plaintext":"c2VjcmV0` + "\x01" + `"}`, `{"Plaintext":c2VjcmV0}`, `{"Plaintext":"c2VjcmV0!"}`, `{"Plaintext":{"c2VjcmV0":1}}`, `c2VjcmV0`,
	} {
		err := new(shape.EncryptRequest).DecodeJSON([]byte(body))
		if err == nil || strings.Contains(err.Error(), "c2Vj") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

// Whatever encoding/json writes for a request, for any values, DecodeJSON reads back.
func TestDecodeReadsWhatEncodingJSONWrites(t *testing.T) {
	for _, op := range shape.Operations {
		t.Run(op.Name, rapid.MakeCheck(func(t *rapid.T) {
			sent, got := op.New(), op.New()
			fill(t, reflect.ValueOf(sent).Elem())
			body := plain(t, sent)
			if err := got.DecodeJSON([]byte(body)); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if again := plain(t, got); again != body {
				t.Fatalf("got %s, want %s", again, body)
			}
		}))
	}
}

// FuzzDecode compares the reader with encoding/json: what we accept, it accepts, and means the same by.
func FuzzDecode(f *testing.F) {
	for i, op := range shape.Operations {
		f.Add(uint8(i), []byte(`{"KeyId":"alias/a","`+op.Members[0]+`":null}`))
	}
	for _, body := range []string{
		`{"KeyId":"k","EncryptionContext":{"\ud83d\ude00":"\/"},"GrantTokens":["a"],"NumberOfBytes":-0,"DryRun":false,"X":[1e5,{}]}`,
		`{"KeyId":"k","Recipient":{"AttestationDocument":"AAAA","KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}}`,
		`{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":""},{}],"keyid":"K","Key\u0049D":1}`,
	} {
		for i, op := range shape.Operations {
			if op.Name == "GenerateDataKey" || op.Name == "CreateKey" {
				f.Add(uint8(i), []byte(body))
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, body []byte) {
		op := shape.Operations[int(i)%len(shape.Operations)]
		got, want := op.New(), op.New()
		if got.DecodeJSON(body) != nil || len(body) == 0 {
			return
		}
		_ = got.Validate()
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var theirs any
		if err := d.Decode(&theirs); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", body, err)
		}
		exact, err := json.Marshal(exactNames(theirs, reflect.TypeOf(want)))
		if err == nil {
			err = json.Unmarshal(exact, want)
		}
		if err != nil {
			t.Fatalf("encoding/json refuses %q: %v", body, err)
		}
		if got, want := plain(t, got), plain(t, want); got != want {
			t.Fatalf("%q: got %s, want %s", body, got, want)
		}
	})
}

// exactNames drops the members that t does not have in that very spelling, because encoding/json would
// take them for others, and timestamps, which it reads from text.
func exactNames(v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = exactNames(v[i], t.Elem())
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return v
		}
		for name := range v {
			f, found := t.FieldByName(name)
			if !found || !f.IsExported() || f.Type == reflect.TypeFor[time.Time]() {
				delete(v, name)
				continue
			}
			v[name] = exactNames(v[name], f.Type)
		}
	}
	return v
}

// plain is what encoding/json writes for x, without timestamps.
func plain(t interface {
	Helper()
	Fatal(...any)
}, x any) string {
	t.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	if _, timed := x.(*shape.ImportKeyMaterialRequest); !timed {
		return string(text)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "ValidTo")
	text, _ = json.Marshal(m)
	return string(text)
}

// fill gives v random values of its type.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Int:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "present") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Map:
		if rapid.Bool().Draw(t, "present") {
			v.Set(reflect.ValueOf(rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "map")))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[time.Time]() {
				fill(t, v.Field(i))
			}
		}
	}
}

func BenchmarkDecodeGenerateDataKey(b *testing.B) {
	body := []byte(`{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab","KeySpec":"AES_256","EncryptionContext":{"Purpose":"Test"}}`)
	b.ReportAllocs()
	for b.Loop() {
		var r shape.GenerateDataKeyRequest
		if err := r.DecodeJSON(body); err != nil {
			b.Fatal(err)
		}
		if err := r.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
