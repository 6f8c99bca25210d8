package shape_test

import (
	"encoding/json"
	"testing"

	"qkms/internal/wire/shape"
)

// The generated codec beside that of the standard library, on the request and the answer of GenerateDataKey
// (docs/decisions/0021-json-codecs.md).
//
//	go test -run '^$' -bench Codec -benchmem ./internal/wire/shape
//	GOEXPERIMENT=jsonv2 go test -run '^$' -bench Codec -benchmem ./internal/wire/shape

const dataKeyRequest = `{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","KeySpec":"AES_256","EncryptionContext":{"Purpose":"Test"}}`

// plainRequest and plainAnswer are the same members without the methods of the shapes.
type (
	plainRequest struct {
		KeyId             string
		EncryptionContext map[string]string
		NumberOfBytes     *int
		KeySpec           shape.DataKeySpec
		GrantTokens       []string
		DryRun            *bool
	}
	plainAnswer struct {
		CiphertextBlob []byte
		Plaintext      []byte
		KeyId          string
		KeyMaterialId  string
	}
)

var (
	codecs = []codec{{"encoding/json", json.Unmarshal, json.Marshal}}

	answer = plainAnswer{make([]byte, 152), make([]byte, 32), "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"1234abcd12ab34cd56ef1234567890ab1234abcd12ab34cd56ef1234567890ab"}
)

type codec struct {
	name   string
	decode func([]byte, any) error
	encode func(any) ([]byte, error)
}

func BenchmarkCodecDecode(b *testing.B) {
	body := []byte(dataKeyRequest)
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := new(shape.GenerateDataKeyRequest).DecodeJSON(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, c := range codecs {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.decode(body, new(plainRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCodecEncode(b *testing.B) {
	b.Run("generated", func(b *testing.B) {
		out := &shape.GenerateDataKeyResponse{CiphertextBlob: answer.CiphertextBlob, Plaintext: answer.Plaintext, KeyId: answer.KeyId, KeyMaterialId: answer.KeyMaterialId}
		var room []byte
		b.ReportAllocs()
		for b.Loop() {
			room = out.AppendJSON(room[:0])
		}
	})
	for _, c := range codecs {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.encode(answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
