package sdk_test

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func newExternalKey(t *testing.T, c *kms.Client, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeExternal, KeySpec: spec, KeyUsage: usage})
	k := ok(t, out, err).KeyMetadata
	if k.KeyState != types.KeyStatePendingImport || k.Enabled || k.Origin != types.OriginTypeExternal || k.CurrentKeyMaterialId != nil {
		t.Errorf("got %s %t %s %v, want PendingImport, false, EXTERNAL and no material", k.KeyState, k.Enabled, k.Origin, k.CurrentKeyMaterialId)
	}
	return k
}

// importInput wraps material for a key, never to expire.
func importInput(t *testing.T, c *kms.Client, k *types.KeyMetadata, algorithm types.AlgorithmSpec, material []byte) *kms.ImportKeyMaterialInput {
	t.Helper()
	out, err := c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
		KeyId: k.KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: types.WrappingKeySpecRsa4096,
	})
	p := ok(t, out, err)
	if d := time.Until(*p.ParametersValidTo) - 24*time.Hour; *p.KeyId != *k.Arn || d < -time.Hour || d > time.Minute {
		t.Errorf("got parameters of %s until %v, want of %s for a day", *p.KeyId, *p.ParametersValidTo, *k.Arn)
	}
	parsed, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := material
	if algorithm == types.AlgorithmSpecRsaAesKeyWrapSha256 {
		kek := make([]byte, 32)
		_, _ = rand.Read(kek)
		material, wrapped = kek, wrapKWP(t, kek, material)
	} else {
		wrapped = nil
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, parsed.(*rsa.PublicKey), material, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &kms.ImportKeyMaterialInput{
		KeyId: k.KeyId, ImportToken: p.ImportToken, EncryptedKeyMaterial: append(sealed, wrapped...),
		ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
	}
}

// wrapKWP is RFC 5649 §4.1, of more than eight bytes.
func wrapKWP(t *testing.T, kek, material []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(kek)
	if err != nil {
		t.Fatal(err)
	}
	out := binary.BigEndian.AppendUint32([]byte{0xa6, 0x59, 0x59, 0xa6}, uint32(len(material)))
	out = append(out, material...)
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	n, b := len(out)/8-1, make([]byte, 16)
	for step := range 6 * n {
		r := out[8*(step%n+1):][:8]
		block.Encrypt(b, append(append([]byte(nil), out[:8]...), r...))
		binary.BigEndian.PutUint64(out, binary.BigEndian.Uint64(b)^uint64(step+1))
		copy(r, b[8:])
	}
	return out
}

// The life of an imported symmetric key: imported, used, deleted, imported again; and a second material.
func TestImportSymmetric(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k := newExternalKey(t, c, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt)
	first, second := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(first)
	_, _ = rand.Read(second)
	in := importInput(t, c, k, types.AlgorithmSpecRsaesOaepSha256, first)
	imported, err := c.ImportKeyMaterial(ctx, in)
	id := *ok(t, imported, err).KeyMaterialId
	described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
	if m := ok(t, described, err).KeyMetadata; m.KeyState != types.KeyStateEnabled || *m.CurrentKeyMaterialId != id || m.ExpirationModel != types.ExpirationModelTypeKeyMaterialDoesNotExpire || m.ValidTo != nil {
		t.Errorf("imported: got %s %s %s %v, want Enabled %s and no end", m.KeyState, *m.CurrentKeyMaterialId, m.ExpirationModel, m.ValidTo, id)
	}
	blob := seal(t, c, *k.KeyId, []byte("kept"), tenant)
	checkOpens(t, c, k, blob, tenant, []byte("kept"), id)

	deleted, err := c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
	if got := ok(t, deleted, err); *got.KeyId != *k.Arn || *got.KeyMaterialId != id {
		t.Errorf("deleted: got %s %s, want %s %s", *got.KeyId, *got.KeyMaterialId, *k.Arn, id)
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: tenant})
	refused[*types.KMSInvalidStateException](t, err, "KMSInvalidStateException", *k.Arn+" is pending import.")
	_, err = c.ImportKeyMaterial(ctx, importInput(t, c, k, types.AlgorithmSpecRsaesOaepSha256, second))
	refused[*types.IncorrectKeyMaterialException](t, err, "IncorrectKeyMaterialException", "Imported key material does not have the expected identifier ("+id+").")
	_, err = c.ImportKeyMaterial(ctx, in) // a token serves again
	ok(t, imported, err)
	checkOpens(t, c, k, blob, tenant, []byte("kept"), id)

	next := importInput(t, c, k, types.AlgorithmSpecRsaesOaepSha256, second)
	next.ImportType, next.KeyMaterialDescription = types.ImportTypeNewKeyMaterial, aws.String("the second")
	pending, err := c.ImportKeyMaterial(ctx, next)
	newID := *ok(t, pending, err).KeyMaterialId
	checkOpens(t, c, k, seal(t, c, *k.KeyId, []byte("x"), nil), nil, []byte("x"), id) // not yet
	rotated, err := c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	ok(t, rotated, err)
	checkOpens(t, c, k, seal(t, c, *k.KeyId, []byte("x"), nil), nil, []byte("x"), newID)
	checkOpens(t, c, k, blob, tenant, []byte("kept"), id)
	listed, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: k.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})
	all := ok(t, listed, err).Rotations
	if len(all) != 2 || *all[0].KeyMaterialId != id || *all[1].KeyMaterialId != newID || all[1].KeyMaterialState != types.KeyMaterialStateCurrent ||
		all[1].ImportState != types.ImportStateImported || aws.ToString(all[1].KeyMaterialDescription) != "the second" {
		t.Errorf("got %+v, want %s and %s", all, id, newID)
	}
	_, err = c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	refused[*types.KMSInvalidStateException](t, err, "KMSInvalidStateException", "No available key material pending rotation for the key: "+*k.Arn+".")
}

// Imported keys are the keys that were imported: what they sign, their public halves outside verify.
func TestImportedKeysAreTheSame(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	mac := newExternalKey(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	imported, err := c.ImportKeyMaterial(ctx, importInput(t, c, mac, types.AlgorithmSpecRsaesOaepSha256, secret))
	if got := ok(t, imported, err); *got.KeyId != *mac.Arn || got.KeyMaterialId != nil {
		t.Errorf("HMAC: got %s %v, want %s and no material", *got.KeyId, got.KeyMaterialId, *mac.Arn)
	}
	made, err := c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: mac.KeyId, Message: []byte("a message"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("a message"))
	if got, want := ok(t, made, err).Mac, h.Sum(nil); !bytes.Equal(got, want) {
		t.Errorf("HMAC: got %x, want %x", got, want)
	}

	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for spec, tt := range map[types.KeySpec]struct {
		private, public any
		algorithm       types.AlgorithmSpec
	}{
		types.KeySpecEccNistP256:         {ec, ec.Public(), types.AlgorithmSpecRsaesOaepSha256},
		types.KeySpecEccNistEdwards25519: {ed, ed.Public(), types.AlgorithmSpecRsaesOaepSha256},
		types.KeySpecRsa2048:             {rsaKey, rsaKey.Public(), types.AlgorithmSpecRsaAesKeyWrapSha256},
	} {
		t.Run(string(spec), func(t *testing.T) {
			k := newExternalKey(t, c, spec, types.KeyUsageTypeSignVerify)
			der, err := x509.MarshalPKCS8PrivateKey(tt.private)
			if err != nil {
				t.Fatal(err)
			}
			imported, err := c.ImportKeyMaterial(ctx, importInput(t, c, k, tt.algorithm, der))
			ok(t, imported, err)
			want, err := x509.MarshalPKIXPublicKey(tt.public)
			if err != nil {
				t.Fatal(err)
			}
			if got := publicKey(t, c, k); !bytes.Equal(got, want) {
				t.Errorf("got public key %x, want %x", got, want)
			}
			for _, algorithm := range k.SigningAlgorithms {
				checkSign(t, c, k, want, algorithm)
			}
		})
	}
}

func TestImportRefusals(t *testing.T) {
	c, ctx := harness.Start(t).KMS(), t.Context()
	k, own := newExternalKey(t, c, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt), newKey(t, c)
	parameters := func(k *types.KeyMetadata, algorithm types.AlgorithmSpec) error {
		_, err := c.GetParametersForImport(ctx, &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: types.WrappingKeySpecRsa2048})
		return err
	}
	refused[*types.UnsupportedOperationException](t, parameters(own, types.AlgorithmSpecRsaesOaepSha256), "UnsupportedOperationException", *own.Arn+" origin is AWS_KMS which is not valid for this operation.")
	harness.Refused(t, parameters(k, types.AlgorithmSpecRsaesPkcs1V15), "ValidationException",
		"Wrapping algorithm RSAES_PKCS1_V1_5 and wrapping key spec RSA_2048 cannot be used to import a SYMMETRIC_DEFAULT key.")
	try := func(edit func(*kms.ImportKeyMaterialInput)) error {
		in := importInput(t, c, k, types.AlgorithmSpecRsaesOaepSha256, make([]byte, 32))
		edit(in)
		_, err := c.ImportKeyMaterial(ctx, in)
		return err
	}
	refused[*types.InvalidImportTokenException](t, try(func(in *kms.ImportKeyMaterialInput) { in.ImportToken = flipped(in.ImportToken) }), "InvalidImportTokenException", "")
	refused[*types.InvalidCiphertextException](t, try(func(in *kms.ImportKeyMaterialInput) { in.EncryptedKeyMaterial = flipped(in.EncryptedKeyMaterial) }), "InvalidCiphertextException", "")
	harness.Refused(t, try(func(in *kms.ImportKeyMaterialInput) { in.ExpirationModel = "" }), "ValidationException",
		"A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	harness.Refused(t, try(func(in *kms.ImportKeyMaterialInput) { in.ValidTo = aws.Time(time.Now().Add(time.Hour)) }), "ValidationException",
		"A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
	harness.Refused(t, try(func(in *kms.ImportKeyMaterialInput) {
		in.ExpirationModel, in.ValidTo = "", aws.Time(time.Now().Add(-time.Hour))
	}), "ValidationException",
		"ValidTo must be in the future")
}
