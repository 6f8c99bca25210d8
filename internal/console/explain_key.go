package console

import (
	"strings"

	"qkms/internal/oversight"
)

// A keyUsePage is who of the account may use a key: a page of principals.
type keyUsePage struct {
	Key     string // as it was asked for
	Refusal *Refusal
	oversight.KeyUse
}

func (v *visit) keyUsePage(id string) error {
	p := keyUsePage{Key: id}
	in := []string{"KeyId", id}
	if m := v.hr.URL.Query().Get("marker"); m != "" {
		in = append(in, "Marker", m)
	}
	err := v.query(oversight.Signing, "ExplainKeyUse", &p.KeyUse, in...)
	if p.Refusal = refusalOf(err); p.Refusal != nil {
		v.show(p.Refusal.status(), "explain-key", "Who may use this key", p)
		return nil
	}
	if err != nil {
		return err
	}
	return v.page("explain-key", "Who may use this key", p)
}

// Bare is an action without its service, for the head of a column.
func (keyUsePage) Bare(action string) string { return strings.TrimPrefix(action, "kms:") }

// Action is that of a column.
func (p keyUsePage) Action(column int) string { return p.Actions[column] }
