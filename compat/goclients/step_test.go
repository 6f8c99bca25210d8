package goclients_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/awskms"
)

// A certificate authority whose key is in KMS, as step-ca makes it: it creates the key and signs with it.
func TestStepSigner(t *testing.T) {
	s := start(t)
	k, err := awskms.New(t.Context(), apiv1.Options{URI: "awskms:region=" + s.Region})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for name, tt := range map[string]struct {
		algorithm apiv1.SignatureAlgorithm
		bits      int
		want      x509.SignatureAlgorithm
	}{
		"P-256":     {apiv1.ECDSAWithSHA256, 0, x509.ECDSAWithSHA256},
		"P-384":     {apiv1.ECDSAWithSHA384, 0, x509.ECDSAWithSHA384},
		"P-521":     {apiv1.ECDSAWithSHA512, 0, x509.ECDSAWithSHA512},
		"Ed25519":   {apiv1.PureEd25519, 0, x509.PureEd25519},
		"RSA":       {apiv1.SHA256WithRSA, 2048, x509.SHA256WithRSA},
		"RSA-PSS":   {apiv1.SHA512WithRSAPSS, 2048, x509.SHA512WithRSAPSS},
		"RSA, 3072": {apiv1.SHA384WithRSA, 3072, x509.SHA384WithRSA},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := k.CreateKey(&apiv1.CreateKeyRequest{Name: "ca", SignatureAlgorithm: tt.algorithm, Bits: tt.bits})
			if err != nil {
				t.Fatal(err)
			}
			signer, err := k.CreateSigner(&made.CreateSignerRequest)
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
				IsCA: true, BasicConstraintsValid: true, SignatureAlgorithm: tt.want,
			}
			der, err := x509.CreateCertificate(rand.Reader, template, template, made.PublicKey, signer)
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := certificate.CheckSignatureFrom(certificate); err != nil || certificate.SignatureAlgorithm != tt.want {
				t.Errorf("got %v, %v; want a signature by %v", certificate.SignatureAlgorithm, err, tt.want)
			}
		})
	}
	if got := served(t, s, "Sign"); got != 7 {
		t.Errorf("got %d Sign in the audit log, want 7", got)
	}
}

func TestStepDecrypter(t *testing.T) {
	s := start(t)
	k, err := awskms.New(t.Context(), apiv1.Options{Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t, s, kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	d, err := k.CreateDecrypter(&apiv1.CreateDecrypterRequest{DecryptionKey: "awskms:key-id=" + *key.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		sealed, err := rsa.EncryptOAEP(h.New(), rand.Reader, d.Public().(*rsa.PublicKey), []byte("a secret"), nil)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := d.Decrypt(nil, sealed, &rsa.OAEPOptions{Hash: h})
		if err != nil || !bytes.Equal(opened, []byte("a secret")) {
			t.Errorf("%v: got %q, %v", h, opened, err)
		}
	}
}
