package console

import (
	"strconv"
	"strings"
)

// rotationStatus is what GetKeyRotationStatus says.
type rotationStatus struct {
	KeyRotationEnabled        bool
	RotationPeriodInDays      int
	NextRotationDate          Epoch
	OnDemandRotationStartDate Epoch
}

// A materialList is what ListKeyRotations says.
type materialList struct {
	Rotations  []material
	NextMarker string
}

// A material is one version of what the key consists of.
type material struct {
	KeyMaterialId          string
	KeyMaterialDescription string
	KeyMaterialState       string
	ImportState            string
	ExpirationModel        string
	ValidTo                Epoch
	RotationDate           Epoch
	RotationType           string
}

// State says what the material is used for.
func (m material) State() string {
	return said(m.KeyMaterialState, map[string]string{
		"CURRENT":          "Encrypts and decrypts",
		"NON_CURRENT":      "Decrypts what it has encrypted",
		"PENDING_ROTATION": "Waits for the next rotation",
		"PENDING_MULTI_REGION_IMPORT_AND_ROTATION": "Waits to be imported in every Region, and for a rotation",
	})
}

// Came says how the material became the current one; "" of the first.
func (m material) Came() string {
	return said(m.RotationType, map[string]string{"AUTOMATIC": "Rotated by the calendar", "ON_DEMAND": "Rotated on demand"})
}

// Import says whether imported material is there.
func (m material) Import() string {
	return said(m.ImportState, map[string]string{"IMPORTED": "Imported", "PENDING_IMPORT": "Missing: import it again to decrypt what it has encrypted"})
}

// keyRotation is which materials a key has, and when it gets others.
type keyRotation struct {
	keyRoom
	Status    part[rotationStatus]
	Materials part[materialList]
	Days      string // as typed
}

func (v *visit) keyRotationPage() error {
	r, err := v.enter("rotation")
	if err != nil {
		return err
	}
	return v.keyRotation(200, r, "")
}

func (v *visit) keyRotation(status int, r keyRoom, days string) (err error) {
	p := keyRotation{keyRoom: r, Days: days}
	if p.Status, err = ask[rotationStatus](v, "GetKeyRotationStatus", r.about()); err != nil {
		return err
	}
	if p.Days == "" {
		p.Days = strconv.Itoa(max(p.Status.Is.RotationPeriodInDays, 0))
	}
	if p.Days == "0" {
		p.Days = "365"
	}
	if p.Materials, err = v.materials(&r, 100); err != nil {
		return err
	}
	v.show(status, "key-rotation", "Rotation of key "+r.ID, p)
	return nil
}

// materials lists those of a key: all of them where there may be several, and of other keys nothing.
func (v *visit) materials(r *keyRoom, limit int) (part[materialList], error) {
	in := r.about("Limit", limit)
	if r.Facts.Symmetric() {
		in["IncludeKeyMaterial"] = "ALL_KEY_MATERIAL"
	}
	if m := v.hr.URL.Query().Get("marker"); m != "" {
		in["Marker"] = m
	}
	return ask[materialList](v, "ListKeyRotations", in)
}

func (v *visit) rotate(operation, said string, in func(*keyRoom) (map[string]any, error)) error {
	r, err := v.enter("rotation")
	if err != nil {
		return err
	}
	days := strings.TrimSpace(v.hr.PostForm.Get("days"))
	body, err := in(&r)
	var status int
	if err != nil {
		status, err = r.stay(err)
	} else {
		status, err = v.act(&r, operation, body, "rotation", said)
	}
	if status == 0 {
		return err
	}
	return v.keyRotation(status, r, days)
}

func nothingMore(r *keyRoom) (map[string]any, error) { return r.about(), nil }

func (v *visit) rotateByCalendar() error {
	return v.rotate("EnableKeyRotation", "The key is rotated by the calendar.", func(r *keyRoom) (map[string]any, error) {
		days, err := number("The period", v.hr.PostForm.Get("days"))
		return r.about("RotationPeriodInDays", days), err
	})
}

func (v *visit) rotateNoMore() error {
	return v.rotate("DisableKeyRotation", "The key is not rotated by the calendar any more.", nothingMore)
}

func (v *visit) rotateNow() error {
	return v.rotate("RotateKeyOnDemand", "The rotation has begun. From now on the new material encrypts; the older ones still decrypt.", nothingMore)
}

// number is one that was typed. Whether it is too large the service says.
func number(what, text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, &Refusal{Status: 400, Code: "NotANumber", Message: what + " is to be a whole number."}
	}
	return n, nil
}
