package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"qkms/bench/load"
	"qkms/bench/target"
)

// An operation is something to ask, again and again.
type operation struct {
	name    string
	clients int // 0: as many as the flag says
	// prepare makes what the operation is about, and returns the calls.
	prepare func(t *target.Target) ([]load.Call, error)
	// beside is what else to measure in the same rounds; nil: nothing.
	beside func(s *session) (*subject, error)
}

// dataKey is the operation that other things are measured by.
var dataKey = operation{name: "GenerateDataKey", prepare: onKey("GenerateDataKey", symmetric, map[string]any{"KeySpec": "AES_256"})}

var context = map[string]any{"purpose": "billing"}

var operations = []operation{
	dataKey,
	{name: "GenerateDataKey, a context", prepare: onKey("GenerateDataKey", symmetric, map[string]any{"KeySpec": "AES_256", "EncryptionContext": context})},
	{name: "Encrypt, 32 bytes", prepare: onKey("Encrypt", symmetric, map[string]any{"Plaintext": text(32)})},
	{name: "Decrypt, 32 bytes", prepare: decrypt},
	{name: "GenerateRandom, 32 bytes", prepare: func(*target.Target) ([]load.Call, error) {
		return calls("GenerateRandom", map[string]any{"NumberOfBytes": 32})
	}},
	{name: "DescribeKey", prepare: onKey("DescribeKey", symmetric, nil)},
	{name: "Sign, ECC_NIST_P256", prepare: sign("ECC_NIST_P256", "ECDSA_SHA_256"), beside: primitively("the signature alone", newP256)},
	{name: "Sign, RSA_2048", prepare: sign("RSA_2048", "RSASSA_PSS_SHA_256"), beside: primitively("the signature alone", newRSA)},
	{name: "Sign, ML_DSA_65", prepare: sign("ML_DSA_65", "ML_DSA_SHAKE_256"), beside: primitively("the signature alone", newMLDSA)},
	{name: "CreateGrant, 64 clients", clients: 64, prepare: createGrant, beside: engineAlone},
	{name: "ListKeys, 100 keys", prepare: listKeys},
}

var symmetric = map[string]any{}

// text is n bytes as JSON has them.
func text(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("q", n))) }

func calls(operation string, all ...map[string]any) ([]load.Call, error) {
	var out []load.Call
	for _, fields := range all {
		body, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		out = append(out, load.Call{Operation: operation, Body: body})
	}
	return out, nil
}

// makeKey makes a key and returns its id.
func makeKey(t *target.Target, spec map[string]any) (string, error) {
	made, err := t.Call("CreateKey", spec)
	if err != nil {
		return "", err
	}
	meta, _ := made["KeyMetadata"].(map[string]any)
	id, _ := meta["KeyId"].(string)
	return id, nil
}

// with is fields and the key's id.
func with(id string, fields map[string]any) map[string]any {
	all := map[string]any{"KeyId": id}
	for name, value := range fields {
		all[name] = value
	}
	return all
}

// onKey is an operation on one new key.
func onKey(operation string, spec, fields map[string]any) func(*target.Target) ([]load.Call, error) {
	return func(t *target.Target) ([]load.Call, error) {
		id, err := makeKey(t, spec)
		if err != nil {
			return nil, err
		}
		return calls(operation, with(id, fields))
	}
}

func sign(spec, algorithm string) func(*target.Target) ([]load.Call, error) {
	return onKey("Sign", map[string]any{"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"},
		map[string]any{"Message": text(32), "MessageType": "RAW", "SigningAlgorithm": algorithm})
}

func decrypt(t *target.Target) ([]load.Call, error) {
	id, err := makeKey(t, symmetric)
	if err != nil {
		return nil, err
	}
	sealed, err := t.Call("Encrypt", map[string]any{"KeyId": id, "Plaintext": text(32)})
	if err != nil {
		return nil, err
	}
	return calls("Decrypt", map[string]any{"CiphertextBlob": sealed["CiphertextBlob"]})
}

// primitively measures a primitive beside what needs it.
func primitively(name string, make func() (primitive, error)) func(*session) (*subject, error) {
	return func(*session) (*subject, error) {
		p, err := make()
		return &subject{name: name, alone: p.alone}, err
	}
}

// createGrant makes grants on several keys, as one would be no load of a store.
func createGrant(t *target.Target) ([]load.Call, error) {
	var all []map[string]any
	for range 16 {
		id, err := makeKey(t, symmetric)
		if err != nil {
			return nil, err
		}
		all = append(all, with(id, map[string]any{"GranteePrincipal": "arn:aws:iam::111122223333:user/bench", "Operations": []string{"Decrypt"}}))
	}
	return calls("CreateGrant", all...)
}

// listKeys makes sure of more keys than a page has.
func listKeys(t *target.Target) ([]load.Call, error) {
	for range 101 {
		page, err := t.Call("ListKeys", map[string]any{"Limit": 100})
		if err != nil {
			return nil, err
		}
		if more, _ := page["Truncated"].(bool); more {
			return calls("ListKeys", map[string]any{"Limit": 100})
		}
		if _, err := makeKey(t, symmetric); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("its lists have no pages")
}
