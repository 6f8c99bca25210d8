package reference_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"qkms/internal/attest/attesttest"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
	"qkms/internal/reference"
)

// fields are an object of JSON.
type fields = map[string]any

// An inquiry is a server that is asked whether condition keys have values.
type inquiry struct {
	*kmstest.Server
	given fields                     // what requests have in a member of that name
	roles map[string]*kmstest.Client // by the condition key that each is denied everything by
	tpm   fields                     // the recipient that is no enclave
}

func newInquiry(t *testing.T) *inquiry {
	t.Helper()
	clock := kmstest.NewClock()
	hypervisor := attesttest.New(t, clock.Now())
	w := &inquiry{Server: kmstest.With(t, kmstest.Options{Clock: clock, Attester: hypervisor.Root}), roles: map[string]*kmstest.Client{}}
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	recipient := func(document []byte) fields {
		return fields{"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": base64.StdEncoding.EncodeToString(document)}
	}
	w.tpm = recipient(hypervisor.TPMDocument(t, &enclave.PublicKey, attesttest.PCRs()))
	w.Exists("role/ExampleRole")
	role := "arn:aws:iam::" + kmstest.Account + ":role/ExampleRole"
	pairs, tags := fields{"Team": "red"}, []fields{{"TagKey": "Team", "TagValue": "red"}}
	constraints := fields{"EncryptionContextSubset": pairs, "SourceArn": "arn:aws:s3:::example-bucket"}
	root := w.As(kmstest.Account)
	key := root.Must("CreateKey", fields{"MultiRegion": true, "Tags": tags}).String("KeyMetadata.Arn")
	root.Must("CreateAlias", fields{"AliasName": "alias/probe", "TargetKeyId": key})
	grant := root.Must("CreateGrant", fields{"KeyId": key, "GranteePrincipal": role, "Operations": []string{"Decrypt"}, "Constraints": constraints})
	w.given = fields{
		"KeyId": key, "TargetKeyId": key, "SourceKeyId": key, "DestinationKeyId": key, "AliasName": "alias/probe", "GrantId": grant.String("GrantId"),
		"GranteePrincipal": role, "RetiringPrincipal": role, "Constraints": constraints, "Policy": "{}", "Tags": tags, "TagKeys": []string{"Team"},
		"EncryptionContext": pairs, "SourceEncryptionContext": pairs, "DestinationEncryptionContext": pairs, "ReplicaRegion": "eu-west-1",
		"PrimaryRegion": "eu-west-1", "Recipient": recipient(hypervisor.Document(t, &enclave.PublicKey, nil)),
		"KeyMaterialId": strings.Repeat("0", 64), "XksProxyUriEndpoint": "https://proxy.example.com", "XksProxyUriPath": "/kms/xks/v1",
		"XksProxyAuthenticationCredential": fields{"AccessKeyId": "ABCDE234567EXAMPLE22", "RawSecretAccessKey": strings.Repeat("0", 43)},
		// What cannot be said together with another member, or is for the custom key stores alone.
		"GranteeServicePrincipal": nil, "RetiringServicePrincipal": nil, "CustomerMasterKeySpec": nil, "GrantToken": nil, "GrantTokens": nil, "Marker": nil,
		"DryRunModifiers": nil, "XksKeyId": nil, "CloudHsmClusterId": nil, "KeyStorePassword": nil, "TrustAnchorCertificate": nil,
		"XksProxyVpcEndpointServiceName": nil, "XksProxyVpcEndpointServiceOwner": nil,
	}
	return w
}

// denied are policies that deny whatever has a value of a condition key, and allow nothing but to retire grants.
func denied(key string) []*recordpb.NamedPolicy {
	return []*recordpb.NamedPolicy{{Name: "p", Text: fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"Null": {%q: "false"}}},
		{"Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*"}]}`, strings.ReplaceAll(key, "NAME", "Team"))}}
}

const explicit = "with an explicit deny in an identity-based policy"

// session is one of a role that a condition key is asked for with.
func (w *inquiry) session(key string) *kmstest.Client {
	name := strings.NewReplacer(":", "-", "/", "-").Replace(key)
	w.Role(&recordpb.Role{Name: name, Inline: denied(key)})
	return w.Session(&recordpb.Session{
		Role: name, Via: "s3.us-east-1.amazonaws.com", Tags: map[string]string{"Team": "red"}, SourceIdentity: "alice",
		Provider: "arn:aws:iam::" + kmstest.Account + ":oidc-provider/id.example.com",
	})
}

// has reports whether a condition key has a value in a request that has whatever it can. A refusal says whether it is by a
// statement that denies; not so that of RetireGrant, which does not without one.
func (w *inquiry) has(t *testing.T, o *reference.Operation, key string) bool {
	t.Helper()
	body := w.full(o.Input)
	switch {
	case strings.HasSuffix(key, "ServicePrincipal") && o.Name == "CreateGrant":
		body["GranteeServicePrincipal"], body["RetiringServicePrincipal"] = "s3.amazonaws.com", "s3.amazonaws.com"
		delete(body, "GranteePrincipal")
		delete(body, "RetiringPrincipal")
	case strings.Contains(key, "NitroTPM") && body["Recipient"] != nil:
		body["Recipient"] = w.tpm
	case key == "kms:RequestAlias":
		for _, name := range []string{"KeyId", "SourceKeyId", "DestinationKeyId"} {
			if body[name] != nil {
				body[name] = "alias/probe"
			}
		}
	}
	r := w.roles[key].Call(o.Name, body)
	switch by := strings.Contains(r.Message(), explicit); {
	case r.Code() == "AccessDeniedException" && o.Name == "RetireGrant":
		return true
	case r.Code() == "AccessDeniedException":
		return by
	case r.Code() == "DryRunOperationException" && o.Name == "RetireGrant":
		return false
	case key == "kms:RequestAlias" && (r.Code() == "NotFoundException" || r.Code() == "InvalidArnException" || r.Code() == "ValidationException"):
		return false // it takes no alias
	}
	t.Fatalf("%s: got %d %s, want it refused by a policy", key, r.Status, r.Raw)
	return false
}

// full are members with a value each.
func (w *inquiry) full(members []reference.Member) fields {
	body := fields{}
	for _, m := range members {
		if v, is := w.given[m.Name]; !is {
			body[m.Name] = w.value(&m)
		} else if v != nil {
			body[m.Name] = v
		}
	}
	return body
}

func (w *inquiry) value(m *reference.Member) any {
	switch m.Type {
	case "boolean":
		return true
	case "integer":
		return max(m.Min, 7)
	case "timestamp":
		return 1900000000
	case "blob":
		return "aGVsbG8="
	case "list":
		return []any{w.value(m.Element)}
	case "map":
		return fields{"Team": "red"}
	case "structure":
		return w.full(m.Members)
	}
	if len(m.Enum) > 0 {
		return m.Enum[0]
	}
	return "text"
}
