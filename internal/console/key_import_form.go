package console

import (
	"bytes"
	"cmp"
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
	var badMaterial, badToken error
	if f.material, badMaterial = v.bytesOf("material"); badMaterial == nil {
		f.Material = base64.StdEncoding.EncodeToString(f.material)
	}
	if f.token, badToken = v.bytesOf("token"); badToken == nil {
		f.Token = base64.StdEncoding.EncodeToString(f.token)
	}
	return f, cmp.Or(badMaterial, badToken) // each is kept or refused by itself: what is good comes back filled in
}

// bytesOf is the file of a field, or else the text beside it. Text is base64, which may be in lines; so is a file that has such text, or
// the base64 of a private key would go on as something wrapped. Neither field may have material in clear.
func (v *visit) bytesOf(field string) ([]byte, error) {
	brought, err := v.fileOf(field)
	if err != nil {
		return nil, err
	}
	typed := len(brought) == 0
	if typed {
		brought = []byte(v.typed(field))
	}
	text := strings.Join(strings.Fields(string(brought)), "")
	if text == "" {
		return nil, &Refusal{Status: http.StatusBadRequest, Code: "Missing", Message: "The " + importWords[field] + " is missing: choose its file, or paste it as base64. Nothing was sent."}
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		brought = b
	} else if typed && !isPEM(brought) {
		return nil, &Refusal{Status: http.StatusBadRequest, Code: "NotBase64", Message: "The " + importWords[field] + " is to be a file, or base64: what was typed is neither. Nothing was sent."}
	}
	return brought, notPlain(field, brought)
}

// fileOf is the file of a field; nothing, if none was chosen.
func (v *visit) fileOf(field string) ([]byte, error) {
	file, _, err := v.hr.FormFile(field + "-file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() // it is in memory
	return io.ReadAll(file)
}

var importWords = map[string]string{"token": "import token", "material": "wrapped material"}

// smallest is how long the two are at least, in bytes: wrapped material begins with a block of RSA, of 2,048 bits or more, and a token has
// the private half of such a key.
var smallest = map[string]int{"material": 256, "token": 512}

func isPEM(b []byte) bool { return bytes.Contains(b, []byte("-----BEGIN ")) }

// notPlain refuses material that somebody brings in clear, as far as it can be told from what belongs into the field: by what it is too
// short for, and by how private keys begin. It is not passed on, and not in the page that says so.
func notPlain(field string, brought []byte) error {
	_, notPKCS8 := x509.ParsePKCS8PrivateKey(brought)
	_, notPKCS1 := x509.ParsePKCS1PrivateKey(brought)
	_, notSEC1 := x509.ParseECPrivateKey(brought)
	code, why := map[string]string{"material": "NotWrapped", "token": "NoToken"}[field], "is in clear: it is a private key"
	switch {
	case notPKCS8 == nil || notPKCS1 == nil || notSEC1 == nil || isPEM(brought):
	case len(brought) < smallest[field]:
		why = "is shorter than any " + importWords[field] + ", so that it may be material in clear"
	default:
		return nil
	}
	return &Refusal{Status: http.StatusBadRequest, Code: code, Message: "What was brought as " + importWords[field] + " " + why +
		". It was not passed on, and is kept nowhere. Material is wrapped first, by the commands that come with a wrapping key. If this was some in clear, it has left the place where it was safe: consider taking another."}
}

// parameters are those of ImportKeyMaterial.
func (f importForm) parameters(r *keyRoom) (map[string]any, error) {
	in := r.about("ImportToken", f.token, "EncryptedKeyMaterial", f.material)
	if f.Lasts == "ever" {
		in["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
	} else {
		in["ExpirationModel"] = "KEY_MATERIAL_EXPIRES"
		until, err := time.Parse(time.RFC3339, moment(f.Until))
		if err != nil || until.Unix() < 0 { // browsers know years that no client of the API can send
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
func (p keyImport) said() string {
	switch {
	case p.First():
		return "The material was imported, and the key can be used. Keep your copy of it: nobody else has one."
	case p.Form.Another:
		return "The material was imported. It waits for the next rotation, and does nothing until then."
	case p.Hidden != nil:
		return "The material was imported. If the key was disabled, it is enabled now."
	case p.Facts.KeyState == "Disabled":
		return "The material was imported: the same that the key had. The key was disabled, and is enabled again by that."
	}
	return "The material was imported: the same that the key had."
}
