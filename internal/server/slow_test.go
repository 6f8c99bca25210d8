package server_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"qkms/internal/bulkhead"
	"qkms/internal/kmstest"
)

// hold takes every slot of a lane, and then every place to wait for one, each for an account of its own, until release
// is called.
func hold(t *testing.T, l *bulkhead.Lane) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	var wg sync.WaitGroup
	before := l.Stats().Refused
	for i := uint64(1); l.Stats().Refused == before; i++ {
		wg.Go(func() {
			_ = l.Do(t.Context(), bulkhead.Flow{Account: fmt.Sprint(i)}, func() { <-gate })
		})
		for s := l.Stats(); uint64(s.Running+s.Waiting)+s.Refused-before < i; s = l.Stats() {
			runtime.Gosched()
		}
	}
	return func() { close(gate); wg.Wait() }
}

// Computations that take long do not hold up the others, by construction: while all of them that may run at a time do,
// and all that may wait, others are answered as ever; those that take long are refused before they have begun.
func TestSlowOnesStallNobody(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	key := func(spec, usage string) string {
		return root.Must("CreateKey", map[string]any{"KeySpec": spec, "KeyUsage": usage}).String("KeyMetadata.KeyId")
	}
	sign := func(spec, algorithm string) func() *kmstest.Reply {
		id := key(spec, "SIGN_VERIFY")
		return func() *kmstest.Reply {
			return root.Call("Sign", map[string]any{"KeyId": id, "Message": "aGk=", "SigningAlgorithm": algorithm})
		}
	}
	p384 := key("ECC_NIST_P384", "SIGN_VERIFY")
	signature := root.Must("Sign", map[string]any{"KeyId": p384, "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_384"}).String("Signature")
	symmetric, rsa, p521, kem := key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), key("RSA_2048", "ENCRYPT_DECRYPT"), key("ECC_NIST_P521", "KEY_AGREEMENT"), key("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
	sealed := root.Must("Encrypt", map[string]any{"KeyId": rsa, "Plaintext": "aGk=", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}).String("CiphertextBlob")
	peer := root.Must("GetPublicKey", map[string]any{"KeyId": p521}).String("PublicKey")
	capsule := root.Must("Encapsulate", map[string]any{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"}).String("SharedSecretCiphertextBlob")
	call := func(operation string, in map[string]any) func() *kmstest.Reply {
		return func() *kmstest.Reply { return root.Call(operation, in) }
	}
	slow := map[string]func() *kmstest.Reply{
		"Sign RSA_2048":                call("Sign", map[string]any{"KeyId": key("RSA_2048", "SIGN_VERIFY"), "Message": "aGk=", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}),
		"Sign ML_DSA_65":               sign("ML_DSA_65", "ML_DSA_SHAKE_256"),
		"Sign ECC_NIST_P384":           sign("ECC_NIST_P384", "ECDSA_SHA_384"),
		"Verify ECC_NIST_P384":         call("Verify", map[string]any{"KeyId": p384, "Message": "aGk=", "Signature": signature, "SigningAlgorithm": "ECDSA_SHA_384"}),
		"Decrypt RSA_2048":             call("Decrypt", map[string]any{"KeyId": rsa, "CiphertextBlob": sealed, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}),
		"DeriveSharedSecret P521":      call("DeriveSharedSecret", map[string]any{"KeyId": p521, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer}),
		"CreateKey RSA_2048":           call("CreateKey", map[string]any{"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
		"GenerateDataKeyPair RSA_2048": call("GenerateDataKeyPair", map[string]any{"KeyId": symmetric, "KeyPairSpec": "RSA_2048"}),
	}
	quick := map[string]func() *kmstest.Reply{
		"GenerateDataKey":          call("GenerateDataKey", map[string]any{"KeyId": symmetric, "KeySpec": "AES_256"}),
		"Sign ECC_NIST_P256":       sign("ECC_NIST_P256", "ECDSA_SHA_256"),
		"Encrypt RSA_2048":         call("Encrypt", map[string]any{"KeyId": rsa, "Plaintext": "aGk=", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}),
		"Decapsulate ML_KEM_768":   call("Decapsulate", map[string]any{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": capsule}),
		"GenerateDataKeyPair P256": call("GenerateDataKeyPair", map[string]any{"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"}),
	}

	lanes := []*bulkhead.Lane{s.Custody.Slow().Short, s.Custody.Slow().Long}
	var release []func()
	for _, l := range lanes {
		release = append(release, hold(t, l))
	}
	begun := func() uint64 { return lanes[0].Stats().Begun + lanes[1].Stats().Begun }
	before := begun()
	var wg sync.WaitGroup
	for name, do := range slow {
		wg.Go(func() {
			if r := do(); r.Status != 400 || r.Code() != "ThrottlingException" || !strings.Contains(r.Message(), "exceeded the rate at which you may call KMS") {
				t.Errorf("%s while all slots are taken: got %s", name, r.Raw)
			}
		})
	}
	for range 20 {
		for name, do := range quick {
			if r := do(); r.Status != 200 {
				t.Errorf("%s beside it: got %s", name, r.Raw)
			}
		}
	}
	wg.Wait()
	if now := begun(); now != before {
		t.Errorf("got %d computations begun that take long, of %d refused requests", now-before, len(slow))
	}
	for _, let := range release {
		let()
	}
	for name, do := range slow {
		if r := do(); r.Status != 200 {
			t.Errorf("%s afterwards: got %s", name, r.Raw)
		}
	}
	if begun() == before {
		t.Error("none of them counts as long")
	}
	refused := 0
	for _, e := range s.Records() {
		if strings.Contains(string(e.Line), `"errorCode":"ThrottlingException"`) {
			refused++
		}
	}
	if refused != len(slow) {
		t.Errorf("got %d refusals in the audit log, want %d", refused, len(slow))
	}
}

// A data key pair that was made in advance is there at once, however busy the rest is, and is like any other.
func TestReadyPairIsAnswered(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	ask := map[string]any{"KeyId": id, "KeyPairSpec": "RSA_2048"}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Custody.KeepReady(ctx, 1) })
	defer func() { cancel(); wg.Wait() }()
	first := root.Must("GenerateDataKeyPair", ask) // none is ready before somebody asks
	for now, _ := s.Custody.Ready(); now == 0; now, _ = s.Custody.Ready() {
		runtime.Gosched()
	}
	defer hold(t, s.Custody.Slow().Long)()
	pair := root.Must("GenerateDataKeyPair", ask)
	if _, taken := s.Custody.Ready(); taken != 1 || pair.String("PublicKey") == first.String("PublicKey") {
		t.Errorf("got %d taken, want 1, and a pair that nobody had", taken)
	}
	opened := root.Must("Decrypt", map[string]any{"CiphertextBlob": pair.String("PrivateKeyCiphertextBlob")})
	if opened.String("Plaintext") != pair.String("PrivateKeyPlaintext") {
		t.Error("the private key is not what was encrypted")
	}
	der, _ := base64.StdEncoding.DecodeString(pair.String("PrivateKeyPlaintext"))
	if k, err := x509.ParsePKCS8PrivateKey(der); err != nil {
		t.Error(err)
	} else if spki, _ := x509.MarshalPKIXPublicKey(k.(*rsa.PrivateKey).Public()); base64.StdEncoding.EncodeToString(spki) != pair.String("PublicKey") {
		t.Error("the public key is another's")
	}
	if r := root.Call("GenerateDataKeyPair", ask); r.Code() != "ThrottlingException" { // there was one
		t.Errorf("got %s", r.Raw)
	}
}
