package console

import "strings"

// act performs something on the key of the page, and goes back to one of its pages: at once, or with the refusal.
func (v *visit) act(r *keyRoom, operation string, in map[string]any, tab, said string) (status int, err error) {
	if err := v.kms(operation, in, nil); err != nil {
		return r.stay(err)
	}
	return 0, v.done(r.path(tab), said)
}

func (v *visit) describeKeyAs() error {
	r, err := v.enter("")
	if err != nil {
		return err
	}
	text := strings.TrimSpace(v.hr.PostForm.Get("description"))
	status, err := v.act(&r, "UpdateKeyDescription", r.about("Description", text), "", "The description was changed.")
	if status == 0 {
		return err
	}
	return v.keyOverview(status, r, text)
}

func (v *visit) enableKey() error {
	return v.switchKey("EnableKey", "The key can be used again.")
}

func (v *visit) disableKey() error {
	return v.switchKey("DisableKey", "The key is disabled: nothing can be done with it until it is enabled.")
}

func (v *visit) switchKey(operation, said string) error {
	r, err := v.enter("")
	if err != nil {
		return err
	}
	status, err := v.act(&r, operation, r.about(), "", said)
	if status == 0 {
		return err
	}
	return v.keyOverview(status, r, r.Facts.Description)
}
