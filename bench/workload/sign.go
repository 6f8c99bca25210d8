package workload

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"filippo.io/mldsa"
)

// signers says for each spec by which algorithm it signs and how that is verified, by Go's own cryptography.
var signers = map[string]struct {
	algorithm string
	verify    func(public, message, signature []byte) bool
}{
	"ECC_NIST_P256": {"ECDSA_SHA_256", func(public, message, signature []byte) bool {
		k, is := parse(public).(*ecdsa.PublicKey)
		digest := sha256.Sum256(message)
		return is && ecdsa.VerifyASN1(k, digest[:], signature)
	}},
	"RSA_2048": {"RSASSA_PSS_SHA_256", func(public, message, signature []byte) bool {
		k, is := parse(public).(*rsa.PublicKey)
		digest := sha256.Sum256(message)
		return is && rsa.VerifyPSS(k, crypto.SHA256, digest[:], signature, nil) == nil
	}},
	"ECC_NIST_EDWARDS25519": {"ED25519_SHA_512", func(public, message, signature []byte) bool {
		k, is := parse(public).(ed25519.PublicKey)
		return is && ed25519.Verify(k, message, signature)
	}},
	"ML_DSA_65": {"ML_DSA_SHAKE_256", func(public, message, signature []byte) bool {
		k, err := mldsa.NewPublicKey(mldsa.MLDSA65(), bits(public))
		return err == nil && mldsa.Verify(k, message, signature, nil) == nil
	}},
}

// parse is the public key in a SubjectPublicKeyInfo, or nil.
func parse(public []byte) any {
	k, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil
	}
	return k
}

// bits is what a SubjectPublicKeyInfo has of a key that crypto/x509 does not know.
func bits(public []byte) []byte {
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(public, &info); err != nil {
		return nil
	}
	return info.Key.Bytes
}

func (a *actor) sign() error {
	specs := []string{"ECC_NIST_P256", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "ML_DSA_65", "RSA_2048"}
	k := a.pick(specs[a.rand.IntN(len(specs))])
	if k == nil {
		return nil
	}
	by, message := signers[k.spec], a.bytes(1+a.rand.IntN(4096))
	in := fields{"KeyId": k.id, "Message": message, "MessageType": "RAW", "SigningAlgorithm": by.algorithm}
	var made struct{ Signature []byte }
	if err := a.must("Sign", in, &made); err != nil {
		return err
	}
	if err := a.learn(k); err != nil {
		return err
	}
	if !by.verify(k.public, message, made.Signature) {
		return fmt.Errorf("the signature of %s %s does not verify", k.spec, k.id)
	}
	if a.rand.IntN(4) > 0 {
		return nil
	}
	in["Signature"] = made.Signature
	if err := a.must("Verify", in, nil); err != nil {
		return err
	}
	in["Message"] = append(message[:len(message)-1:len(message)-1], message[len(message)-1]^1)
	return a.refused("Verify", in, "KMSInvalidSignatureException")
}

// learn asks for the public key, once.
func (a *actor) learn(k *key) error {
	if k.public != nil {
		return nil
	}
	var got struct{ PublicKey []byte }
	err := a.must("GetPublicKey", fields{"KeyId": k.id}, &got)
	k.public = got.PublicKey
	return err
}

func (a *actor) mac() error {
	k := a.pick("HMAC_256")
	if k == nil {
		return nil
	}
	in := fields{"KeyId": k.id, "Message": a.bytes(1 + a.rand.IntN(4096)), "MacAlgorithm": "HMAC_SHA_256"}
	var one, other struct{ Mac []byte }
	if err := a.must("GenerateMac", in, &one); err != nil {
		return err
	}
	if err := a.must("GenerateMac", in, &other); err != nil {
		return err
	}
	if len(one.Mac) != 32 || !bytes.Equal(one.Mac, other.Mac) {
		return fmt.Errorf("GenerateMac: got %x and %x, want the same 32 bytes", one.Mac, other.Mac)
	}
	in["Mac"] = one.Mac
	if err := a.must("VerifyMac", in, nil); err != nil {
		return err
	}
	one.Mac[a.rand.IntN(32)] ^= 1
	return a.refused("VerifyMac", in, "KMSInvalidMacException")
}

// pair looks whether the halves of a data key pair belong together.
func (a *actor) pair() error {
	k := a.pick("SYMMETRIC_DEFAULT")
	var made struct{ PublicKey, PrivateKeyPlaintext, PrivateKeyCiphertextBlob []byte }
	if err := a.must("GenerateDataKeyPair", fields{"KeyId": k.id, "KeyPairSpec": "ECC_NIST_P256"}, &made); err != nil {
		return err
	}
	private, err := x509.ParsePKCS8PrivateKey(made.PrivateKeyPlaintext)
	if err != nil {
		return fmt.Errorf("GenerateDataKeyPair: %w", err)
	}
	mine, is := private.(*ecdsa.PrivateKey)
	if !is || !mine.PublicKey.Equal(parse(made.PublicKey)) {
		return errors.New("GenerateDataKeyPair: the halves do not belong together")
	}
	s := &sealed{key: k, plaintext: made.PrivateKeyPlaintext, blob: made.PrivateKeyCiphertextBlob}
	a.keep(s)
	return a.opens(s)
}

// agree comes to the same secret from the other side.
func (a *actor) agree() error {
	k := a.pick("ECC_NIST_P384")
	if k == nil {
		return nil
	}
	if err := a.learn(k); err != nil {
		return err
	}
	theirs, is := parse(k.public).(*ecdsa.PublicKey)
	if !is {
		return fmt.Errorf("GetPublicKey of %s: no such key", k.spec)
	}
	peer, err := theirs.ECDH()
	if err != nil {
		return err
	}
	mine, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	want, err := mine.ECDH(peer)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
	if err != nil {
		return err
	}
	var got struct{ SharedSecret []byte }
	if err := a.must("DeriveSharedSecret", fields{"KeyId": k.id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public}, &got); err != nil {
		return err
	}
	if !bytes.Equal(got.SharedSecret, want) {
		return errors.New("DeriveSharedSecret: got another secret than the other side")
	}
	return nil
}
