package console

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// An importForm is what was brought to be imported. What was read from files comes back as text, since a browser lets no page
// fill in a file; all of it is wrapped, or sealed.
type importForm struct {
	Material string // base64
	Token    string // base64
	Lasts    string // "ever"; else until Until
	Until    string // UTC, as browsers write it
	Another  bool   // it is another material than those the key has
	Note     string // KeyMaterialDescription
	material []byte
	token    []byte
}

func (v *visit) importForm() (f importForm, err error) {
	f = importForm{Lasts: v.typed("lasts"), Until: v.typed("until"), Another: v.typed("type") == "new", Note: v.typed("note")}
	if f.token, err = v.bytesOf("token"); err == nil {
		f.Token = base64.StdEncoding.EncodeToString(f.token)
		f.material, err = v.bytesOf("material")
	}
	if err == nil {
		err = notPlain(f.material)
	}
	if err == nil {
		f.Material = base64.StdEncoding.EncodeToString(f.material)
	}
	return f, err
}

// bytesOf is the file of a field, or else the text beside it, which is base64 and may be in lines.
func (v *visit) bytesOf(field string) ([]byte, error) {
	file, _, err := v.hr.FormFile(field + "-file")
	if err == nil {
		defer file.Close() // it is in memory
		b, err := io.ReadAll(file)
		if err != nil || len(b) > 0 {
			return b, err
		}
	} else if !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return nil, err
	}
	text := strings.Join(strings.Fields(v.typed(field)), "")
	b, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, &Refusal{Status: http.StatusBadRequest, Code: "NotBase64", Message: "The " + importWords[field] + " is to be a file, or base64: what was typed is neither. Nothing was sent."}
	case len(b) == 0:
		return nil, &Refusal{Status: http.StatusBadRequest, Code: "Missing", Message: "The " + importWords[field] + " is missing: choose its file, or paste it as base64. Nothing was sent."}
	}
	return b, nil
}

var importWords = map[string]string{"token": "import token", "material": "wrapped material"}

// smallestWrapped is how long wrapped material is at least, in bytes: it begins with a block of RSA, of 2,048 bits or more.
const smallestWrapped = 256

// notPlain refuses material that somebody brings in clear, as far as it can be told from wrapped one: by what it is too short for, and
// by how private keys begin. It is not passed on, and not in the page that says so.
func notPlain(material []byte) error {
	_, notPKCS8 := x509.ParsePKCS8PrivateKey(material)
	_, notPKCS1 := x509.ParsePKCS1PrivateKey(material)
	_, notSEC1 := x509.ParseECPrivateKey(material)
	why := "is in clear: it is a private key"
	switch {
	case notPKCS8 == nil || notPKCS1 == nil || notSEC1 == nil || bytes.Contains(material, []byte("-----BEGIN ")):
	case len(material) < smallestWrapped:
		why = "is shorter than anything wrapped is, so that it may be in clear"
	default:
		return nil
	}
	return &Refusal{Status: http.StatusBadRequest, Code: "NotWrapped", Message: "What was brought as wrapped material " + why +
		". It was not passed on, and is kept nowhere. Wrap it first, by the commands that come with a wrapping key. If it was material in clear, it has left the place where it was safe: consider taking another."}
}

// parameters are those of ImportKeyMaterial.
func (f importForm) parameters(r *keyRoom) (map[string]any, error) {
	in := r.about("ImportToken", f.token, "EncryptedKeyMaterial", f.material)
	if f.Lasts == "ever" {
		in["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
	} else {
		in["ExpirationModel"] = "KEY_MATERIAL_EXPIRES"
		until, err := time.Parse(time.RFC3339, moment(f.Until))
		if err != nil {
			return nil, &Refusal{Status: http.StatusBadRequest, Code: "NotADate", Message: "When the material expires is to be a date with a time, such as 2030-01-31T12:00, in UTC. Nothing was sent."}
		}
		in["ValidTo"] = until.Unix()
	}
	if f.Another {
		in["ImportType"] = "NEW_KEY_MATERIAL"
	}
	if f.Note != "" {
		in["KeyMaterialDescription"] = f.Note
	}
	return in, nil
}

// said is what has come of it.
func (f importForm) said(first bool) string {
	switch {
	case first:
		return "The material was imported, and the key can be used. Keep your copy of it: nobody else has one."
	case f.Another:
		return "The material was imported. It waits for the next rotation, and does nothing until then."
	}
	return "The material was imported: the same that the key had."
}
