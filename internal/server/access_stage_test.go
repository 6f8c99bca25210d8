package server_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"qkms/internal/identity"
	"qkms/internal/kmstest"
)

// A scene is a request that would succeed, and what it is on.
type scene struct {
	operation string
	body      map[string]any
	on        map[string]string // ARNs, by what demands call them

	byCiphertext bool // the key is named by a ciphertext alone
}

// named is the resource of a demand as a refusal names it.
func (s *scene) named(d demand) string {
	if s.byCiphertext && d.on == "key" {
		return "the resource associated with this ciphertext"
	}
	return "resource: " + s.on[d.on]
}

// missing is the request about keys that do not exist.
func (s *scene) missing() *scene {
	b, _ := json.Marshal(s.body)
	text := string(b)
	for _, on := range []string{"key", "other"} {
		if arn := s.on[on]; arn != "" {
			text = strings.ReplaceAll(text, arn, arn[:len(arn)-12]+"000000000000")
		}
	}
	m := &scene{operation: s.operation}
	_ = json.Unmarshal([]byte(text), &m.body)
	return m
}

// open leaves a key to the policies of its account.
func open() fields { return by(kmstest.Account, allow("kms:*", "*")) }

// keyPolicy gives a key of s a policy of these statements, which the keeper can change again.
func (a *accessTest) keyPolicy(s *scene, on string, statements ...fields) {
	a.t.Helper()
	statements = append(statements, by(keeper, allow("kms:*", "*")))
	region := strings.Split(s.on[on], ":")[3]
	a.keeper.In(region).Must("PutKeyPolicy", fields{"KeyId": s.on[on], "Policy": document(statements...), "BypassPolicyLockoutSafetyCheck": true})
}

// stage makes a scene for p, on keys whose policies the keeper can change; grantee has the grants on them that
// p is about, or all that can be if there are none such.
func (a *accessTest) stage(p *permission, grantee string) *scene {
	a.t.Helper()
	s := a.bare(p)
	cancelling := p.operation() == "CancelKeyDeletion"
	if cancelling {
		a.root.Must("CancelKeyDeletion", fields{"KeyId": s.on["key"]})
		a.root.Must("EnableKey", fields{"KeyId": s.on["key"]})
	}
	for _, d := range p.onKeys() {
		root := a.root.In(strings.Split(s.on[d.on], ":")[3])
		root.Must("PutKeyPolicy", fields{"KeyId": s.on[d.on], "Policy": document(open(), by(keeper, allow("kms:*", "*")))})
		if grantee != "" {
			root.Must("CreateGrant", fields{"KeyId": s.on[d.on], "GranteePrincipal": grantee, "Operations": grantable(p, d)})
		}
	}
	if cancelling {
		a.root.Must("ScheduleKeyDeletion", fields{"KeyId": s.on["key"]})
	}
	return s
}

// grantable are the operations of a grant by which d might be met (§6.3).
func grantable(p *permission, d demand) []string {
	switch {
	case p.grant && d.action == "CreateGrant":
		return []string{"CreateGrant", "Decrypt"} // and what is to be granted
	case p.grant:
		return []string{d.action}
	}
	// What cannot be granted is tried on symmetric keys, with all that can be on those.
	return []string{"CreateGrant", "RetireGrant", "DescribeKey", "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey",
		"GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}
}

// bare makes a scene for p, by the default key policy.
func (a *accessTest) bare(p *permission) *scene {
	a.t.Helper()
	operation := p.operation()
	s := &scene{operation: operation, on: map[string]string{"*": "*"}, byCiphertext: strings.HasSuffix(p.request, "of a ciphertext")}
	if len(p.onKeys()) == 0 && p.request != "ListAliases of a key" {
		s.body = a.keyless(operation)
		return s
	}
	a.onKey(s)
	switch p.request {
	case "Decrypt":
		s.body["KeyId"] = s.on["key"]
	case "ReEncrypt":
		s.body["SourceKeyId"] = s.on["key"]
	case "ReplicateKey":
		s.body["Tags"] = []fields{{"TagKey": "a", "TagValue": "b"}}
	}
	return s
}

// onKey makes the key, and what else the request needs.
func (a *accessTest) onKey(s *scene) {
	a.t.Helper()
	made := a.root.Must("CreateKey", orEmpty(request[s.operation]))
	id, arn := made.String("KeyMetadata.KeyId"), made.String("KeyMetadata.Arn")
	name := "alias/" + id
	a.root.Must("CreateAlias", fields{"AliasName": name, "TargetKeyId": id})
	blob := before(a.root, s.operation, id)
	s.body, s.on["key"], s.on["alias"] = body(s.operation, arn, name, blob), arn, strings.Replace(arn, "key/"+id, name, 1)
	switch s.operation {
	case "CreateAlias":
		s.on["alias"] += "-second"
	case "ReEncrypt", "UpdateAlias":
		s.on["other"] = a.root.Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	case "RevokeGrant":
		s.body["GrantId"] = a.root.Must("CreateGrant", body("CreateGrant", id, "", "")).String("GrantId")
	case "UpdatePrimaryRegion":
		s.on["replica"] = strings.Replace(arn, kmstest.Region, "eu-west-1", 1)
		a.root.Must("ReplicateKey", fields{"KeyId": id, "ReplicaRegion": "eu-west-1"})
		s.body["PrimaryRegion"] = "eu-west-1"
	case "CancelKeyDeletion":
		a.root.Must("ScheduleKeyDeletion", fields{"KeyId": id})
	case "DeleteImportedKeyMaterial", "GetParametersForImport", "ImportKeyMaterial":
		arrival := (&importer{t: a.t, client: a.root, id: arn, algorithm: "RSAES_OAEP_SHA_256"}).wrap(random(32), nil)
		a.root.Must("ImportKeyMaterial", arrival)
		if s.operation == "ImportKeyMaterial" {
			s.body = arrival
		}
	}
	switch s.operation {
	case "ReEncrypt":
		s.body["DestinationKeyId"] = s.on["other"]
	case "UpdateAlias": // from the other to the key
		a.root.Must("UpdateAlias", fields{"AliasName": name, "TargetKeyId": s.on["other"]})
		s.body["AliasName"] = name
	}
}

func orEmpty(request string) string {
	if request == "" {
		return "{}"
	}
	return request
}

// keyless are the requests that are about no key.
func (a *accessTest) keyless(operation string) map[string]any {
	a.t.Helper()
	switch operation {
	case "CreateKey":
		return fields{"Tags": []fields{{"TagKey": "a", "TagValue": "b"}}}
	case "GenerateRandom":
		return fields{"NumberOfBytes": 1}
	case "ListRetirableGrants":
		return fields{"RetiringPrincipal": alice}
	case "CreateCustomKeyStore":
		return keyStore()
	case "ConnectCustomKeyStore", "DeleteCustomKeyStore", "DisconnectCustomKeyStore", "UpdateCustomKeyStore":
		id := a.root.Must("CreateCustomKeyStore", keyStore()).String("CustomKeyStoreId")
		if operation == "DisconnectCustomKeyStore" {
			a.root.Must("ConnectCustomKeyStore", fields{"CustomKeyStoreId": id})
		}
		return fields{"CustomKeyStoreId": id}
	}
	return fields{}
}

// keyStore is a request for one that is unlike any other.
func keyStore() fields {
	name := identity.NewID("AIDA")
	return fields{
		"CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE", "XksProxyConnectivity": "PUBLIC_ENDPOINT",
		"XksProxyUriEndpoint": fmt.Sprintf("https://%s.example.com", strings.ToLower(name)), "XksProxyUriPath": "/kms/xks/v1",
		"XksProxyAuthenticationCredential": fields{"AccessKeyId": "ABCDE234567EXAMPLE22", "RawSecretAccessKey": strings.Repeat("0123456789", 5)},
	}
}
