package console

import (
	"strings"
	"time"
)

// keyDeletion is what goes when a key goes.
type keyDeletion struct {
	keyRoom
	Aliases part[aliasList]
	Grants  part[grantList]
	LastUse part[lastUse]

	Materials *part[materialList] // imported, and one by one to be deleted; nil of other keys
	Days      string              // as typed
	First     time.Time           // when the key would go at the earliest: after seven days
	Last      time.Time           // and at the latest: after thirty
}

// Words are those of which one is typed to confirm, with spaces between.
func (d keyDeletion) Words() string { return strings.Join(d.words(), " ") }

func (d *keyDeletion) words() []string {
	words := []string{d.ID}
	for _, a := range d.Aliases.Is.Aliases {
		words = append(words, a.AliasName)
	}
	return words
}

func (v *visit) keyDeletionPage() error {
	r, err := v.enter("deletion")
	if err != nil {
		return err
	}
	return v.keyDeletion(200, r, "30")
}

func (v *visit) keyDeletion(status int, r keyRoom, days string) (err error) {
	now := v.Now()
	d := keyDeletion{keyRoom: r, Days: days, First: now.AddDate(0, 0, 7), Last: now.AddDate(0, 0, 30)}
	if d.Aliases, err = ask[aliasList](v, "ListAliases", r.about("Limit", 100)); err != nil {
		return err
	}
	if d.Grants, err = ask[grantList](v, "ListGrants", r.about("Limit", 100)); err != nil {
		return err
	}
	if d.LastUse, err = v.lastUse(&r); err != nil {
		return err
	}
	if r.Facts.Imported() && r.Facts.Symmetric() {
		list, err := v.materials(&r, 100)
		if err != nil {
			return err
		}
		d.Materials = &list
	}
	v.show(status, "key-deletion", "Deletion of key "+r.ID, d)
	return nil
}

// keyTyped refuses unless the visitor has typed which key it is. Scripts only make that pleasant: a form that is
// sent without them is judged here.
func (v *visit) keyTyped(r *keyRoom) error {
	aliases, err := ask[aliasList](v, "ListAliases", r.about("Limit", 100))
	if err != nil {
		return err
	}
	d := keyDeletion{keyRoom: *r, Aliases: aliases}
	typed := strings.TrimSpace(v.hr.PostForm.Get("confirm"))
	for _, word := range d.words() {
		if typed == word {
			return nil
		}
	}
	return &Refusal{Status: 400, Code: "NotConfirmed", Message: "Nothing was deleted. To confirm, type the key id, or an alias of the key, as it is written on this page."}
}

// destroy is act of what cannot be undone: confirmed first.
func (v *visit) destroy(operation, said string, in func(*keyRoom) (map[string]any, error)) error {
	r, err := v.enter("deletion")
	if err != nil {
		return err
	}
	var body map[string]any
	if err = v.keyTyped(&r); err == nil {
		body, err = in(&r)
	}
	var status int
	if err != nil {
		status, err = r.stay(err)
	} else {
		status, err = v.act(&r, operation, body, "deletion", said)
	}
	if status == 0 {
		return err
	}
	return v.keyDeletion(status, r, v.hr.PostForm.Get("days"))
}

func (v *visit) scheduleDeletion() error {
	return v.destroy("ScheduleKeyDeletion", "The key is going to be deleted. Until then it cannot be used, and the deletion can be cancelled.", func(r *keyRoom) (map[string]any, error) {
		days, err := number("The waiting period", v.hr.PostForm.Get("days"))
		return r.about("PendingWindowInDays", days), err
	})
}

func (v *visit) deleteMaterial() error {
	return v.destroy("DeleteImportedKeyMaterial", "The material was deleted. Import the same material again to decrypt what it has encrypted.", func(r *keyRoom) (map[string]any, error) {
		in := r.about()
		if m := v.hr.PostForm.Get("material"); m != "" {
			in["KeyMaterialId"] = m
		}
		return in, nil
	})
}

func (v *visit) cancelDeletion() error {
	r, err := v.enter("deletion")
	if err != nil {
		return err
	}
	status, err := v.act(&r, "CancelKeyDeletion", r.about(), "", "The key is not going to be deleted. It is disabled: enable it to use it.")
	if status == 0 {
		return err
	}
	return v.keyDeletion(status, r, "30")
}
