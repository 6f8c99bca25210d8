package soft

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// material is key bytes in memory. Whatever asks it to print itself gets a placeholder.
//
// The bytes live behind a func because fmt cannot call Format on an unexported field of somebody
// else's struct: it reflects, and prints a []byte or (under %s) a *[]byte in full.
type material struct {
	spec  string
	bytes func() []byte     // the key, for symmetric and HMAC keys; otherwise nil
	key   func() privateKey // the decoded key, for the others; otherwise nil
}

// copyMaterial returns a material with its own copy of b.
func copyMaterial(spec string, b []byte) material {
	own := bytes.Clone(b)
	return material{spec: spec, bytes: func() []byte { return own }}
}

// keyMaterial returns the material of a decoded key.
func keyMaterial(spec string, k privateKey) material {
	return material{spec: spec, key: func() privateKey { return k }}
}

// wipe zeroes the bytes. The zero material is empty already, and decoded keys have none that can be
// reached: dropping the last reference is all that can be done for them.
func (m material) wipe() {
	if m.bytes != nil {
		clear(m.bytes())
	}
}

const placeholder = "[key material]"

func (material) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, placeholder) }
func (material) LogValue() slog.Value       { return slog.StringValue(placeholder) }
func (material) MarshalText() ([]byte, error) {
	return nil, errors.New("soft: key material is not text")
}

const (
	idKeySize = 32
	idLabel   = "qkms key material id v1"
)

// materialID returns the KeyMaterialId of raw under keyID, in hex:
//
//	HMAC-SHA-256(idKey, label ‖ 00 ‖ keyID ‖ 00 ‖ SHA-256(raw))
//
// Keyed, so that an id seen in a log is no check value for guessing a weak imported key. Without
// account and region, because it is the same in every Region of a multi-Region key (key-material
// spec §1.8 [R]). Zero bytes end the two strings, which contain none.
func materialID(idKey []byte, keyID string, raw []byte) string {
	digest := sha256.Sum256(raw)
	defer clear(digest[:])
	h := hmac.New(sha256.New, idKey)
	_, _ = io.WriteString(h, idLabel+"\x00"+keyID+"\x00")
	h.Write(digest[:])
	return hex.EncodeToString(h.Sum(nil))
}
