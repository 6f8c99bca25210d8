package attest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// Pieces of the envelope that never change, in DER (RFC 5652 §6.1, RFC 8017 A.2.1, RFC 3565 §4.1).
// The outer layers are of indefinite length: the AWS SDK that opens envelopes inside enclaves
// descends into no others (key material spec §4.5 [R]).
var (
	// ContentInfo { envelopedData, [0] EnvelopedData { version 2, …
	envelopeStart = []byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80\x02\x01\x02")

	// RSAES-OAEP with SHA-256, MGF1 with SHA-256, empty label.
	oaep = []byte("\x30\x3c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2f" +
		"\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00" +
		"\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" +
		"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00")

	// EncryptedContentInfo { data, AES-256-CBC with the IV that follows
	contentStart = []byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" +
		"\x30\x1d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x10")

	version2 = []byte{0x02, 0x01, 0x02}

	// envelopeEnd closes EncryptedContentInfo, EnvelopedData, [0] and ContentInfo.
	envelopeEnd = make([]byte, 4*2)
)

// Identifier octets (X.690 §8.1.2).
const (
	tagOctets   = 0x04
	tagSequence = 0x30
	tagSet      = 0x31
	tagZero     = 0x80 // [0], primitive
)

const contentKeySize = 32

// Envelope encrypts plaintext to pub: a CMS EnvelopedData in BER, byte for byte in the shape of
// CiphertextForRecipient (key material spec §4.5). The content is plaintext under a fresh AES-256 key
// in CBC mode with PKCS #7 padding. That has no integrity of its own; the format leaves it to TLS.
//
// The error tells of a key that cannot be used, which no Document has.
func Envelope(pub *rsa.PublicKey, plaintext []byte) ([]byte, error) {
	if err := usable(pub); err != nil {
		return nil, fmt.Errorf("recipient's key: %w", err)
	}
	key := make([]byte, contentKeySize)
	defer clear(key)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	recipient, err := recipientInfo(pub, key)
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(envelopeStart)
	out = appendTLV(out, tagSet, recipient)
	out = append(out, contentStart...)
	if out, err = appendContent(out, key, plaintext); err != nil {
		return nil, err
	}
	return append(out, envelopeEnd...), nil
}

// recipientInfo is a KeyTransRecipientInfo: version, whose key, how it is wrapped, wrapped key.
func recipientInfo(pub *rsa.PublicKey, key []byte) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("recipient's key: %w", err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, key, nil)
	if err != nil {
		return nil, fmt.Errorf("recipient's key: %w", err)
	}
	id := sha256.Sum256(spki) // 32 bytes as recorded; of what, is not published, and nobody reads it [U]
	info := bytes.Clone(version2)
	info = appendTLV(info, tagZero, id[:])
	info = append(info, oaep...)
	info = appendTLV(info, tagOctets, wrapped)
	return appendTLV(nil, tagSequence, info), nil
}

// appendContent appends the IV, then the encrypted content as [0] primitive. The padded plaintext is
// encrypted where it stands, so that no copy of it is left behind.
func appendContent(dst, key, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("content key: %w", err)
	}
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv)
	padding := aes.BlockSize - len(plaintext)%aes.BlockSize // RFC 5652 §6.3
	size := len(plaintext) + padding

	dst = appendLength(append(append(dst, iv...), tagZero), size)
	padded := make([]byte, 0, size)
	padded = append(padded, plaintext...)
	padded = append(padded, bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return append(dst, padded...), nil
}

func appendTLV(dst []byte, tag byte, value []byte) []byte {
	return append(appendLength(append(dst, tag), len(value)), value...)
}

// appendLength appends the definite form (X.690 §8.1.3.3 to §8.1.3.5), as short as it can be.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 1<<7:
		return append(dst, byte(n))
	case n < 1<<8:
		return append(dst, 0x81, byte(n))
	case n < 1<<16:
		return append(dst, 0x82, byte(n>>8), byte(n))
	}
	return append(dst, 0x83, byte(n>>16), byte(n>>8), byte(n))
}
