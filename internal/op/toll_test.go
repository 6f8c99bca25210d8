package op_test

import (
	"fmt"
	"slices"
	"testing"

	"qkms/internal/op"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

func tolls(t *testing.T, operation, body string) []throttle.Toll {
	t.Helper()
	req, _ := op.ByName[operation].Decode([]byte(body))
	if req == nil {
		t.Fatalf("%s does not decode %s", operation, body)
	}
	return req.Tolls()
}

// Every operation of the model counts as something, and no request as nothing.
func TestTolls(t *testing.T) {
	for _, o := range shape.Operations {
		body := `{"KeyPairSpec":"RSA_2048"}`
		got := tolls(t, o.Name, body)
		if len(got) == 0 {
			t.Errorf("%s counts as nothing", o.Name)
		}
		for _, toll := range got {
			if throttle.AWS()[toll.Class] < 1 || toll.N < 1 {
				t.Errorf("%s: got %v, want a rate", o.Name, toll)
			}
		}
	}
	for _, spec := range shape.DataKeyPairSpec("").Values() {
		for _, operation := range []string{"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"} {
			if got, want := tolls(t, operation, fmt.Sprintf(`{"KeyPairSpec":%q}`, spec)), throttle.Of(string(spec)).Once(); !slices.Equal(got, want) {
				t.Errorf("%s %s: got %v, want %v", operation, spec, got, want)
			}
		}
	}
}

// Cryptography counts in the pool of the kind of key that its algorithm is for.
func TestPools(t *testing.T) {
	pools := map[string]throttle.Class{
		"": throttle.Symmetric, "SYMMETRIC_DEFAULT": throttle.Symmetric,
		"RSAES_OAEP_SHA_1": throttle.RSA, "RSAES_OAEP_SHA_256": throttle.RSA, "SM2PKE": throttle.ECC,
		"RSASSA_PSS_SHA_256": throttle.RSA, "RSASSA_PSS_SHA_384": throttle.RSA, "RSASSA_PSS_SHA_512": throttle.RSA,
		"RSASSA_PKCS1_V1_5_SHA_256": throttle.RSA, "RSASSA_PKCS1_V1_5_SHA_384": throttle.RSA, "RSASSA_PKCS1_V1_5_SHA_512": throttle.RSA,
		"ECDSA_SHA_256": throttle.ECC, "ECDSA_SHA_384": throttle.ECC, "ECDSA_SHA_512": throttle.ECC, "SM2DSA": throttle.ECC,
		"ED25519_SHA_512": throttle.ECC, "ED25519_PH_SHA_512": throttle.ECC, "ML_DSA_SHAKE_256": throttle.MLDSA,
	}
	pooled := func(operation, member, algorithm string) {
		want, known := pools[algorithm]
		got := tolls(t, operation, fmt.Sprintf(`{%q:%q}`, member, algorithm))
		if !known || !slices.Equal(got, want.Once()) {
			t.Errorf("%s with %q: got %v, want %v (known: %t)", operation, algorithm, got, want.Once(), known)
		}
	}
	for _, a := range append(shape.EncryptionAlgorithmSpec("").Values(), "") {
		pooled("Encrypt", "EncryptionAlgorithm", string(a))
		pooled("Decrypt", "EncryptionAlgorithm", string(a))
	}
	for _, a := range shape.SigningAlgorithmSpec("").Values() {
		pooled("Sign", "SigningAlgorithm", string(a))
		pooled("Verify", "SigningAlgorithm", string(a))
	}
	for operation, want := range map[string]throttle.Class{
		"GenerateDataKey": throttle.Symmetric, "GenerateDataKeyWithoutPlaintext": throttle.Symmetric, "GenerateRandom": throttle.Symmetric,
		"GenerateMac": throttle.Symmetric, "VerifyMac": throttle.Symmetric, "ReEncrypt": throttle.Symmetric,
		"DeriveSharedSecret": throttle.ECC, "Encapsulate": throttle.MLKEM, "Decapsulate": throttle.MLKEM,
	} {
		if got := tolls(t, operation, `{}`); !slices.Equal(got, want.Once()) {
			t.Errorf("%s: got %v, want %v", operation, got, want.Once())
		}
	}
}

// What works in two pools or two Regions counts in both.
func TestTollsOfTwo(t *testing.T) {
	for _, row := range []struct {
		operation, body string
		want            []throttle.Toll
	}{
		{"ReEncrypt", `{"SourceEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}`, []throttle.Toll{{Class: throttle.RSA, N: 1}, {Class: throttle.Symmetric, N: 1}}},
		{"ReEncrypt", `{"SourceEncryptionAlgorithm":"RSAES_OAEP_SHA_256","DestinationEncryptionAlgorithm":"RSAES_OAEP_SHA_1"}`, throttle.RSA.Once()},
		{"ReplicateKey", `{"ReplicaRegion":"eu-west-1"}`, []throttle.Toll{{Class: throttle.Of("ReplicateKey"), N: 1}, {Class: throttle.Of("CreateKey"), N: 2, Region: "eu-west-1"}}},
		{"UpdatePrimaryRegion", `{"PrimaryRegion":"eu-west-1"}`, []throttle.Toll{{Class: throttle.Of("UpdatePrimaryRegion"), N: 1}, {Class: throttle.Of("UpdatePrimaryRegion"), N: 1, Region: "eu-west-1"}}},
	} {
		if got := tolls(t, row.operation, row.body); !slices.Equal(got, row.want) {
			t.Errorf("%s %s: got %v, want %v", row.operation, row.body, got, row.want)
		}
	}
}
