package workload

import (
	"bytes"
	"fmt"
)

// most is how many ciphertexts an actor remembers, and live how many keys it uses.
const (
	most = 1000
	live = 40
)

// pick is a key of this spec that may be used, or nil.
func (a *actor) pick(spec string) *key {
	all := append([]*key{a.common}, a.keys...)
	at := a.rand.IntN(len(all))
	for i := range all {
		if k := all[(at+i)%len(all)]; k.spec == spec && k.state.is == enabled && !k.state.unsure {
			return k
		}
	}
	return nil
}

// context is a new one, sometimes none.
func (a *actor) context() map[string]string {
	all := map[string]string{}
	for range a.rand.IntN(3) {
		all[fmt.Sprintf("k%x", a.bytes(2))] = fmt.Sprintf("%x", a.bytes(1+a.rand.IntN(20)))
	}
	return all
}

// keep remembers a ciphertext, in place of another one when there are too many.
func (a *actor) keep(s *sealed) {
	if len(a.sealed) < most {
		a.sealed = append(a.sealed, s)
	} else {
		a.sealed[a.rand.IntN(most)] = s
	}
}

func (a *actor) dataKey() error {
	k := a.pick("SYMMETRIC_DEFAULT")
	s := &sealed{key: k, context: a.context()}
	var made struct {
		Plaintext, CiphertextBlob []byte
		KeyId                     string
	}
	if err := a.must("GenerateDataKey", fields{"KeyId": k.id, "KeySpec": "AES_256", "EncryptionContext": s.context}, &made); err != nil {
		return err
	}
	if len(made.Plaintext) != 32 || bytes.Equal(made.Plaintext, make([]byte, 32)) {
		return fmt.Errorf("GenerateDataKey: got %d bytes, want 32 random ones", len(made.Plaintext))
	}
	s.plaintext, s.blob = made.Plaintext, made.CiphertextBlob
	a.keep(s)
	return a.opens(s)
}

func (a *actor) encrypt() error {
	k := a.pick("SYMMETRIC_DEFAULT")
	s := &sealed{key: k, context: a.context(), plaintext: a.bytes(1 + a.rand.IntN(4096))}
	var made struct{ CiphertextBlob []byte }
	if err := a.must("Encrypt", fields{"KeyId": k.id, "Plaintext": s.plaintext, "EncryptionContext": s.context}, &made); err != nil {
		return err
	}
	s.blob = made.CiphertextBlob
	a.keep(s)
	if a.rand.IntN(4) > 0 {
		return a.opens(s)
	}
	again := &sealed{key: a.pick("SYMMETRIC_DEFAULT"), context: a.context(), plaintext: s.plaintext}
	err := a.must("ReEncrypt", fields{
		"CiphertextBlob": s.blob, "SourceEncryptionContext": s.context, "DestinationKeyId": again.key.id, "DestinationEncryptionContext": again.context,
	}, &made)
	if err != nil {
		return err
	}
	again.blob = made.CiphertextBlob
	a.keep(again)
	return a.opens(again)
}

// open opens something older.
func (a *actor) open() error {
	for range 10 {
		if len(a.sealed) == 0 {
			return nil
		}
		s := a.sealed[a.rand.IntN(len(a.sealed))]
		if s.key.state.is == enabled && !s.key.state.unsure {
			return a.opens(s)
		}
	}
	return nil
}

func (a *actor) opens(s *sealed) error {
	var got struct {
		Plaintext []byte
		KeyId     string
	}
	if err := a.must("Decrypt", fields{"CiphertextBlob": s.blob, "EncryptionContext": s.context}, &got); err != nil {
		return err
	}
	if !bytes.Equal(got.Plaintext, s.plaintext) || !bytes.HasSuffix([]byte(got.KeyId), []byte("/"+s.key.id)) {
		return fmt.Errorf("got %d bytes by %s from Decrypt, want the %d of before by %s", len(got.Plaintext), got.KeyId, len(s.plaintext), s.key.id)
	}
	return nil
}

// openWrongly changes one bit, or the context.
func (a *actor) openWrongly() error {
	if len(a.sealed) == 0 {
		return nil
	}
	s := a.sealed[a.rand.IntN(len(a.sealed))]
	if s.key.state.is != enabled || s.key.state.unsure {
		return nil
	}
	in := fields{"CiphertextBlob": s.blob, "EncryptionContext": fields{"another": "context"}}
	if a.rand.IntN(2) == 0 {
		bad := bytes.Clone(s.blob)
		bad[len(bad)-1-a.rand.IntN(16)] ^= 1 << a.rand.IntN(8)
		in = fields{"CiphertextBlob": bad, "EncryptionContext": s.context}
	}
	return a.refused("Decrypt", in, "InvalidCiphertextException")
}

func (a *actor) random() error {
	n := 16 + a.rand.IntN(1009)
	var one, other struct{ Plaintext []byte }
	if err := a.must("GenerateRandom", fields{"NumberOfBytes": n}, &one); err != nil {
		return err
	}
	if err := a.must("GenerateRandom", fields{"NumberOfBytes": n}, &other); err != nil {
		return err
	}
	if len(one.Plaintext) != n || len(other.Plaintext) != n || bytes.Equal(one.Plaintext, other.Plaintext) {
		return fmt.Errorf("GenerateRandom: got %d and %d bytes, want %d twice, not the same", len(one.Plaintext), len(other.Plaintext), n)
	}
	return nil
}
