package console

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"time"
)

// keyImport is how material comes into a key: wrapped where it is, and in no other way.
type keyImport struct {
	keyRoom
	Materials *part[materialList] // nil of keys that have but one
	Wrapping  wrapping            // as chosen
	Given     *importParameters   // nil: nobody has asked for any just now
	Form      importForm
	Last      time.Time // the latest that material may expire: in 365 days
}

// importParameters is what GetParametersForImport says.
type importParameters struct {
	PublicKey         []byte // SubjectPublicKeyInfo in DER (RFC 5280 §4.1)
	ImportToken       []byte
	ParametersValidTo Epoch
}

// KeyFile and TokenFile are the two as files to be kept. They are in the page and nowhere else: the server keeps neither, and
// an address that gave a token away would be in histories and logs.
func (p importParameters) KeyFile() template.URL   { return file(p.PublicKey) }
func (p importParameters) TokenFile() template.URL { return file(p.ImportToken) }

func file(b []byte) template.URL {
	return template.URL("data:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(b)) //nolint:gosec // of base64
}

// First reports whether the key never had material, as far as can be seen: of a key whose materials have no ids, whether it has none now.
func (p keyImport) First() bool {
	switch {
	case p.Hidden != nil:
		return false
	case p.Facts.Symmetric():
		return p.Facts.CurrentKeyMaterialId == ""
	}
	return p.Facts.KeyState == "PendingImport"
}

// Wrappings are those to choose from.
func (p keyImport) Wrappings() []string { return wrappingsFor(p.Facts.KeySpec) }

// Sizes are those of wrapping keys.
func (keyImport) Sizes() []string { return []string{"RSA_2048", "RSA_3072", "RSA_4096"} }

// Commands make material such as the key takes, and wrap it.
func (p keyImport) Commands() wrapCommands { return p.Wrapping.commands(p.Facts.KeySpec) }

func (v *visit) keyImportPage() error {
	r, err := v.enter("import")
	if err != nil {
		return err
	}
	return v.keyImport(http.StatusOK, keyImport{keyRoom: r})
}

// keyImport shows the page, with what was typed or asked for.
func (v *visit) keyImport(status int, p keyImport) error {
	p.Last = v.Now().AddDate(0, 0, 365)
	if p.Wrapping.Algorithm == "" {
		p.Wrapping = wrapping{wrappingsFor(p.Facts.KeySpec)[0], "RSA_3072"}
	}
	if p.Facts.Imported() && p.Facts.Symmetric() {
		list, err := v.materials(&p.keyRoom, 100)
		if err != nil {
			return err
		}
		p.Materials = &list
	}
	if f := p.Failed; f != nil && importHints[f.Code] != "" {
		f.Message += " " + importHints[f.Code]
	}
	v.show(status, "key-import", "Import into key "+p.ID, p)
	return nil
}

// importHints say what may be wrong where the service keeps its reasons to itself, as AWS does: whoever learns why a ciphertext does
// not open can have it opened by asking often enough.
var importHints = map[string]string{
	"InvalidCiphertextException":    "What was sent does not unwrap to material for this key. Was it wrapped with the public key that came with this token, by the commands for this algorithm, and is the material as long, or of the kind, that the key spec wants?",
	"InvalidImportTokenException":   "The token is not one of this key in this Region, or not whole. Get another, with its public key, and wrap the material again.",
	"ExpiredImportTokenException":   "A token is good for 24 hours. Get another, with its public key, and wrap the material again.",
	"IncorrectKeyMaterialException": "A key takes back what it had, to the bit. To give it another material, for the next rotation, choose that above the button.",
}

// getImportParameters shows a wrapping key and its token: on the page that answers, as nothing is kept of them here.
func (v *visit) getImportParameters() error {
	r, err := v.enter("import")
	if err != nil {
		return err
	}
	p := keyImport{keyRoom: r, Wrapping: wrapping{v.typed("algorithm"), v.typed("size")}}
	var given importParameters
	err = v.kms("GetParametersForImport", p.about("WrappingAlgorithm", p.Wrapping.Algorithm, "WrappingKeySpec", p.Wrapping.Size), &given)
	if err != nil {
		status, err := p.stay(err)
		if err != nil {
			return err
		}
		return v.keyImport(status, p)
	}
	p.Given, p.Form.Token = &given, base64.StdEncoding.EncodeToString(given.ImportToken)
	return v.keyImport(http.StatusOK, p)
}

// importMaterial passes on what was wrapped.
func (v *visit) importMaterial() error {
	r, err := v.enter("import")
	if err != nil {
		return err
	}
	form, err := v.importForm()
	p := keyImport{keyRoom: r, Form: form}
	if err == nil {
		var in map[string]any
		if in, err = form.parameters(&r); err == nil {
			err = v.kms("ImportKeyMaterial", in, nil)
		}
	}
	if err != nil {
		status, err := p.stay(err)
		if err != nil {
			return err
		}
		return v.keyImport(status, p)
	}
	return v.done(r.path(""), p.said())
}
