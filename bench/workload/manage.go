package workload

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
)

// usages says what keys of a spec are for.
var usages = map[string]string{
	"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT", "HMAC_256": "GENERATE_VERIFY_MAC", "ECC_NIST_P384": "KEY_AGREEMENT",
	"ECC_NIST_P256": "SIGN_VERIFY", "ECC_NIST_EDWARDS25519": "SIGN_VERIFY", "RSA_2048": "SIGN_VERIFY", "ML_DSA_65": "SIGN_VERIFY",
}

// specs are what keys are made of, the most usual more often.
var specs = []string{
	"SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", "HMAC_256", "HMAC_256",
	"ECC_NIST_P256", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "ECC_NIST_P384", "ML_DSA_65", "RSA_2048",
}

func (a *actor) create() error {
	if a.settled {
		return nil
	}
	if len(a.keys) < live {
		_, err := a.make(specs[a.rand.IntN(len(specs))], "AWS_KMS")
		return err
	}
	return a.end(a.rand.IntN(len(a.keys)))
}

// make makes a key.
func (a *actor) make(spec, origin string) (*key, error) {
	k := &key{spec: spec, text: fact{is: fmt.Sprintf("of actor %d", a.n)}, grants: map[string]*fact{}}
	var made struct {
		KeyMetadata struct{ KeyId, KeyState string }
	}
	err := a.must("CreateKey", fields{"KeySpec": spec, "KeyUsage": usages[spec], "Description": k.text.is, "Origin": origin}, &made)
	if errors.As(err, new(gone)) {
		a.unborn++
	}
	if err != nil {
		return nil, err
	}
	k.id, k.state.is = made.KeyMetadata.KeyId, made.KeyMetadata.KeyState
	if want := map[string]string{"AWS_KMS": enabled, "EXTERNAL": waiting}[origin]; k.state.is != want {
		return nil, fmt.Errorf("CreateKey: got state %s, want %s", k.state.is, want)
	}
	a.keys = append(a.keys, k)
	return k, nil
}

// end has a key wait for its deletion, which is never before seven days.
func (a *actor) end(at int) error {
	k := a.keys[at]
	var err error
	if k.state.is != deleting { // as it is when the server was killed before the deletion was taken back
		err = k.state.change(deleting)(a.must("ScheduleKeyDeletion", fields{"KeyId": k.id, "PendingWindowInDays": 7}, nil))
	}
	if err == nil || errors.As(err, new(gone)) {
		a.keys = slices.Delete(a.keys, at, at+1)
		a.dead = append(a.dead, k)
	}
	return err
}

// any is a key of this actor's own in this state, or nil.
func (a *actor) any(state string) *key {
	if len(a.keys) == 0 {
		return nil
	}
	at := a.rand.IntN(len(a.keys))
	for i := range a.keys {
		if k := a.keys[(at+i)%len(a.keys)]; k.state.is == state && !k.state.unsure {
			return k
		}
	}
	return nil
}

// disable disables a key, and looks whether it is; or enables one.
func (a *actor) disable() error {
	if k := a.any(disabled); k != nil {
		return k.state.change(enabled)(a.must("EnableKey", fields{"KeyId": k.id}, nil))
	}
	k := a.any(enabled)
	if k == nil {
		return nil
	}
	if err := k.state.change(disabled)(a.must("DisableKey", fields{"KeyId": k.id}, nil)); err != nil || k.spec != "SYMMETRIC_DEFAULT" {
		return err
	}
	return a.refused("GenerateDataKey", fields{"KeyId": k.id, "KeySpec": "AES_256"}, "DisabledException")
}

// deletion schedules a key's deletion, and takes it back.
func (a *actor) deletion() error {
	k := a.any(enabled)
	if k == nil {
		return nil
	}
	if err := k.state.change(deleting)(a.must("ScheduleKeyDeletion", fields{"KeyId": k.id, "PendingWindowInDays": 7}, nil)); err != nil {
		return err
	}
	if k.spec == "SYMMETRIC_DEFAULT" {
		if err := a.refused("Encrypt", fields{"KeyId": k.id, "Plaintext": "AAAA"}, "KMSInvalidStateException"); err != nil {
			return err
		}
	}
	if err := k.state.change(disabled)(a.must("CancelKeyDeletion", fields{"KeyId": k.id}, nil)); err != nil {
		return err
	}
	return k.state.change(enabled)(a.must("EnableKey", fields{"KeyId": k.id}, nil))
}

// rotations is how often a key is rotated on demand: each leaves material that is kept for ever.
const rotations = 5

func (a *actor) rotate() error {
	k := a.any(enabled)
	if k == nil || k.spec != "SYMMETRIC_DEFAULT" || k.material != nil || k.rotations >= rotations {
		return nil
	}
	k.rotations++ // or not, if there is no answer
	return a.must("RotateKeyOnDemand", fields{"KeyId": k.id}, nil)
}

func (a *actor) describe() error {
	k := a.any(enabled)
	if k == nil {
		return nil
	}
	text := fmt.Sprintf("%x", a.bytes(12))
	if err := k.text.change(text)(a.must("UpdateKeyDescription", fields{"KeyId": k.id, "Description": text}, nil)); err != nil {
		return err
	}
	return a.looks(k)
}

// looks compares what the server says of a key with what is known.
func (a *actor) looks(k *key) error {
	var got struct {
		KeyMetadata struct{ KeyState, Description string }
	}
	if err := a.must("DescribeKey", fields{"KeyId": k.id}, &got); err != nil {
		return err
	}
	return errors.Join(k.state.settle("state of "+k.id, got.KeyMetadata.KeyState), k.text.settle("description of "+k.id, got.KeyMetadata.Description))
}

// alias gives a name to a key, or to another one, or takes it away.
func (a *actor) alias() error {
	k := a.any(enabled)
	if k == nil || k.spec != "SYMMETRIC_DEFAULT" { // a name goes to keys of one kind only
		return nil
	}
	name := fmt.Sprintf("alias/actor-%d-%d", a.n, a.rand.IntN(3))
	f := a.aliases[name]
	if f == nil {
		f = &fact{}
		a.aliases[name] = f
	}
	switch {
	case f.unsure:
		return nil
	case f.is == "":
		return f.change(k.id)(a.must("CreateAlias", fields{"AliasName": name, "TargetKeyId": k.id}, nil))
	case a.rand.IntN(3) == 0:
		return f.change("")(a.must("DeleteAlias", fields{"AliasName": name}, nil))
	}
	if err := f.change(k.id)(a.must("UpdateAlias", fields{"AliasName": name, "TargetKeyId": k.id}, nil)); err != nil {
		return err
	}
	var got struct{ KeyMetadata struct{ KeyId string } }
	err := a.must("DescribeKey", fields{"KeyId": name}, &got)
	if err == nil && got.KeyMetadata.KeyId != k.id {
		err = fmt.Errorf("%s: got key %s, want %s", name, got.KeyMetadata.KeyId, k.id)
	}
	return err
}

// perKey is how many grants an actor leaves on a key at most.
const perKey = 5

func (a *actor) grant() error {
	k := a.any(enabled)
	if k == nil || k.spec != "SYMMETRIC_DEFAULT" {
		return nil
	}
	if len(k.grants) >= perKey || len(k.grants) > 0 && a.rand.IntN(3) == 0 {
		for id, f := range k.grants {
			if f.is != "" && !f.unsure {
				if err := f.change("")(a.must("RevokeGrant", fields{"KeyId": k.id, "GrantId": id}, nil)); err != nil {
					return err
				}
				delete(k.grants, id)
				return a.refused("RevokeGrant", fields{"KeyId": k.id, "GrantId": id}, "NotFoundException")
			}
		}
		return nil
	}
	var made struct{ GrantId string }
	err := a.must("CreateGrant", fields{
		"KeyId": k.id, "GranteePrincipal": "arn:aws:iam::111122223333:user/bench", "Operations": []string{"Decrypt", "GenerateDataKey"},
	}, &made)
	switch {
	case err == nil:
		k.grants[made.GrantId] = &fact{is: "there"}
	case errors.As(err, new(gone)):
		k.unborn++
	}
	return err
}

// bring brings material of its own to a key, deletes it, and brings it again: what was encrypted before still opens.
func (a *actor) bring() error {
	k := a.imported()
	if k == nil {
		if a.settled || len(a.keys) >= live {
			return nil
		}
		var err error
		if k, err = a.make("SYMMETRIC_DEFAULT", "EXTERNAL"); err != nil {
			return err
		}
		k.material = a.bytes(32)
		if err := a.importInto(k); err != nil {
			return err
		}
	}
	s := &sealed{key: k, plaintext: a.bytes(64)}
	var made struct{ CiphertextBlob []byte }
	if err := a.must("Encrypt", fields{"KeyId": k.id, "Plaintext": s.plaintext}, &made); err != nil {
		return err
	}
	s.blob = made.CiphertextBlob
	if err := k.state.change(waiting)(a.must("DeleteImportedKeyMaterial", fields{"KeyId": k.id}, nil)); err != nil {
		return err
	}
	if err := a.refused("Decrypt", fields{"CiphertextBlob": s.blob}, "KMSInvalidStateException"); err != nil {
		return err
	}
	if err := a.importInto(k); err != nil {
		return err
	}
	a.keep(s)
	return a.opens(s)
}

// imported is a key with material of its own that is in use, every second time, or nil.
func (a *actor) imported() *key {
	if !a.settled && a.rand.IntN(2) == 0 {
		return nil
	}
	for _, k := range a.keys {
		if k.material != nil && k.state.is == enabled && !k.state.unsure {
			return k
		}
	}
	return nil
}

func (a *actor) importInto(k *key) error {
	var how struct{ ImportToken, PublicKey []byte }
	err := a.must("GetParametersForImport", fields{"KeyId": k.id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}, &how)
	if err != nil {
		return err
	}
	wrapping, is := parse(how.PublicKey).(*rsa.PublicKey)
	if !is {
		return errors.New("GetParametersForImport: no RSA key")
	}
	wrapped, err := rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, wrapping, k.material, nil)
	if err != nil {
		return err
	}
	return k.state.change(enabled)(a.must("ImportKeyMaterial", fields{
		"KeyId": k.id, "ImportToken": how.ImportToken, "EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
	}, nil))
}
