package console

import (
	"encoding/pem"
	"net/http"
)

// A publicKey is what GetPublicKey says.
type publicKey struct {
	PublicKey []byte // SubjectPublicKeyInfo in DER (RFC 5280 §4.1)
}

// PEM is the key as RFC 7468 §13 writes it.
func (p publicKey) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.PublicKey}))
}

// publicKeyFile is the public key for a program to read.
func (v *visit) publicKeyFile() error {
	var out publicKey
	if err := v.kms("GetPublicKey", map[string]any{"KeyId": v.hr.PathValue("id")}, &out); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/x-pem-file")
	v.w.Header().Set("Content-Disposition", `attachment; filename="public-key.pem"`)
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write([]byte(out.PEM())) // the browser is gone
	return nil
}
