package server_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// The rows of operations.md §9.3 for what is built. Columns: Disabled, PendingDeletion,
// PendingReplicaDeletion, PendingImport, Unavailable, Creating, Updating. A cell is what the matrix
// says: OK, D disabled, P pending deletion, R pending replica deletion, I pending import, U
// unavailable, C creating, X updating, N not pending deletion, O origin, T unsupported by type.
var matrix = map[string]string{
	"CancelKeyDeletion":                   "N OK OK N N N N",
	"CreateAlias":                         "OK P R OK OK OK OK",
	"Decrypt":                             "D P R I U C OK",
	"DeleteAlias":                         "OK OK OK OK OK OK OK",
	"Decapsulate":                         "D P R I U C OK",
	"DeriveSharedSecret":                  "D P R I U C OK",
	"Encapsulate":                         "D P R I U C OK",
	"GenerateDataKeyPair":                 "D P R I U C OK",
	"GenerateMac":                         "D P R I U C OK",
	"GetPublicKey":                        "OK P R I U C OK",
	"Sign":                                "D P R I U C OK",
	"Verify":                              "D P R I U C OK",
	"VerifyMac":                           "D P R I U C OK",
	"GenerateDataKeyPairWithoutPlaintext": "D P R I U C OK",

	"DescribeKey":                     "OK OK OK OK OK OK OK",
	"DisableKey":                      "OK P R I OK C X",
	"DisableKeyRotation":              "D P R O O C OK",
	"EnableKey":                       "OK P R I OK C X",
	"EnableKeyRotation":               "D P R O O C OK",
	"Encrypt":                         "D P R I U C OK",
	"GenerateDataKey":                 "D P R I U C OK",
	"GenerateDataKeyWithoutPlaintext": "D P R I U C OK",
	"GetKeyLastUsage":                 "OK OK OK OK OK OK OK",
	"GetKeyPolicy":                    "OK OK OK OK OK OK OK",
	"GetKeyRotationStatus":            "OK OK OK OK O OK OK",
	"ListKeyPolicies":                 "OK OK OK OK OK OK OK",
	"ListKeyRotations":                "OK OK OK OK OK OK OK",
	"ListResourceTags":                "OK OK OK OK OK OK OK",
	"PutKeyPolicy":                    "OK OK OK OK OK OK OK",
	"TagResource":                     "OK P R OK OK OK OK",
	"UntagResource":                   "OK P R OK OK OK OK",
	"ListAliases":                     "OK OK OK OK OK OK OK",
	"ReEncrypt":                       "D P R I U C OK",
	"ReplicateKey":                    "D P R I U C X",
	"UpdatePrimaryRegion":             "D P R I U C OK",
	"RotateKeyOnDemand":               "D P R I T C X",
	"ScheduleKeyDeletion":             "OK P R OK OK OK X",
	"UpdateAlias":                     "OK P R OK OK OK OK",
	"UpdateKeyDescription":            "OK P R OK OK OK OK",
	"CreateGrant":                     "D P R I OK C OK",
	"ListGrants":                      "OK OK OK OK OK OK OK",
	"RetireGrant":                     "OK OK OK OK OK OK OK",
	"RevokeGrant":                     "OK OK OK OK OK OK OK",

	"DeleteImportedKeyMaterial": "OK OK OK OK O C X",
	"GetParametersForImport":    "OK P R OK O C X",
	"ImportKeyMaterial":         "OK P R OK O C OK",
}

var columns = []string{
	key.Disabled, key.PendingDeletion, key.PendingReplicaDeletion, key.PendingImport, key.Unavailable, key.Creating, key.Updating,
}

// cells are the exceptions, with their sentence after the key's ARN (§9.2).
var cells = map[string]struct{ code, text string }{
	"D": {"DisabledException", " is disabled."},
	"P": {"KMSInvalidStateException", " is pending deletion."},
	"R": {"KMSInvalidStateException", " is pending replica deletion."},
	"I": {"KMSInvalidStateException", " is pending import."},
	"U": {"KMSInvalidStateException", " is unavailable."},
	"C": {"KMSInvalidStateException", " is creating."},
	"X": {"KMSInvalidStateException", " is updating."},
	"N": {"KMSInvalidStateException", " is not pending deletion."},
	"O": {"UnsupportedOperationException", " origin is {origin} which is not valid for this operation."},
	"T": {"UnsupportedOperationException", ""},
}

// origins of the keys that can be in a state at all.
var origins = map[string]string{key.PendingImport: "EXTERNAL", key.Unavailable: "AWS_CLOUDHSM"}

// request makes the key an operation is tried on, where a plain symmetric one will not do.
var request = map[string]string{
	"ReplicateKey":        `{"MultiRegion":true}`,
	"UpdatePrimaryRegion": `{"MultiRegion":true}`,
	"Decapsulate":         `{"KeySpec":"ML_KEM_768","KeyUsage":"ENCAPSULATE_DECAPSULATE"}`,
	"Encapsulate":         `{"KeySpec":"ML_KEM_768","KeyUsage":"ENCAPSULATE_DECAPSULATE"}`,
	"DeriveSharedSecret":  `{"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT"}`,
	"GenerateMac":         `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`,
	"VerifyMac":           `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`,
	"GetPublicKey":        `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`,
	"Sign":                `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`,
	"Verify":              `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`,

	"DeleteImportedKeyMaterial": `{"Origin":"EXTERNAL"}`,
	"GetParametersForImport":    `{"Origin":"EXTERNAL"}`,
	"ImportKeyMaterial":         `{"Origin":"EXTERNAL"}`,
}

func TestEveryStateForEveryOperation(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	other := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	root.Must("CreateAlias", fmt.Sprintf(`{"AliasName":"alias/other","TargetKeyId":"%s"}`, other))
	for operation, row := range matrix {
		for i, cell := range strings.Fields(row) {
			t.Run(operation+"/"+columns[i], func(t *testing.T) {
				made := root.Must("CreateKey", request[operation])
				id, arn := made.String("KeyMetadata.KeyId"), made.String("KeyMetadata.Arn")
				name := "alias/" + id
				root.Must("CreateAlias", fmt.Sprintf(`{"AliasName":"%s","TargetKeyId":"%s"}`, name, id))
				blob := before(root, operation, id)
				sent := body(operation, id, name, blob)
				if operation == "RetireGrant" || operation == "RevokeGrant" {
					sent["GrantId"] = root.Must("CreateGrant", body("CreateGrant", id, name, blob)).String("GrantId")
				}
				if strings.Contains(request[operation], "EXTERNAL") {
					arrival := (&importer{t: t, client: root, id: id, algorithm: "RSAES_OAEP_SHA_256"}).wrap(random(32), nil)
					root.Must("ImportKeyMaterial", arrival)
					if operation == "ImportKeyMaterial" {
						sent = arrival
					}
				}
				force(t, s, id, columns[i])
				got := root.Call(operation, sent)
				want, refused := cells[cell]
				switch {
				case !refused && got.Status != 200:
					t.Errorf("got %s, want success", got.Raw)
				case refused && (got.Code() != want.code || got.Message() != sentence(arn, want.text, columns[i])):
					t.Errorf("got %s, want %s %s%s", got.Raw, want.code, arn, want.text)
				}
				if operation == "UpdateAlias" {
					root.Must("UpdateAlias", fmt.Sprintf(`{"AliasName":"alias/other","TargetKeyId":"%s"}`, other))
				}
			})
		}
	}
}

// sentence is a cell's text about a key; a cell without text answers without a message.
func sentence(arn, text, state string) string {
	if text == "" {
		return ""
	}
	return arn + strings.ReplaceAll(text, "{origin}", origins[state])
}

func TestMatrixIsWhole(t *testing.T) {
	for _, row := range op.Table {
		_, listed := matrix[row.Operation()]
		keyless := map[string]bool{"CreateKey": true, "GenerateRandom": true, "ListKeys": true, "ListRetirableGrants": true}[row.Operation()] ||
			strings.Contains(row.Operation(), "CustomKeyStore")
		if !keyless && !listed {
			t.Errorf("%s is not in the matrix", row.Operation())
		}
	}
}

// before makes what the operation is tried on, while the key still is enabled: a ciphertext, a
// signature, a MAC, a public key.
func before(root *kmstest.Client, operation, id string) string {
	switch operation {
	case "Decrypt", "ReEncrypt":
		return root.Must("Encrypt", body("Encrypt", id, "", "")).String("CiphertextBlob")
	case "Verify":
		return root.Must("Sign", body("Sign", id, "", "")).String("Signature")
	case "VerifyMac":
		return root.Must("GenerateMac", body("GenerateMac", id, "", "")).String("Mac")
	case "DeriveSharedSecret":
		return root.Must("GetPublicKey", map[string]any{"KeyId": id}).String("PublicKey")
	case "Decapsulate":
		return root.Must("Encapsulate", body("Encapsulate", id, "", "")).String("SharedSecretCiphertextBlob")
	}
	return ""
}

func body(operation, id, alias, blob string) map[string]any {
	switch operation {
	case "CreateAlias":
		return map[string]any{"AliasName": alias + "-second", "TargetKeyId": id}
	case "DeleteAlias":
		return map[string]any{"AliasName": alias}
	case "UpdateAlias":
		return map[string]any{"AliasName": "alias/other", "TargetKeyId": id}
	case "Decrypt":
		return map[string]any{"CiphertextBlob": blob}
	case "ReEncrypt":
		return map[string]any{"CiphertextBlob": blob, "DestinationKeyId": id}
	case "Encrypt":
		return map[string]any{"KeyId": id, "Plaintext": "aGk="}
	case "Sign", "Verify":
		return map[string]any{"KeyId": id, "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256", "Signature": blob}
	case "GenerateMac", "VerifyMac":
		return map[string]any{"KeyId": id, "Message": "aGk=", "MacAlgorithm": "HMAC_SHA_256", "Mac": blob}
	case "DeriveSharedSecret":
		return map[string]any{"KeyId": id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": blob}
	case "Encapsulate", "Decapsulate":
		return map[string]any{"KeyId": id, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": blob}
	case "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return map[string]any{"KeyId": id, "KeyPairSpec": "ECC_NIST_P256"}
	case "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
		return map[string]any{"KeyId": id, "KeySpec": "AES_256"}
	case "ReplicateKey":
		return map[string]any{"KeyId": id, "ReplicaRegion": "eu-west-1"}
	case "UpdatePrimaryRegion":
		return map[string]any{"KeyId": id, "PrimaryRegion": kmstest.Region}
	case "CreateGrant":
		return map[string]any{"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":user/alice", "Operations": []string{"Decrypt"}}
	case "PutKeyPolicy":
		return map[string]any{"KeyId": id, "Policy": `{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`}
	case "TagResource":
		return map[string]any{"KeyId": id, "Tags": []map[string]any{{"TagKey": "a", "TagValue": "b"}}}
	case "UntagResource":
		return map[string]any{"KeyId": id, "TagKeys": []string{"a"}}
	case "GetParametersForImport":
		return map[string]any{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
	case "UpdateKeyDescription":
		return map[string]any{"KeyId": id, "Description": "x"}
	}
	return map[string]any{"KeyId": id}
}

// force writes a state, most of which no operation of this release can bring about, into the record.
func force(t *testing.T, s *kmstest.Server, id, state string) {
	t.Helper()
	k, err := s.Resolver.Load(context.Background(), kmstest.Account, kmstest.Region, id)
	if err != nil {
		t.Fatal(err)
	}
	next := k.Edit()
	next.State = state
	next.Origin = cmp.Or(origins[state], next.Origin)
	change := s.Book.Change()
	if state == key.PendingDeletion {
		due := s.Clock.Now().Add(7 * 24 * time.Hour)
		next.Deletion = due.UnixMilli()
		change.Insert(record.OfDue(due, op.DueDeletion, kmstest.Account, kmstest.Region, id, ""), &recordpb.Due{})
	}
	change.Replace(k.Record(), k.Ver, next)
	if err := s.Book.Commit(context.Background(), change, "", nil); err != nil {
		t.Fatal(err)
	}
}
